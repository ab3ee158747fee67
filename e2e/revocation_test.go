package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// S20, S32: a revoked token is refused, and the WebSocket that it opened is cut.
func TestRevocationCutsWhatIsOpen(t *testing.T) {
	w := demo(t)
	orders := w.Services["orders"]
	token := w.token(orders, w.Apps["chat"])
	conn := w.dial(token)
	if revoked := w.as(orders, "/revoke", url.Values{"token": {token}}); revoked.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", revoked.status, revoked.text)
	}
	begun := time.Now()
	if introspected := w.as(w.Services["orders"], "/introspect", url.Values{"token": {token}}); introspected.json["active"] != false || len(introspected.json) != 1 {
		t.Errorf("introspection after revocation: %s", introspected.text)
	}
	w.closedWith1008(conn)
	cut := time.Since(begun)
	refused := eventually(t, 5*time.Second, "the next request is refused", func() bool {
		return w.get(w.Apps["chat"]+"/", token).status == http.StatusUnauthorized
	})
	t.Logf("WebSocket closed %s, next request refused %s after the acknowledgement", cut, refused)
}

// S20, S21: a client that is disabled loses its tokens and its open connections.
func TestADisabledClientIsCutOff(t *testing.T) {
	w := demo(t)
	orders := w.Services["orders"]
	token := w.token(orders, w.Apps["chat"])
	conn := w.dial(token)
	got := w.admin(http.MethodGet, "/clients/orders", nil)
	doc, _ := got.json["doc"].(map[string]any)
	if doc == nil {
		t.Fatalf("%d %s", got.status, got.text)
	}
	doc["disabled"] = true
	if put := w.admin(http.MethodPut, "/clients/orders", doc); put.status != http.StatusOK {
		t.Fatalf("disable: %d %s", put.status, put.text)
	}
	w.closedWith1008(conn)
	if again := w.as(orders, "/token", url.Values{"grant_type": {"client_credentials"}, "resource": {orders.Resource}}); again.json["error"] != "invalid_client" {
		t.Errorf("a disabled client is served: %s", again.text)
	}
}

func (w *world) dial(token string) *websocket.Conn {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(w.Apps["chat"], "http")+"/ws",
		&websocket.DialOptions{HTTPClient: w.http, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.CloseNow() })
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		w.t.Fatal(err)
	}
	if _, echoed, err := conn.Read(ctx); err != nil || !strings.HasSuffix(string(echoed), ": hello") {
		w.t.Fatalf("%s %v", echoed, err)
	}
	return conn
}

func (w *world) closedWith1008(conn *websocket.Conn) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _, err := conn.Read(ctx)
	if status := websocket.CloseStatus(err); status != websocket.StatusPolicyViolation {
		w.t.Errorf("the WebSocket ended with %v, want close status 1008", err)
	}
}
