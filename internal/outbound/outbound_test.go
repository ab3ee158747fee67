package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// S1, S18: a URL that somebody else names cannot be turned against our own network.
func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a refused address was called") }))
	defer inside.Close()
	client, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "metadata.localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "[fd00::1]"} {
		_, err := client.Get("http://" + host + port)
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAnAllowedHostIsCalledAndARedirectIsNot(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 200))
	}))
	defer server.Close()
	client, err := New(Options{Allow: []string{"keys.localhost"}, MaxBody: 100})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(server.URL)
	base := "http://keys.localhost:" + u.Port()
	response, err := client.Get(base + "/away")
	if err != nil || response.StatusCode != http.StatusFound {
		t.Fatalf("redirect: %v %v", response, err)
	}
	_ = response.Body.Close()
	if response, err = client.Get(base + "/long"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Fatal("an answer over the limit was read")
	}
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true, "100.64.0.1": false, "192.168.1.1": false, "224.0.0.1": false,
		"fe80::1": false, "fc00::1": false, "::": false, "255.255.255.255": false, "198.18.0.1": false, "64:ff9b::a00:1": false, "2002:7f00:1::": false,
	} {
		if got := Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("Public(%s) = %v", text, got)
		}
	}
}
