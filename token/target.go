package token

import "strings"

const maxTarget = 16 << 10

// sameTarget compares the htu of a proof with the address of a request, both normalised as
// RFC 3986 §6.2.2 and §6.2.3 have it, without query and fragment (RFC 9449 §4.3).
func sameTarget(htu, target string) bool {
	a, ok := normalTarget(htu)
	if !ok {
		return false
	}
	b, ok := normalTarget(target)
	return ok && a == b
}

// normalTarget writes an http or https address in the one normal way. It reads the text itself,
// for a lenient parser would mend what two readers could read in two ways: ok is false for user
// names, escapes in the host, backslashes and whatever else no address needs.
func normalTarget(raw string) (normal string, ok bool) {
	if at := strings.IndexAny(raw, "?#"); at >= 0 {
		raw = raw[:at]
	}
	scheme, rest, found := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !found || len(raw) > maxTarget || (scheme != "https" && scheme != "http") {
		return "", false
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		rest, slash = rest+"/", len(rest)
	}
	host, ok := normalHost(rest[:slash], scheme)
	if !ok {
		return "", false
	}
	path, ok := normalPath(rest[slash:])
	return scheme + "://" + host + path, ok
}

func normalHost(authority, scheme string) (string, bool) {
	host, port := strings.ToLower(authority), ""
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host, port = host[:at], host[at+1:]
	}
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._[:]") != "" || strings.Trim(port, "0123456789") != "" ||
		(host[0] == '[') != (host[len(host)-1] == ']') || (host[0] != '[' && strings.ContainsAny(host, "[:]")) {
		return "", false
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host, true
	}
	return host + ":" + port, true
}

// normalPath writes escapes in upper case, unreserved characters unescaped, and no dot segments.
func normalPath(path string) (string, bool) {
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '%':
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return "", false
			}
			if c = unhex(path[i+1])<<4 | unhex(path[i+2]); unreserved(c) {
				b = append(b, c)
			} else {
				b = append(b, '%', upper(path[i+1]), upper(path[i+2]))
			}
			i += 2
		case c <= ' ' || c >= 0x7f || c == '\\':
			return "", false
		default:
			b = append(b, c)
		}
	}
	return withoutDots(string(b)), true
}

// withoutDots is RFC 3986 §5.2.4.
func withoutDots(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path[1:], "/")
	kept := make([]string, 0, len(segments))
	for n, segment := range segments {
		if segment == ".." && len(kept) > 0 {
			kept = kept[:len(kept)-1]
		}
		if segment != "." && segment != ".." {
			kept = append(kept, segment)
		} else if n == len(segments)-1 {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return upper(c) - 'A' + 10
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}
