package catalog

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"symbolon.dev"
)

// site is where a resource lives: an origin, and a path under it ("" = all of it).
type site struct {
	origin string   // scheme://host[:port], canonical
	scheme string   // http or https
	name   string   // host name alone
	hosts  []string // spellings of host and port that a request may have
	path   string   // "" or "/a/b"
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// parseSite reads a resource's identifier: an absolute URI without fragment (RFC 8707 §2), here
// an origin or an origin and a path, in its canonical spelling, since others compare it byte by byte.
func parseSite(identifier string) (site, error) {
	u, err := url.Parse(identifier)
	switch {
	case err != nil || !plainASCII(identifier) || len(identifier) > maxURI:
		return site{}, fmt.Errorf("it is not a URI of at most %d plain characters", maxURI)
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Hostname() == "":
		return site{}, fmt.Errorf("it must be an https:// URL")
	case strings.ContainsRune(identifier, '#'):
		return site{}, fmt.Errorf("it must not have a fragment")
	case u.User != nil || strings.ContainsRune(identifier, '?'):
		return site{}, fmt.Errorf("it must not have a user or a query")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return site{}, fmt.Errorf("http:// is for loopback hosts only; use https://")
	}
	s := site{scheme: u.Scheme, name: strings.ToLower(u.Hostname()), path: strings.TrimSuffix(u.EscapedPath(), "/")}
	s.hosts = hostSpellings(s.scheme, s.name, u.Port())
	s.origin = s.scheme + "://" + s.hosts[0]
	if _, clear := clearPath(s.path); !clear || strings.ContainsAny(s.path, "%;") {
		return site{}, fmt.Errorf("its path must be plain, without %%, ;, \\, //, a dot or two dots as a segment")
	}
	if want := s.origin + s.path; identifier != want && (s.path != "" || identifier != want+"/") {
		return site{}, fmt.Errorf("write it as %s", want)
	}
	return s, nil
}

// hostSpellings lists how a host and port may be written in a request, the canonical one first.
func hostSpellings(scheme, name, port string) []string {
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port != "" && port != defaultPorts[scheme] {
		return []string{name + ":" + port}
	}
	return []string{name, name + ":" + defaultPorts[scheme]}
}

// spellings are the forms of an identifier that name the same resource.
func (s site) spellings(identifier string) []string {
	if s.path != "" {
		return []string{identifier}
	}
	return []string{s.origin, s.origin + "/"}
}

// sites finds resources by where they live.
type sites struct{ byHost map[string][]place }

type place struct {
	path     string
	resource *symbolon.Resource
}

func (s *sites) add(at site, r *symbolon.Resource) {
	if s.byHost == nil {
		s.byHost = map[string][]place{}
	}
	for _, host := range at.hosts {
		places := append(s.byHost[host], place{at.path, r})
		slices.SortStableFunc(places, func(a, b place) int { return len(b.path) - len(a.path) })
		s.byHost[host] = places
	}
}

func (s *sites) match(host, path string) (*symbolon.Resource, bool) {
	places, ok := s.byHost[host]
	if !ok {
		if places, ok = s.byHost[strings.ToLower(host)]; !ok {
			return nil, false
		}
	}
	path, clear := clearPath(path)
	if !clear {
		return nil, false
	}
	for _, p := range places {
		if path == p.path || strings.HasPrefix(path, p.path) && path[len(p.path)] == '/' || p.path == "" {
			return p.resource, true
		}
	}
	return nil, false
}

// clearPath decodes a path once, as a server behind would. A path that could still be read in
// two ways is not clear: it could be judged as one resource and served as another.
func clearPath(path string) (string, bool) {
	if path != "" && path[0] != '/' {
		return "", false
	}
	decoded := path
	if strings.IndexByte(path, '%') >= 0 {
		var err error
		if decoded, err = url.PathUnescape(path); err != nil || strings.Contains(decoded, "%") ||
			strings.Count(decoded, "/") != strings.Count(path, "/") {
			return "", false
		}
	}
	decoded = withoutParameters(decoded)
	if strings.Contains(decoded, "\\") || strings.Contains(decoded, "//") || dotted(decoded) {
		return "", false
	}
	return decoded, true
}

// withoutParameters drops ";…" from each segment: some servers do not see it.
func withoutParameters(path string) string {
	if !strings.Contains(path, ";") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// dotted reports whether a segment is a dot or two.
func dotted(path string) bool {
	if !strings.Contains(path, "/.") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// loopback reports whether a host is this machine by definition: RFC 6761 §6.3, RFC 8252 §7.3.
func loopback(name string) bool {
	name = strings.ToLower(name)
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func plainASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
