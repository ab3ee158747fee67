package oauth

import (
	"net/url"
	"strings"
	"testing"
)

// S17: byte for byte, and the loopback port exception only.
func TestRedirectMatching(t *testing.T) {
	const web = "https://app.example/cb"
	for _, c := range []struct {
		registered, requested string
		want                  bool
	}{
		{web, web, true},
		{web, "https://app.example/cb/", false},
		{web, "https://app.example/cb?x=1", false},
		{web, "https://app.example/cb#f", false},
		{web, "https://app.example/CB", false},
		{web, "https://APP.example/cb", false},
		{web, "https://app.example:443/cb", false},
		{web, "https://app.example/cb/../evil", false},
		{web, "https://app.example/%63b", false},
		{web, "https://app.example.evil.example/cb", false},
		{web, "https://app.example@evil.example/cb", false},
		{web, "https://evil.example/?https://app.example/cb", false},
		{web, "http://app.example/cb", false},
		{web, "//app.example/cb", false},
		{web, " https://app.example/cb", false},
		{web, "", false},
		{"", "", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true},
		{"http://127.0.0.1:8080/cb", "http://127.0.0.1:51004/cb", true},
		{"http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true},
		{"http://[::1]/cb", "http://[::1]:1/cb", true},
		{"http://127.0.0.1/cb", "http://[::1]:51004/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb/x", false},
		{"http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false},
		{"http://localhost/cb", "http://localhost:51004/cb", false},
		{"https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false},
		{"com.example.app:/cb", "com.example.app:/cb", true},
		{"com.example.app:/cb", "com.example.app:/cb2", false},
	} {
		if got := matchRedirect(c.registered, c.requested); got != c.want {
			t.Errorf("registered %q, requested %q: %v", c.registered, c.requested, got)
		}
	}
}

func TestRedirectKeepsTheQueryItHas(t *testing.T) {
	got := withQuery("https://a.example/cb?x=1", pair{"code", "a b&c"}, pair{"state", ""}, pair{"iss", "https://i"})
	if got != "https://a.example/cb?x=1&code=a+b%26c&iss=https%3A%2F%2Fi" {
		t.Fatal(got)
	}
}

func FuzzRedirect(f *testing.F) {
	f.Add("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb")
	f.Add("https://app.example/cb", "https://app.example/cb")
	f.Fuzz(func(t *testing.T, registered, requested string) {
		if !matchRedirect(registered, requested) || registered == requested {
			return
		}
		was, err := url.Parse(registered)
		if err != nil {
			return // the registered one decides what a browser makes of it
		}
		asked, err := url.Parse(requested)
		if err != nil || asked.User != nil || asked.Scheme != "http" || was.Hostname() != asked.Hostname() ||
			was.EscapedPath() != asked.EscapedPath() || was.RawQuery != asked.RawQuery ||
			!strings.HasPrefix(requested, "http://") {
			t.Fatalf("%q passes as %q", requested, registered)
		}
	})
}
