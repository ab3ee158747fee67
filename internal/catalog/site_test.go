package catalog_test

import (
	"net/url"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

func app(id, identifier string) catalog.Edit {
	return edit(symbolon.KindResource, id, `{"identifier":"`+identifier+`","kind":"app","upstream":{"url":"http://127.0.0.1:1"}}`)
}

func sitesOf(t testing.TB) *catalog.Snapshot {
	c, _ := open(t)
	put(t, c, app("wiki", "https://wiki.example"), app("secret", "https://wiki.example/secret"), app("deep", "https://wiki.example/secret/deep"),
		app("port", "https://wiki.example:8443"), app("dev", "http://dev.localhost:8080/app"), app("six", "https://[2001:db8::1]"))
	return c.Current()
}

func TestARequestFindsItsResource(t *testing.T) { // S7, S9
	s := sitesOf(t)
	cases := []struct{ host, path, want string }{
		{"wiki.example", "/", "wiki"}, {"wiki.example", "", "wiki"}, {"WIKI.example", "/x", "wiki"}, {"wiki.example:443", "/x", "wiki"},
		{"wiki.example", "/secret", "secret"}, {"wiki.example", "/secret/", "secret"}, {"wiki.example", "/secret/x", "secret"},
		{"wiki.example", "/secrets", "wiki"}, {"wiki.example", "/secret.txt", "wiki"}, {"wiki.example", "/secret/deep/x", "deep"},
		{"wiki.example", "/Secret", "wiki"},
		{"wiki.example:8443", "/secret", "port"}, {"[2001:db8::1]", "/", "six"}, {"[2001:db8::1]:443", "/", "six"},
		{"dev.localhost:8080", "/app/x", "dev"}, {"dev.localhost:8080", "/", ""}, {"dev.localhost", "/app", ""},
		{"wiki.example:80", "/", ""}, {"wiki.example.", "/", ""}, {"evil.example", "/", ""}, {"", "/", ""}, {"wiki.example:", "/", ""},
		{"id.example", "/admin", ""},
		// What a server behind would read as /secret is judged as /secret, or not at all.
		{"wiki.example", "/%73ecret", "secret"}, {"wiki.example", "/%2573ecret", ""}, {"wiki.example", "/secret;v=1/x", "secret"},
		{"wiki.example", "/%2Fsecret", ""}, {"wiki.example", "//secret", ""}, {"wiki.example", "/./secret", ""}, {"wiki.example", "/a/../secret", ""},
		{"wiki.example", "/a/%2e%2e/secret", ""}, {"wiki.example", "/a/..;/secret", ""}, {"wiki.example", `/a\..\secret`, ""}, {"wiki.example", "/%5csecret", ""},
		{"wiki.example", "/%zz", ""}, {"wiki.example", "secret", ""}, {"wiki.example", "*", ""}, {"wiki.example", "/;x/secret", ""}, {"wiki.example", "/a%2fsecret", ""}, {"wiki.example", "/..", ""}, {"wiki.example", "/.well-known/x", "wiki"},
	}
	for _, q := range cases {
		got := ""
		if r, ok := s.Match(q.host, q.path); ok {
			got = string(r.ID)
		}
		if got != q.want {
			t.Errorf("%s %s: got %q, want %q", q.host, q.path, got, q.want)
		}
	}
}

func TestBrokersMayUseTheCallbacksOfWhatTheyServe(t *testing.T) { // S17
	c, _ := open(t)
	put(t, c, app("wiki", "https://wiki.example"), app("deep", "https://wiki.example/deep"), app("dev", "http://dev.localhost:8080/app"),
		edit(symbolon.KindResource, "orders", `{"identifier":"https://orders.example"}`),
		confidential("edge", `,"broker":true,"redirect_uris":["https://edge.example/cb"]`), confidential("web", `,"redirect_uris":["https://web.example/cb"]`))
	s := c.Current()
	edge, _ := s.Client("edge")
	want := "https://edge.example/cb https://wiki.example/.symbolon/callback http://dev.localhost:8080/.symbolon/callback"
	if got := strings.Join(s.RedirectURIs(edge), " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	web, _ := s.Client("web")
	if got := strings.Join(s.RedirectURIs(web), " "); got != "https://web.example/cb" {
		t.Errorf("got %s", got)
	}
}

// FuzzMatch: what is not matched as a protected path is not that path to a server that decodes,
// drops parameters and resolves dots.
func FuzzMatch(f *testing.F) {
	s := sitesOf(f)
	for _, path := range []string{"/secret", "/%73ecret/x", "/a/../secret", "/;x/secret", "/a;/..;/secret", "//secret"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, ok := s.Match("wiki.example", path)
		if ok && r.ID == "wiki" && asServed(path) == "secret" {
			t.Fatalf("%q is judged as wiki and served as secret", path)
		}
	})
}

// asServed is the first segment of a path as a lenient server sees it.
func asServed(path string) string {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return ""
	}
	var segments []string
	for segment := range strings.SplitSeq(strings.ReplaceAll(decoded, `\`, "/"), "/") {
		name, _, _ := strings.Cut(segment, ";")
		switch name {
		case "", ".":
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		default:
			segments = append(segments, name)
		}
	}
	if len(segments) == 0 {
		return ""
	}
	return segments[0]
}

func BenchmarkMatch(b *testing.B) {
	s := sitesOf(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Match("wiki.example", "/secret/page"); !ok {
			b.Fatal("not found")
		}
	}
}
