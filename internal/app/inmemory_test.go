package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// reflector answers with what it was asked, in many shapes.
var reflector = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Add("X-Two", "one")
	w.Header().Add("X-Two", "two")
	switch r.URL.Path {
	case "/none":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/early":
		w.WriteHeader(http.StatusEarlyHints)
	case "/twice":
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		w.Header().Set("X-Late", "too late")
	case "/silent":
		return
	}
	_, _ = io.WriteString(w, r.Method+" "+r.Host+" "+r.RequestURI+" "+r.URL.RawQuery+" "+r.Header.Get("Authorization")+" "+r.Header.Get("X-Given")+" "+string(body))
})

// Decision 1 of the design: the way through memory is the way over the network, only shorter.
func TestMemoryAndNetworkAreTheSame(t *testing.T) {
	server := httptest.NewServer(reflector)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	network := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	memory := &http.Client{Transport: inMemory{reflector}}
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/plain?a=b&c=%2F", ""}, {"POST", "/form", "a=1&b=2"}, {"GET", "/none", ""}, {"GET", "/twice", ""},
		{"GET", "/silent", ""}, {"GET", "/early", ""}, {"PUT", "/with%2Fslash/%20space", "x"}, {"DELETE", "/", ""},
	} {
		ask := func(client *http.Client) string {
			r, err := http.NewRequest(c.method, "http://"+host+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("broker", "secret")
			r.Header.Set("X-Given", "yes")
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response.Status + " " + strings.Join(response.Header["X-Two"], "+") + " " + response.Header.Get("X-Late") + " " +
				response.Header.Get("Content-Type") + " " + string(body)
		}
		if far, near := ask(network), ask(memory); far != near {
			t.Errorf("%s %s\n network %q\n memory  %q", c.method, c.path, far, near)
		}
	}
}

func TestMemoryEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	waits := inMemory{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })}
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://id.localhost/", nil)
	if _, err := waits.RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := waits.RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("begun for a caller who is gone: %v", err)
	}
}

// A handler that breaks must not take the broker in the same process along.
func TestAPanicInMemoryIsAnErrorOfTheCall(t *testing.T) {
	breaks := inMemory{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })}
	r, _ := http.NewRequest("GET", "http://id.localhost/", nil)
	if response, err := breaks.RoundTrip(r); err == nil {
		t.Errorf("%v", response.Status)
	}
}
