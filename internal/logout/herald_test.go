package logout_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/logout"
	"symbolon.dev/internal/outbound"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

const issuer = "https://id.example"

// room is a store with one person's session, and replicas of the herald over it.
type room struct {
	*testing.T
	db      *store.DB
	ring    *key.Ring
	clients map[symbolon.ClientID]*symbolon.Client
	session symbolon.Session
	now     atomic.Int64
	allow   []string
}

func open(t *testing.T) *room {
	r := &room{T: t, clients: map[symbolon.ClientID]*symbolon.Client{}, allow: []string{"127.0.0.1"}}
	r.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	r.db = storetest.SQLite(t, storetest.Clock(r.clock))
	vault, err := key.NewVault(key.NewMaster())
	r.must(err)
	r.ring, err = key.Open(t.Context(), r.db, vault, key.Options{Algorithms: []string{token.ES256}, Clock: r.clock})
	r.must(err)
	r.session = symbolon.Session{ID: symbolon.NewSessionID(), User: symbolon.NewUserID(), Secret: symbolon.HashOf("x"), ACR: symbolon.ACRSingle,
		AuthTime: r.clock(), Created: r.clock(), LastSeen: r.clock(), Expires: r.clock().Add(time.Hour), Idle: time.Hour}
	r.must(r.db.Commit(t.Context(), symbolon.PutSession{Session: r.session}))
	return r
}

func (r *room) clock() time.Time { return time.UnixMicro(r.now.Load()).UTC() }

func (r *room) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// client registers one, and gives it something in a session.
func (r *room) client(id symbolon.ClientID, address string, session symbolon.SessionID) {
	r.Helper()
	r.clients[id] = &symbolon.Client{ID: id, ClientLogout: symbolon.ClientLogout{BackchannelLogoutURI: address}}
	for range 2 { // two logins are one client
		r.must(r.db.Commit(r.Context(), symbolon.PutAuthorization{Authorization: symbolon.Authorization{ID: symbolon.NewAuthorizationID(), User: r.session.User,
			Client: id, Session: session, Created: r.clock(), Expires: r.clock().Add(time.Hour)}}))
	}
}

func (r *room) herald() *logout.Herald {
	r.Helper()
	guarded, err := outbound.New(outbound.Options{Allow: r.allow})
	r.must(err)
	return logout.New(logout.Config{Issuer: issuer, Store: r.db, HTTP: guarded, Clock: r.clock, Log: slog.New(slog.DiscardHandler),
		Client: func(id symbolon.ClientID) (*symbolon.Client, bool) { c, ok := r.clients[id]; return c, ok },
		Subject: func(c *symbolon.Client, user symbolon.UserID) string {
			return "sub of " + string(user) + " at " + string(c.ID)
		},
		Session: func(c *symbolon.Client, s symbolon.SessionID) string {
			return "sid of " + string(s) + " at " + string(c.ID)
		},
		Signer: func(alg string) (token.Signer, error) { return r.ring.Signer(alg) }})
}

// runs starts a replica: an event log and a herald that follows it. The function stops it, and
// returns when all that it had begun is over.
func (r *room) runs(h *logout.Herald) (stop func()) {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := event.New(r.db, slog.New(slog.DiscardHandler))
	log.Subscribe(h.Hear)
	r.must(log.Open(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = log.Run(ctx) })
	running.Go(func() { _ = h.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	r.Cleanup(stop)
	return stop
}

func (r *room) end() {
	r.Helper()
	r.must(r.db.Commit(r.Context(), symbolon.EndSession{ID: r.session.ID, At: r.clock()}, symbolon.Event{ID: symbolon.NewEventID(), At: r.clock(),
		Type: symbolon.SessionEnded, User: r.session.User, Session: r.session.ID, Actor: "admin"}))
}

// party is a relying party that answers as a test says.
type party struct {
	*httptest.Server
	got chan string // logout tokens
}

func relying(t *testing.T, answers ...int) *party {
	p := &party{got: make(chan string, 100)}
	var n atomic.Int32
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || len(r.URL.Query()) != 0 {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header)
		}
		raw := r.PostFormValue("logout_token")
		if at := int(n.Add(1)) - 1; at < len(answers) {
			w.WriteHeader(answers[at])
		}
		p.got <- raw
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *party) heard(t *testing.T) string {
	t.Helper()
	select {
	case raw := <-p.got:
		return raw
	case <-time.After(20 * time.Second):
		t.Fatal("the client hears nothing")
		return ""
	}
}

func parts(t *testing.T, compact string) (header, payload map[string]any) {
	t.Helper()
	for i, into := range []*map[string]any{&header, &payload} {
		plain, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[i])
		if err == nil {
			err = json.Unmarshal(plain, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, payload
}

func TestALogoutTokenIsWhatTheSpecificationSays(t *testing.T) { // S36; Back-Channel Logout 1.0 §2.4
	r, rp := open(t), relying(t)
	r.client("rp", rp.URL+"/out", r.session.ID)
	r.runs(r.herald())
	r.end()
	raw := rp.heard(t)
	header, said := parts(t, raw)
	if header["typ"] != "logout+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	now := float64(r.clock().Unix())
	for name, want := range map[string]any{"iss": issuer, "aud": "rp", "iat": now, "sub": "sub of " + string(r.session.User) + " at rp", "sid": "sid of " + string(r.session.ID) + " at rp"} {
		if said[name] != want {
			t.Errorf("%s is %v, not %v", name, said[name], want)
		}
	}
	events, _ := json.Marshal(said["events"])
	if string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` || said["jti"] == "" {
		t.Errorf("%v", said)
	}
	if life := said["exp"].(float64) - now; life <= 0 || life > 120 {
		t.Errorf("lives for %v seconds", life)
	}
	if _, there := said["nonce"]; there {
		t.Error("it has a nonce")
	}
	id := token.Verifier{Keys: r.ring, Types: []string{token.TypeIDToken}, Issuer: issuer, Audience: "rp", Clock: r.clock}
	access := token.Verifier{Keys: r.ring, Issuer: issuer, Audience: "rp", Clock: r.clock}
	for _, v := range []token.Verifier{id, access} {
		if _, err := v.Verify(raw); err == nil {
			t.Error("it passes for another kind of token") // RFC 8725 §3.11
		}
	}
}

func TestEachClientOfTheSessionHearsOnceWhateverTheReplicas(t *testing.T) { // S15
	r := open(t)
	one, two, other := relying(t), relying(t), relying(t)
	r.client("one", one.URL, r.session.ID)
	r.client("two", two.URL, r.session.ID)
	r.client("other", other.URL, "ses_other")
	r.client("deaf", "", r.session.ID)
	r.client("off", other.URL, r.session.ID)
	r.clients["off"].Disabled = true
	stops := []func(){r.runs(r.herald()), r.runs(r.herald()), r.runs(r.herald())}
	r.end()
	one.heard(t)
	two.heard(t)
	for _, stop := range stops {
		stop()
	}
	r.runs(r.herald())() // starts again and looks at what ended lately
	if len(one.got)+len(two.got)+len(other.got) != 0 {
		t.Errorf("told again: %d %d; another session's: %d", len(one.got), len(two.got), len(other.got))
	}
}

func TestAClientThatFailsIsTriedAgainAndThenNoMore(t *testing.T) {
	r, rp := open(t), relying(t, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusOK)
	r.client("rp", rp.URL, r.session.ID)
	r.end()
	for range 3 { // the pauses are longer than a process lives here: each start makes the next try
		stop := r.runs(r.herald())
		rp.heard(t)
		stop()
		r.now.Add((3 * time.Minute).Microseconds() / 2)
	}
	r.runs(r.herald())()
	if len(rp.got) != 0 {
		t.Error("told again after it had answered")
	}
}

func TestARefusalIsFinal(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusFound} {
		r, rp := open(t), relying(t, status)
		r.client("rp", rp.URL, r.session.ID)
		r.end()
		stop := r.runs(r.herald())
		rp.heard(t)
		stop()
		r.now.Add(time.Minute.Microseconds())
		r.runs(r.herald())()
		if len(rp.got) != 0 {
			t.Errorf("%d: told again", status)
		}
	}
}

func TestAnInternalAddressHearsNothing(t *testing.T) { // SSRF
	r, rp := open(t), relying(t)
	r.allow = nil
	r.client("rp", rp.URL, r.session.ID)
	h := r.herald()
	lines := make(chan string, 100)
	h.Log = slog.New(slog.NewTextHandler(writer(lines), nil))
	r.runs(h)
	r.end()
	if said := <-lines; !strings.Contains(said, "127.0.0.1 is not public") {
		t.Error(said)
	}
	if len(rp.got) != 0 {
		t.Error("a loopback address was called")
	}
}

func TestAPartingWaitsForFirstTriesAlone(t *testing.T) {
	r := open(t)
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(release) })
	r.client("slow", slow.URL, r.session.ID)
	h := r.herald()
	r.runs(h)
	p, err := h.Part(t.Context(), &r.session)
	r.must(err)
	r.end()
	p.Wait(t.Context()) // returns although the client does not answer

	failing := relying(t, http.StatusServiceUnavailable)
	r.clients = map[symbolon.ClientID]*symbolon.Client{}
	quick := open(t)
	quick.client("failing", failing.URL, quick.session.ID)
	h = quick.herald()
	quick.runs(h)
	p, err = h.Part(t.Context(), &quick.session)
	quick.must(err)
	quick.end()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Wait(ctx) // and when the person goes away
	failing.heard(t)
}

func TestASessionThatNobodyWasToldOfIsNotWaitedFor(t *testing.T) {
	r := open(t)
	p, err := r.herald().Part(t.Context(), &r.session) // it does not run: a wait for it would not end
	r.must(err)
	p.Wait(context.Background())
	if len(p.Frames) != 0 {
		t.Error(p.Frames)
	}
}

// writer hands on each line of a log.
type writer chan string

func (w writer) Write(p []byte) (int, error) { w <- string(p); return len(p), nil }
