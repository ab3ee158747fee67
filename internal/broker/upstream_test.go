package broker

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	issuing "symbolon.dev/internal/issuer"
)

// through declares an upstream for orders and waits until the broker uses it.
func (w *world) through(up symbolon.Upstream) {
	w.t.Helper()
	w.put(symbolon.KindResource, "orders", symbolon.Resource{ID: "orders", Identifier: orders, Upstream: &up, Scopes: []symbolon.Scope{{Name: "read"}}})
	w.until("the broker knows", func() bool { return w.b.table.Load().snapshot.Version == w.catalog.Current().Version })
}

// S7: an application is reached the way it listens, and told the same by each.
func TestUpstreamsOfEveryKind(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	say := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, r.Proto+" "+r.Host+" "+r.Header.Get("X-Forwarded-Proto"))
	})
	socket := filepath.Join(t.TempDir(), "app.sock")
	listener := must(net.Listen("unix", socket))
	onSocket := &http.Server{Handler: say, ReadHeaderTimeout: time.Minute}
	go func() { _ = onSocket.Serve(listener) }()
	t.Cleanup(func() { _ = onSocket.Close() })

	overTLS := httptest.NewUnstartedServer(say)
	overTLS.EnableHTTP2 = true
	overTLS.StartTLS()
	t.Cleanup(overTLS.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	w.check(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: overTLS.Certificate().Raw}), 0o600))

	clear := httptest.NewUnstartedServer(say)
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	clear.Start()
	t.Cleanup(clear.Close)

	for name, c := range map[string]struct {
		up   symbolon.Upstream
		want string
	}{
		"unix":             {symbolon.Upstream{URL: "unix://" + socket}, "HTTP/1.1 orders.localhost http"},
		"https with a CA":  {symbolon.Upstream{URL: overTLS.URL, CAFile: ca}, "HTTP/2.0 orders.localhost http"},
		"h2c":              {symbolon.Upstream{URL: strings.Replace(clear.URL, "http:", "h2c:", 1)}, "HTTP/2.0 orders.localhost http"},
		"https, untrusted": {symbolon.Upstream{URL: overTLS.URL}, ""},
	} {
		w.through(c.up)
		got := w.bearer(raw, orders+"/1")
		if c.want == "" && got.StatusCode != http.StatusBadGateway || c.want != "" && got.body != c.want {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
}

func TestUpstreamsThatCannotBe(t *testing.T) {
	for _, address := range []string{"", "ftp://x", "http://", "http://x/base", "http://x?q", "http://u:p@x", "unix://host/path", "unix://", "https://x/%2e%2e", "x:80"} {
		if up, err := newUpstream(&symbolon.Upstream{URL: address}); err == nil {
			t.Errorf("%q leads to %v", address, up.base)
		}
	}
}

// A body passes as it comes, in both directions at once.
func TestBodiesAreStreamed(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	arrived := make(chan string, 1)
	serve := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		first := make([]byte, 5)
		_, _ = io.ReadFull(r.Body, first)
		arrived <- string(first)
		rest, _ := io.ReadAll(r.Body)
		rw.Header().Set("Trailer", "X-Sum")
		_, _ = rw.Write(rest)
		rw.Header().Set("X-Sum", "ok")
	})
	w.apps["orders"].serve.Store(&serve)
	body, send := io.Pipe()
	go func() {
		_, _ = io.WriteString(send, "first")
		if got := <-arrived; got != "first" {
			t.Errorf("the upstream saw %q first", got)
		}
		_, _ = io.WriteString(send, "rest")
		_ = send.Close()
	}()
	got := w.sendBody(http.MethodPost, orders+"/1", body, "Authorization", "Bearer "+raw)
	if got.body != "rest" || got.Trailer.Get("X-Sum") != "ok" {
		t.Errorf("%d %q, trailers %v", got.StatusCode, got.body, got.Trailer)
	}
}

// S7 S20: over HTTP/2 too, a request is served, and cut.
func TestHTTP2InFront(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	front := httptest.NewUnstartedServer(w.b.Handler())
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	transport := front.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", front.Listener.Addr().String())
	}
	transport.TLSClientConfig.InsecureSkipVerify = true
	transport.ForceAttemptHTTP2 = true
	over := w.talk("orders")
	req := must(http.NewRequest(http.MethodGet, "https://orders.localhost:80/stream", nil))
	req.Header.Set("Authorization", "Bearer "+raw)
	res, err := transport.RoundTrip(req)
	w.check(err)
	defer func() { _ = res.Body.Close() }()
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %d", res.Proto, res.StatusCode)
	}
	claims, err := w.tokens.Open(t.Context(), raw)
	w.check(err)
	w.check(w.tokens.RevokeToken(t.Context(), claims, issuing.Revoker{Actor: "admin", Reason: "test"}))
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the stream ended as if it were complete")
	}
	<-over
}

// S20: who is cut before there is an answer gets one that says why.
func TestARequestThatIsCutBeforeItsAnswer(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	reached := make(chan struct{})
	serve := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	})
	w.apps["orders"].serve.Store(&serve)
	claims, err := w.tokens.Open(t.Context(), raw)
	w.check(err)
	go func() {
		<-reached
		w.check(w.tokens.RevokeToken(context.Background(), claims, issuing.Revoker{Actor: "admin", Reason: "test"}))
	}()
	got := w.bearer(raw, orders)
	if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}
