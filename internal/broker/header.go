package broker

import (
	"net/http"
	"strings"
)

// Names that tell an application who is asking, from where, or what is meant instead of what the
// request line says. Only the broker may; they are compared normalised, as CGI, WSGI and proxies
// fold them (see [normal]).
var (
	identityPrefixes = []string{"x-forwarded-", "x-user", "x-auth", "x-remote", "x-symbolon", "x-original-", "x-client-cert",
		"x-ssl-", "ssl-client-", "x-webauth-", "remote-", "client-cert"}
	identityNames = nameSet("authorization", "forwarded", "x-real-ip", "x-rewrite-url", "x-request-id", "x-client-ip", "true-client-ip",
		"x-cluster-client-ip", "x-http-method", "x-http-method-override", "x-method-override", "dpop", "x-groups", "x-email", "x-roles")
)

func nameSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// normal folds a header name the way the most careless reader would: case, "_" and "." do not count.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		case r == '_' || r == '.':
			return '-'
		}
		return r
	}, name)
}

// strip removes every header that could be taken for the broker's own word: the identity headers
// and those that this resource's upstream is told (told holds normalised names).
func strip(h http.Header, told map[string]bool) {
	for name := range h {
		if harmless[name] {
			continue
		}
		if folded := normal(name); identityNames[folded] || told[folded] || hasAnyPrefix(folded, identityPrefixes) {
			delete(h, name)
		}
	}
}

// harmless are names that nearly every request has, so that they need no closer look. A resource
// cannot be told anything under one of them (see [usableHeader]).
var harmless = map[string]bool{"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Connection": true, "Content-Length": true,
	"Content-Type": true, "Cookie": true, "Host": true, "Origin": true, "Referer": true, "Te": true, "Upgrade": true, "User-Agent": true}

// usableHeader reports whether an upstream may be told a claim under this name.
func usableHeader(name string) bool {
	canonical := http.CanonicalHeaderKey(name)
	return !harmless[canonical] && normal(name) != "authorization" && normal(name) != "transfer-encoding" && normal(name) != "trailer"
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}
