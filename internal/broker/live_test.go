package broker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"symbolon.dev"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// talk makes an app speak: it echoes on WebSockets, and streams lines elsewhere until it is cut.
func (w *world) talk(name string) (cut <-chan struct{}) {
	over := make(chan struct{}, 8)
	speak := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() { over <- struct{}{} }()
		if r.Header.Get("Upgrade") == "" {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(rw, "line\n")
				_ = http.NewResponseController(rw).Flush()
				time.Sleep(time.Millisecond)
			}
			return
		}
		conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		for {
			kind, text, err := conn.Read(context.WithoutCancel(r.Context()))
			if err != nil || conn.Write(context.WithoutCancel(r.Context()), kind, text) != nil {
				return
			}
		}
	})
	w.apps[name].serve.Store(&speak)
	return over
}

// socket opens a WebSocket through the broker and sees that it works.
func (w *world) socket(address string, headers ...string) *websocket.Conn {
	w.t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	conn, _, err := websocket.Dial(w.t.Context(), strings.Replace(address, "http", "ws", 1), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: w.dial}}, HTTPHeader: h})
	w.check(err)
	w.check(conn.Write(w.t.Context(), websocket.MessageText, []byte("hello")))
	_, text, err := conn.Read(w.t.Context())
	if err != nil || string(text) != "hello" {
		w.t.Fatalf("the WebSocket says %q, %v", text, err)
	}
	return conn
}

// closed waits for the end of a WebSocket and gives its close code.
func (w *world) closed(conn *websocket.Conn) websocket.StatusCode {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	_, _, err := conn.Read(ctx)
	if err == nil || ctx.Err() != nil {
		w.t.Fatalf("the WebSocket is still open: %v", err)
	}
	return websocket.CloseStatus(err)
}

func (b *browser) wiki() (cookie string) {
	b.t.Helper()
	if got := b.arrive(wiki + "/"); got.StatusCode != http.StatusOK {
		b.t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	return "symbolon=" + b.jar["wiki.localhost"]["symbolon"]
}

// S20 S32: ending a session ends what is open, WebSocket and download alike, and the next request.
func TestWhatIsWithdrawnIsCut(t *testing.T) {
	for name, withdraw := range map[string]func(w *world, ada *browser){
		"the session": func(w *world, ada *browser) {
			w.check(w.sessions.End(t.Context(), ada.session.ID, "admin", "test", ""))
		},
		"the token": func(w *world, ada *browser) {
			got := ada.fetch(http.MethodPost, wiki+logoutPath, "Origin", wiki)
			if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusSeeOther {
				t.Errorf("logout: %d %s", got.StatusCode, got.body)
			}
		},
		"the person": func(w *world, ada *browser) {
			now := w.clock()
			w.check(w.db.Commit(t.Context(), symbolon.Revoke{Revocation: symbolon.Revocation{Target: string(w.ada.ID), Before: now, Until: now.Add(24 * time.Hour)}},
				symbolon.Event{ID: symbolon.NewEventID(), At: now, Type: symbolon.UserDisabled, User: w.ada.ID, Actor: "admin"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ada, other := w.browser(symbolon.ACRSingle), w.browser(symbolon.ACRSingle)
			cookie := ada.wiki()
			over := w.talk("wiki")
			conn := w.socket(wiki, "Cookie", cookie, "Origin", wiki)
			stream := w.stream(wiki, "Cookie", cookie)
			robot := w.service("robot", orders)
			w.talk("orders")
			unrelated := w.socket(orders, "Authorization", "Bearer "+robot)
			_ = other
			withdraw(w, ada)
			if code := w.closed(conn); code != websocket.StatusPolicyViolation {
				t.Errorf("closed with %d", code)
			}
			if _, err := io.Copy(io.Discard, stream); err == nil {
				t.Error("the download ended as if it were complete")
			}
			<-over
			<-over
			if got := w.send(http.MethodGet, wiki, "Cookie", cookie); got.StatusCode != http.StatusUnauthorized {
				t.Errorf("the next request got %d", got.StatusCode)
			}
			w.check(unrelated.Write(t.Context(), websocket.MessageText, []byte("still")))
			if _, text, err := unrelated.Read(t.Context()); err != nil || string(text) != "still" {
				t.Errorf("somebody else was cut: %v", err)
			}
			w.until("nothing is left behind", func() bool { return len(w.b.trust.open()) == 1 })
		})
	}
}

// stream begins a download and reads its first line.
func (w *world) stream(address string, headers ...string) io.Reader {
	w.t.Helper()
	req := must(http.NewRequest(http.MethodGet, address, nil))
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := (&http.Transport{DialContext: w.dial}).RoundTrip(req)
	w.check(err)
	w.t.Cleanup(func() { _ = res.Body.Close() })
	line := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, line); err != nil || res.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %q %v", res.StatusCode, line, err)
	}
	return res.Body
}

// S44: a broker that has lost the issuer serves on what it knows, then nobody; and forgets what it knew.
func TestALostIssuerFailsClosed(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	w.bearer(raw, orders)
	w.talk("orders")
	conn := w.socket(orders, "Authorization", "Bearer "+raw)
	w.down.Store(true)
	w.id.CloseClientConnections() // the poll that is held, too
	if got := w.stream(orders, "Authorization", "Bearer "+raw); got == nil {
		t.Fatal("what is known does not serve")
	}
	unknown := w.send(http.MethodGet, orders, "Authorization", "Bearer "+strings.Repeat("x", 40))
	if unknown.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a token that nobody can be asked about got %d", unknown.StatusCode)
	}
	w.pass(20 * time.Second)
	for _, address := range []string{orders, wiki, "http://nothing.localhost"} {
		if got := w.send(http.MethodGet, address, "Authorization", "Bearer "+raw, "Accept", "text/html"); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d while stale", address, got.StatusCode)
		}
	}
	if err := w.b.Ready(); err == nil {
		t.Error("a stale broker says that it is ready")
	}
	if code := w.closed(conn); code != websocket.StatusTryAgainLater {
		t.Errorf("the open WebSocket closed with %d", code)
	}
	w.down.Store(false)
	w.until("the broker recovers", func() bool { return w.b.Ready() == nil })
	w.apps["orders"].serve.Store(nil)
	if got := w.bearer(raw, orders); got.StatusCode != http.StatusOK {
		t.Errorf("%d after recovery", got.StatusCode)
	}
}

// S44: signals that may have been missed cost everything that was known.
func TestAGapForgetsEverything(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	w.talk("orders")
	conn := w.socket(orders, "Authorization", "Bearer "+raw)
	e := must(w.b.trust.find(t.Context(), raw))
	w.b.lost()
	if !e.gone.Load() {
		t.Error("an entry survived the gap")
	}
	w.until("the broker is ready again", func() bool { return w.b.Ready() == nil })
	if again := must(w.b.trust.find(t.Context(), raw)); again == e {
		t.Error("the old entry is still used")
	}
	w.check(conn.Write(t.Context(), websocket.MessageText, []byte("still here")))
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Errorf("what may go on was cut: %v", err)
	}
}

// S4 S32: a policy that changes, or a person whose claims do, is felt by what is open.
func TestWhatIsOpenIsJudgedAgain(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	w.talk("orders")
	w.talk("wiki")
	ada := w.browser(symbolon.ACRSingle)
	w.apps["wiki"].serve.Store(nil)
	cookie := ada.wiki()
	w.talk("wiki")
	robots, adas := w.socket(orders, "Authorization", "Bearer "+raw), w.socket(wiki, "Cookie", cookie, "Origin", wiki)
	w.put(symbolon.KindPolicy, "test", symbolon.Policy{ID: "test", Text: strings.Replace(testPolicy, `Service::"robot"`, `Service::"idler"`, 1)})
	if code := w.closed(robots); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
	w.check(adas.Write(t.Context(), websocket.MessageText, []byte("hello")))
	if _, _, err := adas.Read(t.Context()); err != nil {
		t.Fatalf("who may go on was cut: %v", err)
	}
	outcast := w.ada
	outcast.Groups, outcast.Updated = nil, w.clock()
	w.check(w.db.Commit(t.Context(), symbolon.PutUser{User: outcast},
		symbolon.Event{ID: symbolon.NewEventID(), At: w.clock(), Type: symbolon.UserChanged, User: w.ada.ID, Actor: "admin"}))
	if code := w.closed(adas); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
}

// S32: an open stream ends with its token.
func TestAnOpenStreamEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	w.talk("orders")
	conn := w.socket(orders, "Authorization", "Bearer "+raw)
	w.pass(11 * time.Minute)
	w.until("the feed is heard again", func() bool { return w.b.Ready() == nil })
	w.b.rejudge(w.b.trust.open())
	if code := w.closed(conn); code != websocket.StatusPolicyViolation && code != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", code)
	}
}

// S8 S32: a signal that overtakes an introspection wins, and a request that began before it is cut.
func TestNoRequestSlipsBetweenSignalAndAnswer(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	claims, err := w.tokens.Open(t.Context(), raw)
	w.check(err)
	asked := 0
	tr := newTrust(nil, w.clock)
	tr.ask = w.b.trust.ask
	real := tr.ask
	tr.ask = func(ctx context.Context, presented string) (c *token.Claims, err error) {
		asked++
		c, err = real(ctx, presented)
		if asked == 1 {
			tr.withdraw([]name{{nameToken, claims.ID}})
		}
		return c, err
	}
	e := must(tr.find(t.Context(), raw))
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	f := &flight{cancel: func(error) {}}
	if open := tr.withdraw([]name{{nameClient, "robot"}}); len(open) != 0 {
		t.Errorf("%d flights", len(open))
	}
	if tr.begin(e, f) {
		t.Error("a flight began on an entry that was taken away")
	}
	e = must(tr.find(t.Context(), raw))
	if !tr.begin(e, f) {
		t.Fatal("a flight could not begin")
	}
	if open := tr.withdraw([]name{{nameClient, "robot"}}); len(open) != 1 || open[0] != f {
		t.Errorf("the signal missed the flight: %d", len(open))
	}
	tr.finish(f)
	if len(tr.byName) != 0 {
		t.Errorf("left behind: %v", tr.byName)
	}
}

// S34: a step-up is asked for in the words of the caller, once.
func TestAStepUpIsAskedForAndBounded(t *testing.T) {
	w := newWorld(t)
	ada := w.browser(symbolon.ACRSingle)
	begun := ada.open(payroll + "/")
	if got := begun.Header.Get("Location"); strings.Contains(got, "acr_values") {
		t.Errorf("asked for %s before anything was judged", got)
	}
	ada.open(ada.open(begun.Header.Get("Location")).Header.Get("Location"))
	script := ada.fetch(http.MethodGet, payroll+"/", "Sec-Fetch-Mode", "cors")
	if got := script.Header.Get("WWW-Authenticate"); script.StatusCode != http.StatusUnauthorized || !strings.Contains(got, `error="insufficient_user_authentication"`) || !strings.Contains(got, `acr_values="phr"`) {
		t.Errorf("a script is told %d %s", script.StatusCode, got) // RFC 9470
	}
	up := ada.open(payroll + "/x")
	if got := up.Header.Get("Location"); !strings.Contains(got, "acr_values=phr") {
		t.Fatalf("%d, sent to %s", up.StatusCode, got)
	}
	ada.login(symbolon.ACRPhishing)
	if got := ada.arrive(payroll + "/x"); got.StatusCode != http.StatusOK {
		t.Errorf("after the step-up: %d %s", got.StatusCode, got.body)
	}
	if w.apps["payroll"].seen().URL.Path != "/x" {
		t.Error("the person was not led back")
	}
	loops := w.browser(symbolon.ACRPhishing)
	w.put(symbolon.KindPolicy, "never", symbolon.Policy{ID: "never", Text: `@id("never") @remedy("max_age=1") forbid(principal is User, action == Action::"access", resource == Resource::"payroll") unless { context.auth_age < -5 };`})
	w.until("the policy arrives", func() bool { return w.b.table.Load().snapshot.Version == w.catalog.Current().Version })
	if got := loops.arrive(payroll + "/"); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, `id="error-page"`) {
		t.Errorf("a login that never satisfies ends with %d", got.StatusCode)
	}
}

// S3: refusals and permits are counted at the issuer.
func TestTheLedgerHearsOfEveryDecision(t *testing.T) {
	w := newWorld(t)
	w.bearer(w.service("robot", orders), orders)
	w.bearer(w.service("robot", orders), orders+"/admin/x")
	w.send(http.MethodGet, orders)
	w.send(http.MethodGet, "http://nothing.localhost")
	counted := func(effect policy.Effect, resource, reason string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.ledger {
			if e.Kind == "access" && e.Effect == string(effect) && e.Resource == resource && e.Reason == reason && e.Request != "" {
				return true
			}
		}
		return false
	}
	w.until("the ledger is told", func() bool {
		return counted(policy.Allow, "orders", "") && counted(policy.Deny, "orders", "") && counted(policy.Deny, "orders", "no credential") && counted(policy.Deny, "", "no credential")
	})
}

// An upstream that is not there is said to be so, after the permit.
func TestAnUpstreamThatIsDown(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	w.check(w.apps["orders"].Close())
	got := w.bearer(raw, orders)
	if got.StatusCode != http.StatusBadGateway || strings.Contains(got.body, "127.0.0.1") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// Nothing is served before stream and snapshot are there.
func TestABrokerThatHasHeardNothingServesNobody(t *testing.T) {
	w := newWorld(t)
	idle := must(New(Config{Issuer: w.id.URL, ClientID: "broker", Secret: symbolon.NewSecret(testSecret), Clock: w.clock, Log: w.log()}))
	var known *symbolon.Error
	if err := idle.Ready(); !errors.As(err, &known) || known.Kind != symbolon.Unavailable {
		t.Errorf("ready: %v", err)
	}
}
