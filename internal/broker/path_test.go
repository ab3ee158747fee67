package broker

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAmbiguousPathsAreRefused(t *testing.T) { // S8
	for _, target := range []string{
		"", "*", "a", "http://other.example/", "//other.example/", "/a//b", "/a/./b", "/a/../b", "/..", "/.", "/a/..",
		"/%2e%2e/admin", "/a/%2E/b", "/a%2fb", "/a%2Fb", "/a%5cb", `/a\b`, "/a;b", "/a;jsessionid=1/b", "/a%3bb", "/a%00", "/a%0d%0aX: y",
		"/a%7f", "/a\x00", "/a\x7f", "/a b", "/%", "/%4", "/%zz", "/%61dmin", "/%2561dmin", "/%252e%252e/", "/\xc3\xa9", "/%c0%af", "/%ff",
		"/%ed%a0%80", "/a#b", "/a|b", "/a\"b", "/" + strings.Repeat("a", maxTarget),
	} {
		if got, err := cleanPath(target); err == nil {
			t.Errorf("%.40q passed as %.40q", target, got)
		}
	}
}

func TestPlainPathsPass(t *testing.T) {
	for target, want := range map[string]string{
		"/": "/", "/a": "/a", "/a/": "/a/", "/a/b?x=/../": "/a/b", "/a?": "/a", "/caf%C3%A9": "/café", "/a%20b": "/a b",
		"/a%40b": "/a@b", "/100%25": "/100%", "/100%25/x": "/100%/x", "/a...b/..c": "/a...b/..c", "/~me/@x/(1)/a+b,c=d": "/~me/@x/(1)/a+b,c=d", "/a[1]": "/a[1]", "/%3F": "/?",
	} {
		if got, err := cleanPath(target); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", target, got, err, want)
		}
	}
}

// What passes reaches the upstream byte for byte, and decodes there to what was judged.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"/", "/a/b?c", "/caf%C3%A9", "/%2e", "/a%2Fb", "//x", "/a;b", "/100%25", "/[x]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, err := cleanPath(target)
		if err != nil {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http refuses it before we see it
		}
		raw, _, _ := strings.Cut(target, "?")
		if u.EscapedPath() != raw || u.Path != path {
			t.Fatalf("%q is judged as %q and forwarded as %q", target, path, u.EscapedPath())
		}
		if !utf8.ValidString(path) || strings.Contains(path, "//") || strings.ContainsAny(path, ";\\\x00\r\n") || strings.Contains(path+"/", "/../") || strings.Contains(path+"/", "/./") {
			t.Fatalf("%q passed as %q", target, path)
		}
		if again, err := url.PathUnescape(path); err == nil && again != path {
			t.Fatalf("%q decodes twice to %q", target, again)
		}
	})
}
