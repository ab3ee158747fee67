package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/outbound"
)

const keysAt = "https://orders.example/jwks"

func pointed(id, address string) *symbolon.Client {
	return &symbolon.Client{ID: symbolon.ClientID(id), AuthMethod: "private_key_jwt", ClientKeys: symbolon.ClientKeys{JWKSURI: address}}
}

// S21: a key that was rotated is found at once, one taken away is refused soon, and nobody can
// make us ask more often than that.
func TestKeysAtAnAddressAreFollowed(t *testing.T) {
	var now atomic.Value
	now.Store(jwksOf("ES256"))
	var down atomic.Bool
	away := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintf(w, "%s", now.Load())
	})
	s := newServer(t, func(_ *server, c *client.Config) { c.HTTP = away.Client })
	s.register(pointed("orders", keysAt))
	try := func(key string) string { return s.sent(asserted(pairs()[key].assertion(s.fresh("orders")))) }
	expect := func(when, got, want string, asked int) {
		t.Helper()
		if got != want || away.count(keysAt) != asked {
			t.Errorf("%s: %s after %d calls", when, got, away.count(keysAt))
		}
	}
	expect("first", try("ES256"), "orders", 1)
	expect("kept", try("ES256"), "orders", 1)
	expect("unknown key at once", try("other"), "invalid_client", 1)
	s.now = s.now.Add(20 * time.Second)
	for range 50 {
		expect("unknown keys, a storm", try("other"), "invalid_client", 2)
	}
	now.Store(jwksOf("EdDSA"))
	s.now = s.now.Add(20 * time.Second)
	expect("rotated", try("EdDSA"), "orders", 3)
	s.now = s.now.Add(20 * time.Second)
	expect("the old key", try("ES256"), "invalid_client", 4)
	down.Store(true)
	s.now = s.now.Add(30 * time.Minute)
	expect("it is down", try("EdDSA"), "orders", 5)
	s.now = s.now.Add(31 * time.Minute)
	expect("down for long", try("EdDSA"), "", 6)
	down.Store(false)
	s.now = s.now.Add(time.Minute)
	expect("back", try("EdDSA"), "orders", 7)
}

// fresh are good claims by the server's clock.
func (s *server) fresh(id string) object {
	return claims(id, object{"iat": s.now.Unix(), "exp": s.now.Add(time.Minute).Unix()})
}

func TestAStormOfRequestsFetchesOnce(t *testing.T) {
	release := make(chan struct{})
	away := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = w.Write(jwksOf("ES256"))
	})
	s := newServer(t, func(_ *server, c *client.Config) { c.HTTP = away.Client })
	s.register(pointed("orders", keysAt))
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if got := s.sent(asserted(pairs()["ES256"].assertion(claims("orders")))); got != "orders" {
				t.Error(got)
			}
		})
	}
	close(release)
	all.Wait()
	if away.count(keysAt) != 1 {
		t.Errorf("%d calls", away.count(keysAt))
	}
}

func TestWhatIsFetchedIsHeldToLimits(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				http.Redirect(w, r, "https://orders.example/real", http.StatusFound)
				return
			}
			_, _ = w.Write(jwksOf("ES256"))
		},
		"a long document": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"pad":%q,%s`, strings.Repeat("x", 300<<10), jwksOf("ES256")[1:])
		},
		"not JSON":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"an error":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = w.Write(jwksOf("ES256")) },
		"part of it":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); _, _ = w.Write(jwksOf("ES256")) },
		"doubled keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[],"keys":[]}`)) },
		"a private key": func(w http.ResponseWriter, _ *http.Request) {
			k := pairs()["ES256"].jwk()
			k["d"] = "AAAA"
			_, _ = w.Write(jwks(k))
		},
		"another's keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(jwksOf("other")) },
	} {
		t.Run(name, func(t *testing.T) {
			away := newSite(t, answer)
			s := newServer(t, func(_ *server, c *client.Config) { c.HTTP = away.Client })
			s.register(pointed("orders", keysAt))
			if got := s.sent(asserted(pairs()["ES256"].assertion(claims("orders")))); got == "orders" {
				t.Error("it was believed")
			}
			if away.count("https://orders.example/real") > 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

// S1, S18: an address that somebody else names is no way into our own network.
func TestAddressesInsideAreNotCalled(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") }))
	defer inside.Close()
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	s := newServer(t, func(_ *server, c *client.Config) {
		c.HTTP = must(outbound.New(outbound.Options{}))
		c.Documents = &client.Documents{Admit: func(*symbolon.Client) error { return nil }}
	})
	for n, address := range []string{"http://127.0.0.1" + port, "http://localhost" + port + "/jwks", "http://169.254.169.254/latest/meta-data", "http://[::1]" + port} {
		id := fmt.Sprint("orders", n)
		s.register(pointed(id, address))
		_, err := s.Authenticate(context.Background(), httptest.NewRequest(http.MethodPost, "/token", nil), asserted(pairs()["ES256"].assertion(claims(id))))
		if !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, id := range []string{"https://inside.localhost/client.json"} {
		if _, err := s.Find(context.Background(), symbolon.ClientID(id)); !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"https://127.0.0.1/client.json", "https://[::1]/x", "https://localhost/x", "http://app.example/x", "https://10.0.0.1/x"} {
		var known *symbolon.Error
		if _, err := s.Find(context.Background(), symbolon.ClientID(id)); !errors.As(err, &known) || known.Kind != symbolon.NotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
}
