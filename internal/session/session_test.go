package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

var (
	password = authn.Factor{Method: authn.MethodPassword}
	passkey  = authn.Factor{Method: authn.MethodPasskey, Verified: true}
	hardware = authn.Factor{Method: authn.MethodPasskey, Verified: true, Attested: true}
)

// room is sessions on a real store, with a browser and a clock that only the test moves.
type room struct {
	*testing.T
	ctx      context.Context
	db       *store.DB
	sessions *session.Sessions
	alice    symbolon.UserID
	cookies  []*http.Cookie

	mu  sync.Mutex
	now time.Time
}

func open(t *testing.T, o session.Options) *room {
	t.Helper()
	r := &room{T: t, ctx: context.Background(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), alice: symbolon.NewUserID()}
	r.db = storetest.SQLite(t, storetest.Clock(r.clock))
	vault, err := key.NewVault(key.NewMaster())
	r.must(err)
	o.Clock = r.clock
	r.sessions = session.New(r.db, vault, o)
	r.person(r.alice, "alice", false)
	return r
}

func (r *room) person(id symbolon.UserID, login string, disabled bool) {
	r.Helper()
	r.must(r.db.Commit(r.ctx, symbolon.PutUser{User: symbolon.User{ID: id, Login: login, Disabled: disabled, Created: r.clock(), Updated: r.clock()}}))
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *room) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *room) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("unexpected: %v", err)
	}
}

func (r *room) want(kind symbolon.Kind, err error) {
	r.Helper()
	var ours *symbolon.Error
	if !errors.As(err, &ours) || ours.Kind != kind {
		r.Fatalf("want an error of kind %d, got %v", kind, err)
	}
}

// login starts a session in the test's browser.
func (r *room) login(factors ...authn.Factor) *symbolon.Session {
	r.Helper()
	w := httptest.NewRecorder()
	started, err := r.sessions.Start(r.ctx, w, session.Login{User: r.alice, Factors: factors, Agent: "Chrome on Linux", RequestID: "req_1"})
	r.must(err)
	r.cookies = w.Result().Cookies()
	return started
}

func (r *room) raise(was *symbolon.Session, factors ...authn.Factor) *symbolon.Session {
	r.Helper()
	w := httptest.NewRecorder()
	raised, err := r.sessions.Raise(r.ctx, w, was, session.Login{User: r.alice, Factors: factors})
	r.must(err)
	r.cookies = w.Result().Cookies()
	return raised
}

func with(cookies ...*http.Cookie) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	return req
}

// who is the session of the test's browser, nil for nobody.
func (r *room) who() *symbolon.Session {
	r.Helper()
	found, err := r.sessions.FromRequest(r.ctx, with(r.cookies...))
	r.must(err)
	return found
}

func (r *room) told(what symbolon.EventType) []symbolon.Event {
	r.Helper()
	all, err := r.db.EventsAfter(r.ctx, 0, 1000)
	r.must(err)
	var found []symbolon.Event
	for _, e := range all {
		if e.Type == what {
			found = append(found, e)
		}
	}
	return found
}

func TestALoginBecomesASession(t *testing.T) { // S36
	r := open(t, session.Options{Secure: true})
	if r.who() != nil {
		t.Fatal("somebody is signed in")
	}
	started := r.login(passkey)
	c := r.cookies[0]
	if c.Name != "__Host-symbolon-sso" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
		t.Errorf("cookie %+v", c)
	}
	found := r.who()
	if found == nil || found.ID != started.ID || found.User != r.alice || found.ACR != symbolon.ACRPhishing || !found.AuthTime.Equal(r.clock()) || found.Agent != "Chrome on Linux" {
		t.Errorf("session %+v", found)
	}
	if told := r.told(symbolon.SessionStarted); len(told) != 1 || told[0].Session != started.ID || told[0].User != r.alice || told[0].RequestID != "req_1" {
		t.Errorf("news %+v", told)
	}
	if found.Secret != symbolon.HashOf(c.Value) {
		t.Error("the store does not keep the hash of the cookie")
	}
}

func TestPlainHTTPHasAPlainCookie(t *testing.T) {
	r := open(t, session.Options{})
	r.login(password)
	if c := r.cookies[0]; c.Name != "symbolon-sso" || c.Secure || !c.HttpOnly {
		t.Errorf("cookie %+v", c)
	}
	if r.who() == nil {
		t.Error("nobody is signed in")
	}
}

func TestOnlyTheSecretOfALiveSessionCounts(t *testing.T) { // S3, S18
	r := open(t, session.Options{Secure: true})
	r.login(passkey)
	good := r.cookies[0]
	other := token.NewOpaque(token.PrefixSession).Reveal()
	access := token.NewOpaque(token.PrefixAccess).Reveal()
	for name, cookies := range map[string][]*http.Cookie{
		"unknown secret":   {{Name: good.Name, Value: other}},
		"token of a kind":  {{Name: good.Name, Value: access}},
		"empty":            {{Name: good.Name, Value: ""}},
		"garbage":          {{Name: good.Name, Value: "syms_" + strings.Repeat("x", 5000)}},
		"session id":       {{Name: good.Name, Value: "ses_0123456789"}},
		"the plain name":   {{Name: "symbolon-sso", Value: good.Value}},
		"one planted too":  {{Name: good.Name, Value: other}, good},
		"one planted last": {good, {Name: good.Name, Value: other}},
		"twice the same":   {good, good},
	} {
		if found, err := r.sessions.FromRequest(r.ctx, with(cookies...)); err != nil || found != nil {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

func TestEachLoginMakesANewSecret(t *testing.T) { // fixation
	r := open(t, session.Options{})
	was := r.login(password)
	before := r.cookies[0]
	r.pass(time.Minute)
	raised := r.raise(was, passkey)
	if raised.ID != was.ID || raised.ACR != symbolon.ACRPhishing || !raised.AuthTime.Equal(r.clock()) || !raised.Created.Equal(was.Created) {
		t.Errorf("raised %+v", raised)
	}
	if found, err := r.sessions.FromRequest(r.ctx, with(before)); err != nil || found != nil {
		t.Errorf("the secret from before still counts: %v", err)
	}
	if r.who() == nil {
		t.Error("the new one does not")
	}
	if told := r.told(symbolon.SessionRaised); len(told) != 1 || told[0].Data["from"] != "aal1" || told[0].Data["acr"] != "phr" {
		t.Errorf("news %+v", told)
	}
}

func TestAWeakerLoginLowersASession(t *testing.T) { // S34
	r := open(t, session.Options{})
	was := r.login(passkey)
	r.pass(10 * time.Minute)
	if again := r.raise(was, password); again.ACR != symbolon.ACRSingle || len(again.AMR) != 1 || again.AMR[0] != "pwd" {
		t.Errorf("a password given again claims %s %v", again.ACR, again.AMR)
	}
}

func TestWhoMayNotHaveASession(t *testing.T) { // S3, S20
	r := open(t, session.Options{})
	mine := r.login(passkey)
	mallory, gone := symbolon.NewUserID(), symbolon.NewUserID()
	r.person(mallory, "mallory", false)
	r.person(gone, "gone", true)
	w := httptest.NewRecorder()
	_, err := r.sessions.Raise(r.ctx, w, mine, session.Login{User: mallory, Factors: []authn.Factor{passkey}})
	r.want(symbolon.Denied, err)
	_, err = r.sessions.Start(r.ctx, w, session.Login{User: gone, Factors: []authn.Factor{passkey}})
	r.want(symbolon.Denied, err)
	_, err = r.sessions.Start(r.ctx, w, session.Login{User: "usr_nobody", Factors: []authn.Factor{passkey}})
	r.want(symbolon.Denied, err)
	_, err = r.sessions.Start(r.ctx, w, session.Login{User: r.alice})
	r.want(symbolon.Denied, err)
	r.must(r.sessions.End(r.ctx, mine.ID, "admin", "test", ""))
	_, err = r.sessions.Raise(r.ctx, w, mine, session.Login{User: r.alice, Factors: []authn.Factor{passkey}}) // the copy from before
	r.want(symbolon.Conflict, err)
	if len(w.Result().Cookies()) != 0 {
		t.Error("a cookie was set")
	}
	r.login(passkey)
	r.person(r.alice, "alice", true) // a disabling that this session slipped past
	if r.who() != nil {
		t.Error("a disabled person is signed in")
	}
}

func TestSessionsEndByThemselves(t *testing.T) {
	for name, c := range map[string]struct {
		o       session.Options
		factor  authn.Factor
		use     time.Duration // between requests
		survive int           // how many of them
	}{
		"idle for an hour":              {session.Options{}, passkey, time.Hour, 0},
		"used each 59 minutes, one day": {session.Options{}, passkey, 59 * time.Minute, 24},
		"hardware, idle for 15 minutes": {session.Options{}, hardware, 15 * time.Minute, 0},
		"hardware, half a day":          {session.Options{}, hardware, 14 * time.Minute, 51},
		"as configured, idle":           {session.Options{Idle: 10 * time.Minute}, password, 10 * time.Minute, 0},
		"as configured, in all":         {session.Options{Lifetime: time.Hour}, password, 25 * time.Minute, 2},
		"as configured for its class": {session.Options{Limits: map[symbolon.ACR]session.Limit{symbolon.ACRSingle: {Lifetime: 30 * time.Minute}}},
			password, 10 * time.Minute, 2},
		"shorter than hardware's default": {session.Options{Idle: 5 * time.Minute}, hardware, 5 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, c.o)
			r.login(c.factor)
			for i := range c.survive {
				if r.pass(c.use); r.who() == nil {
					t.Fatalf("over after %d uses", i)
				}
			}
			if r.pass(c.use); r.who() != nil {
				t.Error("it goes on")
			}
		})
	}
}

func TestUseIsWrittenOnceAMinute(t *testing.T) {
	commits := 0
	r := open(t, session.Options{})
	started := r.login(passkey)
	last := started.LastSeen
	for range 20 {
		r.pass(10 * time.Second)
		r.who()
		stored, err := r.sessions.Get(r.ctx, started.ID)
		r.must(err)
		if !stored.LastSeen.Equal(last) {
			commits, last = commits+1, stored.LastSeen
		}
	}
	if commits != 3 {
		t.Errorf("%d writes in 200 seconds", commits)
	}
}

func TestAnEndIsOneCommitOfEndMarkAndNews(t *testing.T) { // S20
	r := open(t, session.Options{})
	started := r.login(passkey)
	grant := symbolon.Authorization{ID: symbolon.NewAuthorizationID(), User: r.alice, Client: "app", Session: started.ID, Created: r.clock(), Expires: r.clock().Add(30 * 24 * time.Hour)}
	r.must(r.db.Commit(r.ctx, symbolon.PutAuthorization{Authorization: grant}))
	mend := storetest.Break(t, r.db, "revocations")
	if err := r.sessions.End(r.ctx, started.ID, "usr_admin", "stolen laptop", "req_9"); err == nil {
		t.Fatal("ended without a mark")
	}
	mend()
	if r.who() == nil || len(r.told(symbolon.SessionEnded)) != 0 {
		t.Fatal("half an end")
	}
	r.must(r.sessions.End(r.ctx, started.ID, "usr_admin", "stolen laptop", "req_9"))
	if r.who() != nil {
		t.Error("it goes on")
	}
	marks, err := r.db.Revocations(r.ctx, string(started.ID))
	r.must(err)
	if len(marks) != 1 || !marks[0].Before.IsZero() || !marks[0].Until.After(grant.Expires) {
		t.Errorf("marks %+v", marks)
	}
	told := r.told(symbolon.SessionEnded)
	if len(told) != 1 || told[0].Session != started.ID || told[0].User != r.alice || told[0].Actor != "usr_admin" || told[0].Reason != "stolen laptop" || told[0].RequestID != "req_9" {
		t.Errorf("news %+v", told)
	}
	r.must(r.sessions.End(r.ctx, started.ID, "usr_admin", "again", ""))
	if len(r.told(symbolon.SessionEnded)) != 1 {
		t.Error("told twice")
	}
	r.want(symbolon.NotFound, r.sessions.End(r.ctx, "ses_unknown", "usr_admin", "", ""))
}

func TestEndAllSparesOne(t *testing.T) { // S20
	r := open(t, session.Options{})
	var last *symbolon.Session
	for range 4 {
		last = r.login(passkey)
	}
	ended, err := r.sessions.EndAll(r.ctx, r.alice, last.ID, string(r.alice), "by its owner", "req_2")
	r.must(err)
	left, err := r.sessions.Of(r.ctx, r.alice)
	r.must(err)
	if ended != 3 || len(left) != 1 || left[0].ID != last.ID || r.who() == nil {
		t.Errorf("ended %d, left %+v", ended, left)
	}
	ended, err = r.sessions.EndAll(r.ctx, r.alice, "", "usr_admin", "", "")
	r.must(err)
	if ended != 1 || r.who() != nil || len(r.told(symbolon.SessionEnded)) != 4 {
		t.Errorf("ended %d", ended)
	}
}

func TestClearCookieForgets(t *testing.T) {
	r := open(t, session.Options{Secure: true})
	w := httptest.NewRecorder()
	r.sessions.ClearCookie(w)
	if c := w.Result().Cookies()[0]; c.MaxAge >= 0 || c.Value != "" || c.Name != "__Host-symbolon-sso" || !c.Secure {
		t.Errorf("cookie %+v", c)
	}
}

func BenchmarkFromRequest(b *testing.B) {
	db := storetest.SQLite(b)
	vault, _ := key.NewVault(key.NewMaster())
	s, alice := session.New(db, vault, session.Options{}), symbolon.NewUserID()
	if err := db.Commit(b.Context(), symbolon.PutUser{User: symbolon.User{ID: alice, Login: "alice"}}); err != nil {
		b.Fatal(err)
	}
	w := httptest.NewRecorder()
	if _, err := s.Start(b.Context(), w, session.Login{User: alice, Factors: []authn.Factor{passkey}}); err != nil {
		b.Fatal(err)
	}
	request := with(w.Result().Cookies()...)
	for b.Loop() {
		if found, err := s.FromRequest(b.Context(), request); err != nil || found == nil {
			b.Fatal("nobody is signed in", err)
		}
	}
}
