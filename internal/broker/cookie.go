package broker

import (
	"net/http"
	"strings"
)

// cookies knows the names of the broker's cookies. On plain HTTP, which is for development on
// loopback alone, the __Host- prefix (RFC 6265bis §4.1.3.2) is not possible.
type cookies struct{ secure bool }

func (c cookies) session() string { return c.prefix() + "symbolon" }

// login names the cookie that keeps one login on its way; parallel ones have different keys.
func (c cookies) login(key string) string { return c.prefix() + "symbolon-login-" + key }

// rounds names the cookie that counts logins in a row, which stops a loop of redirects.
func (c cookies) rounds() string { return c.prefix() + "symbolon-rounds" }

func (c cookies) prefix() string {
	if c.secure {
		return "__Host-"
	}
	return ""
}

// ours reports whether a cookie of this name belongs to the broker, in either mode. Browsers
// match the prefix without case, so we do too.
func (c cookies) ours(name string) bool {
	name = strings.ToLower(strings.Trim(name, " \t"))
	name = strings.TrimPrefix(name, "__host-")
	return name == "symbolon" || strings.HasPrefix(name, "symbolon-")
}

func (c cookies) set(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, //nolint:gosec // Secure is off on loopback alone, see [cookies]
		Secure: c.secure, SameSite: http.SameSiteLaxMode})
}

func (c cookies) clear(w http.ResponseWriter, name string) { c.set(w, name, "", -1) }

// hide takes the broker's cookies out of what goes upstream; all others stay as they came.
func (c cookies) hide(h http.Header) {
	lines := h["Cookie"]
	if !c.mentions(lines) {
		return
	}
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		if rest := c.without(line); rest != "" {
			kept = append(kept, rest)
		}
	}
	if len(kept) == 0 {
		h.Del("Cookie")
		return
	}
	h["Cookie"] = kept
}

func (c cookies) mentions(lines []string) bool {
	for _, line := range lines {
		if strings.Contains(strings.ToLower(line), "symbolon") {
			return true
		}
	}
	return false
}

func (c cookies) without(line string) string {
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		pair = strings.Trim(pair, " \t")
		name, _, _ := strings.Cut(pair, "=")
		if pair != "" && !c.ours(name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "; ")
}

// guard drops what an upstream must not set: our cookies, and cookies without a name, since a
// browser sends "=symbolon=x" back as "symbolon=x".
func (c cookies) guard(h http.Header) {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := lines[:0]
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		name, _, named := strings.Cut(pair, "=")
		if named && strings.Trim(name, " \t") != "" && !c.ours(name) {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		h.Del("Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}
