package broker

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"symbolon.dev"
)

const maxTarget = 16 << 10

// cleanPath checks the request-target of a request (RFC 9112 §3.2) and returns the path that
// policies judge: decoded once. It refuses whatever two readers could read in two ways, so the
// bytes that go upstream can mean nothing but what was judged:
//
//   - anything but the origin form: an absolute form could name another host
//   - dot segments, empty segments, ";" and "\", plain or encoded
//   - an encoded "/", NUL or other control byte, and what is no UTF-8 once decoded
//   - an encoded letter, digit, "-", ".", "_" or "~": they need no encoding (RFC 3986 §2.3), so
//     "/%61dmin" has no purpose but to differ from "/admin"
//   - an encoded "%" before two hex digits: it would decode once more behind us
//   - bytes that a path cannot hold unencoded: each reader repairs them in its own way
func cleanPath(target string) (string, error) {
	if len(target) > maxTarget {
		return "", symbolon.Errorf(symbolon.Invalid, "the address is longer than %d bytes", maxTarget)
	}
	raw, _, _ := strings.Cut(target, "?")
	if raw == "" || raw[0] != '/' {
		return "", ambiguous("must be an absolute path")
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] == '%' {
			if why := badEscape(raw[i:]); why != "" {
				return "", ambiguous(why)
			}
			i += 2
		} else if !pathByte(raw[i]) {
			return "", ambiguous("has a byte that must be encoded or may not be there")
		}
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil || !utf8.ValidString(decoded) {
		return "", ambiguous("is not UTF-8")
	}
	if why := badSegments(decoded); why != "" {
		return "", ambiguous(why)
	}
	return decoded, nil
}

func ambiguous(why string) error {
	return symbolon.Errorf(symbolon.Invalid, "the path of the address %s", why)
}

// badEscape judges an escape at the start of s.
func badEscape(s string) string {
	if len(s) < 3 || !hexDigit(s[1]) || !hexDigit(s[2]) {
		return "has a broken escape"
	}
	switch c := unhex(s[1])<<4 | unhex(s[2]); {
	case c < ' ' || c == 0x7f:
		return "hides a control byte"
	case c == '/' || c == '\\' || c == ';':
		return "hides a separator"
	case unreserved(c):
		return "has an escape for a byte that needs none"
	case c == '%' && len(s) >= 5 && hexDigit(s[3]) && hexDigit(s[4]):
		return "is encoded twice"
	}
	return ""
}

func badSegments(path string) string {
	for rest, last := path[1:], false; !last; {
		var segment string
		var more bool
		segment, rest, more = strings.Cut(rest, "/")
		last = !more
		if segment == "." || segment == ".." {
			return "has a dot segment"
		}
		if segment == "" && !last {
			return "has an empty segment"
		}
	}
	return ""
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// pathByte: unreserved, "/", ":", "@" and the sub-delims of RFC 3986 without ";", and the brackets
// that browsers leave unencoded.
func pathByte(c byte) bool { return unreserved(c) || strings.IndexByte("/:@!$&'()*+,=[]", c) >= 0 }

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
