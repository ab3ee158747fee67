package login

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/authn/authntest"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/logout"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

const (
	issuer       = "http://id.localhost"
	goodPassword = "a stork over the river at noon"
	cookieName   = "symbolon-sso"
)

// house is the real thing over a fresh store: only the catalog and the policy are what a test says.
type house struct {
	t        *testing.T
	now      time.Time
	db       *store.DB
	auth     *authn.Authn
	sessions *session.Sessions
	people   *directory.Directory
	keys     *key.Ring
	logouts  *logout.Herald
	door     http.Handler
	clients  map[symbolon.ClientID]*symbolon.Client
	things   map[symbolon.ResourceID]*symbolon.Resource
	decide   func(user *symbolon.User, client symbolon.ClientID, acr symbolon.ACR, amr []string) policy.Decision
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{
		t: t, now: time.Now().UTC().Truncate(time.Microsecond),
		clients: map[symbolon.ClientID]*symbolon.Client{
			"travel": {ID: "travel", Name: "Acme Travel", PostLogoutRedirectURIs: []string{"https://travel.example/bye?from=id"},
				LogoURI: "https://travel.example/logo.png", PolicyURI: "https://travel.example/privacy", TOSURI: "https://travel.example/terms"},
			"broker": {ID: "broker", Name: "Broker", Broker: true},
		},
		things: map[symbolon.ResourceID]*symbolon.Resource{
			"payroll":  {ID: "payroll", Name: "Payroll"},
			"expenses": {ID: "expenses", Name: "Expenses", Scopes: []symbolon.Scope{{Name: "read", Description: "See your reports"}}},
		},
		decide: func(*symbolon.User, symbolon.ClientID, symbolon.ACR, []string) policy.Decision {
			return policy.Decision{Effect: policy.Allow, Policies: []string{"everybody"}}
		},
	}
	clock := func() time.Time { return h.now }
	h.db = storetest.SQLite(t, storetest.Clock(clock))
	vault := must(key.NewVault(symbolon.NewSecret(strings.Repeat("of a test ", 8))))(t)
	h.auth = must(authn.New(h.db, vault, authn.Options{RPID: "id.localhost", Origins: []string{issuer}, Clock: clock}))(t)
	h.sessions = session.New(h.db, vault, session.Options{Clock: clock})
	h.people = directory.New(h.db, clock)
	h.keys = must(key.Open(t.Context(), h.db, vault, key.Options{Clock: clock}))(t)
	h.door = must(New(Config{
		Issuer: issuer, Door: &door.Door{Log: slog.New(slog.DiscardHandler)}, Authn: h.auth, Sessions: h.sessions,
		Directory: h.people, Store: h.db, Keys: h.keys, Logouts: h.herald(), Clock: clock,
		Client:   func(id symbolon.ClientID) (*symbolon.Client, bool) { c, ok := h.clients[id]; return c, ok },
		Resource: func(id symbolon.ResourceID) (*symbolon.Resource, bool) { r, ok := h.things[id]; return r, ok },
		Decide: func(u *symbolon.User, c symbolon.ClientID, acr symbolon.ACR, amr []string) policy.Decision {
			return h.decide(u, c, acr, amr)
		},
	}))(t)
	return h
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func (h *house) pass(d time.Duration) { h.now = h.now.Add(d) }

// person makes somebody who has goodPassword.
func (h *house) person(login string) *symbolon.User {
	h.t.Helper()
	hash := must(authn.HashPassword(goodPassword))(h.t)
	h.ok(h.people.Put(h.t.Context(), "admin", "req_t", symbolon.User{Login: login, Name: strings.ToUpper(login), PasswordHash: hash}))
	return must(h.people.ByLogin(h.t.Context(), login))(h.t)
}

func (h *house) link(u *symbolon.User) string {
	h.t.Helper()
	return must(h.people.Enrol(h.t.Context(), u.ID, "admin", "req_t"))(h.t).Reveal()
}

// passkey gives somebody a passkey and returns the authenticator that holds it.
func (h *house) passkey(u *symbolon.User) *authntest.Authenticator {
	h.t.Helper()
	device := authntest.New(issuer)
	begun := must(h.auth.Passkeys.BeginAdd(h.t.Context(), u.ID))(h.t)
	made := must(device.Create(begun.Options))(h.t)
	must(h.auth.Passkeys.FinishAdd(h.t.Context(), authn.Caller{}, u.ID, begun.State, made, "test", authn.By{Actor: string(u.ID)}))(h.t)
	return device
}

func (h *house) step(s session.Step) string {
	h.t.Helper()
	if s.ReturnTo == "" {
		s.ReturnTo = "/authorize?client_id=travel&state=x"
	}
	return must(h.sessions.SealStep(s))(h.t)
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) events(of symbolon.EventType) []symbolon.Event {
	h.t.Helper()
	return must(h.db.SearchEvents(context.Background(), symbolon.EventQuery{Types: []symbolon.EventType{of}, Limit: 100}))(h.t)
}

// browser is one with a cookie jar; it follows nothing by itself.
type browser struct {
	h      *house
	client *http.Client
	header http.Header // sent with everything
}

func (h *house) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{h: h, header: http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0"}}, client: &http.Client{
		Jar: jar, Transport: inMemory{h},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type inMemory struct{ h *house }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.7:4711"
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	m.h.door.ServeHTTP(w, r)
	return w.Result(), nil
}

// seen is an answer as a browser has it.
type seen struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
}

// way is where the answer leads, by Location or by Refresh.
func (s seen) way() string {
	if refresh, ok := strings.CutPrefix(s.Header.Get("Refresh"), "0; url="); ok {
		return refresh
	}
	return s.Header.Get("Location")
}

func (s seen) has(status int, parts ...string) seen {
	s.t.Helper()
	if s.Status != status {
		s.t.Fatalf("status %d, not %d: %s", s.Status, status, s.Body)
	}
	for _, part := range parts {
		if !strings.Contains(s.Body, part) {
			s.t.Fatalf("lacks %q: %s", part, s.Body)
		}
	}
	return s
}

func (s seen) leadsTo(way string) {
	s.t.Helper()
	if s.way() != way {
		s.t.Fatalf("%d leads to %q, not %q: %s", s.Status, s.way(), way, s.Body)
	}
}

func (b *browser) send(method, path, contentType, body string, headers ...string) seen {
	b.h.t.Helper()
	r := must(http.NewRequestWithContext(b.h.t.Context(), method, issuer+path, strings.NewReader(body)))(b.h.t)
	for name := range b.header {
		r.Header.Set(name, b.header.Get(name))
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Origin", issuer)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	answer := must(b.client.Do(r))(b.h.t)
	defer answer.Body.Close()
	text := must(io.ReadAll(answer.Body))(b.h.t)
	return seen{b.h.t, answer.StatusCode, answer.Header, string(text)}
}

func (b *browser) get(path string) seen {
	b.h.t.Helper()
	return b.send(http.MethodGet, path, "", "")
}

func (b *browser) post(path string, form url.Values, headers ...string) seen {
	b.h.t.Helper()
	return b.send(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), headers...)
}

func (b *browser) call(path string, body any, headers ...string) (seen, map[string]json.RawMessage) {
	b.h.t.Helper()
	answer := b.send(http.MethodPost, path, "application/json", string(must(json.Marshal(body))(b.h.t)), headers...)
	said := map[string]json.RawMessage{}
	b.h.ok(json.Unmarshal([]byte(answer.Body), &said))
	return answer, said
}

func (b *browser) password(login, password, step string) seen {
	b.h.t.Helper()
	return b.post("/login", url.Values{"username": {login}, "password": {password}, "step": {step}})
}

// touch signs in with a device as the page's script does.
func (b *browser) touch(device *authntest.Authenticator, step string) (seen, string) {
	b.h.t.Helper()
	begun, ceremony := b.call("/login/passkey/begin", map[string]string{"step": step})
	begun.has(http.StatusOK)
	proof, err := device.Get(ceremony["options"])
	if err != nil {
		return seen{t: b.h.t, Body: err.Error()}, ""
	}
	done, said := b.call("/login/passkey/finish", map[string]any{"step": step, "state": ceremony["state"], "credential": json.RawMessage(proof)})
	var location string
	_ = json.Unmarshal(said["location"], &location)
	return done, location
}

// session is the one of the browser, nil if it has none.
func (b *browser) session() *symbolon.Session {
	b.h.t.Helper()
	r := httptest.NewRequest(http.MethodGet, issuer, nil)
	for _, cookie := range b.cookies() {
		r.AddCookie(cookie)
	}
	return must(b.h.sessions.FromRequest(b.h.t.Context(), r))(b.h.t)
}

func (b *browser) cookies() []*http.Cookie {
	return b.client.Jar.Cookies(must(url.Parse(issuer))(b.h.t))
}
