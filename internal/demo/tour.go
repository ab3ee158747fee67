package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"symbolon.dev"
	"symbolon.dev/internal/telemetry"
)

// tour plays the service half: each step shows the request, the answer and what it proves. A
// step that does not prove what it should ends the tour with an error.
type tour struct {
	*run
	count       int
	bold, plain string
}

func (d *run) tour(ctx context.Context) error {
	t := &tour{run: d}
	if telemetry.Terminal(d.Out) {
		t.bold, t.plain = "\x1b[1m", "\x1b[0m"
	}
	token, err := t.ownToken(ctx)
	if err == nil {
		err = t.elsewhere(ctx, token)
	}
	if err == nil {
		err = t.exchanged(ctx, token)
	}
	if err == nil {
		err = t.revoked(ctx, token)
	}
	if err == nil {
		err = t.cut(ctx)
	}
	return err
}

func (t *tour) step(title string)                 { t.count++; t.say("%s%d. %s%s", t.bold, t.count, title, t.plain) }
func (t *tour) say(format string, args ...any)    { _, _ = fmt.Fprintf(t.Out, format+"\n", args...) }
func (t *tour) proves(format string, args ...any) { t.say("   ✓ "+format+"\n", args...) }

func (t *tour) ownToken(ctx context.Context) (symbolon.Secret, error) {
	t.step("A service gets a token, and calls with it")
	token, err := t.issue(ctx, t.origin("orders"))
	if err != nil {
		return token, err
	}
	status, answer, err := t.get(ctx, "orders", token)
	if err = expect(status, http.StatusOK, err); err != nil {
		return token, err
	}
	t.excerpt(answer, "sub", "aud", "client_id")
	t.proves("The client holds an opaque token; the upstream saw a JWT for its own audience, presented by the broker (S22, S24, S28)")
	return token, nil
}

func (t *tour) elsewhere(ctx context.Context, token symbolon.Secret) error {
	t.step("The same token at another service")
	status, _, err := t.get(ctx, "billing", token)
	if err = expect(status, http.StatusUnauthorized, err); err != nil {
		return err
	}
	t.proves("A token for orders is useless at billing: a stolen one moves nowhere (S2)")
	return nil
}

func (t *tour) exchanged(ctx context.Context, token symbolon.Secret) error {
	t.step("Orders exchanges it for a token of billing's audience")
	t.say("   POST %s/token  grant_type=…:token-exchange resource=%s", t.origin("id"), t.origin("billing"))
	raw, err := exchange(ctx, t.client, t.origin("id"), "orders", t.place.secrets["orders"], token, t.origin("billing"))
	if err != nil {
		return err
	}
	status, answer, err := t.get(ctx, "billing", symbolon.NewSecret(raw))
	if err = expect(status, http.StatusOK, err); err != nil {
		return err
	}
	t.excerpt(answer, "sub", "aud", "act")
	t.proves("Billing sees for whom the call is and who acts: act names orders (S12, S29)")
	return nil
}

func (t *tour) revoked(ctx context.Context, token symbolon.Secret) error {
	t.step("The token is revoked")
	start := time.Now()
	if err := t.revoke(ctx, token); err != nil {
		return err
	}
	acknowledged := time.Since(start)
	status, _, err := t.get(ctx, "orders", token)
	for deadline := time.Now().Add(5 * time.Second); err == nil && status == http.StatusOK && time.Now().Before(deadline); {
		status, _, err = t.get(ctx, "orders", token)
	}
	if err = expect(status, http.StatusUnauthorized, err); err != nil {
		return err
	}
	t.proves("Acknowledged after %s, refused everywhere %s after the request (S20)", round(acknowledged), round(time.Since(start)))
	return nil
}

func (t *tour) cut(ctx context.Context) error {
	t.step("An open WebSocket, and the token behind it revoked")
	token, err := t.issue(ctx, t.origin("chat"))
	if err != nil {
		return err
	}
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(t.origin("chat"), "http")+"/ws", &websocket.DialOptions{ //nolint:bodyclose // Dial closes it, says its documentation
		HTTPClient: t.client, HTTPHeader: http.Header{"Authorization": {"Bearer " + token.Reveal()}}})
	if err != nil {
		return fmt.Errorf("open the WebSocket: %w", err)
	}
	defer func() { _ = conn.CloseNow() }()
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		return err
	}
	_, echoed, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	t.say("   ↔ %s", echoed)
	start := time.Now()
	if err := t.revoke(ctx, token); err != nil {
		return err
	}
	_, _, err = conn.Read(ctx)
	if status := websocket.CloseStatus(err); status != websocket.StatusPolicyViolation {
		return fmt.Errorf("the WebSocket should have been closed with 1008: %w", err)
	}
	t.proves("Closed with 1008 %s after the revocation was sent; nobody called the broker: it follows the feed (S20, S32)", round(time.Since(start)))
	return nil
}

func (t *tour) issue(ctx context.Context, resource string) (symbolon.Secret, error) {
	t.say("   POST %s/token  grant_type=client_credentials resource=%s", t.origin("id"), resource)
	raw, err := tokenRequest(ctx, t.client, t.origin("id"), "orders", t.place.secrets["orders"],
		url.Values{"grant_type": {"client_credentials"}, "resource": {resource}})
	return symbolon.NewSecret(raw), err
}

func (t *tour) revoke(ctx context.Context, token symbolon.Secret) error {
	t.say("   POST %s/revoke", t.origin("id"))
	form := url.Values{"token": {token.Reveal()}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.origin("id")+"/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("orders", url.QueryEscape(t.place.secrets["orders"].Reveal()))
	response, err := t.client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	return expect(response.StatusCode, http.StatusOK, nil)
}

func (t *tour) get(ctx context.Context, host string, token symbolon.Secret) (int, []byte, error) {
	status, answer, err := call(ctx, t.client, t.origin(host)+"/", token)
	if err == nil {
		t.say("   GET %s/ → %d", t.origin(host), status)
	}
	return status, answer, err
}

// excerpt shows a few members of a JSON answer.
func (t *tour) excerpt(answer []byte, names ...string) {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(answer, &members) != nil {
		return
	}
	for _, name := range names {
		var compact any
		_ = json.Unmarshal(members[name], &compact)
		text, _ := json.Marshal(compact)
		t.say("     %-10s %s", name, text)
	}
}

func expect(got, want int, err error) error {
	if err != nil {
		return err
	}
	if got != want {
		return errors.New("expected " + http.StatusText(want) + ", got " + http.StatusText(got))
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
