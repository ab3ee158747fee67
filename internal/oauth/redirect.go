package oauth

import (
	"net/http"
	"net/url"
	"strings"
)

// matchRedirect reports whether a requested redirect URI is the registered one: byte for byte,
// with the one exception of RFC 8252 §7.3 that a loopback address may have any port.
func matchRedirect(registered, requested string) bool {
	if registered == requested {
		return requested != ""
	}
	host, rest, ok := loopback(registered)
	if !ok {
		return false
	}
	askedHost, askedRest, ok := loopback(requested)
	return ok && host == askedHost && rest == askedRest
}

// loopback splits an http URI of a loopback address into its host and what follows the port.
// A name ("localhost") is not an address: RFC 8252 §8.3.
func loopback(uri string) (host, rest string, ok bool) {
	for _, host := range [...]string{"http://127.0.0.1", "http://[::1]"} {
		if after, found := strings.CutPrefix(uri, host); found {
			rest, ok := cutPort(after)
			return host, rest, ok
		}
	}
	return "", "", false
}

// cutPort removes ":port" and reports whether what follows is a path, a query or nothing.
func cutPort(after string) (rest string, ok bool) {
	if port, found := strings.CutPrefix(after, ":"); found {
		digits := 0
		for digits < len(port) && port[digits] >= '0' && port[digits] <= '9' {
			digits++
		}
		if digits == 0 || digits > 5 || len(port[:digits]) == 5 && port[:digits] > "65535" {
			return "", false
		}
		after = port[digits:]
	}
	return after, after == "" || after[0] == '/' || after[0] == '?'
}

// redirectTo sends the browser on with 303, which never repeats a POST (RFC 9700 §4.12).
func redirectTo(w http.ResponseWriter, target string) {
	h := w.Header()
	h.Set("Location", target)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// withQuery adds parameters to a redirect URI, keeping the query it has (RFC 6749 §3.1.2).
// Those without a value are left out.
func withQuery(uri string, added ...pair) string {
	var b strings.Builder
	b.WriteString(uri)
	separator := byte('?')
	if strings.Contains(uri, "?") {
		separator = '&'
	}
	for _, one := range added {
		if one.value == "" {
			continue
		}
		b.WriteByte(separator)
		separator = '&'
		b.WriteString(one.name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(one.value))
	}
	return b.String()
}
