package account

import (
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
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

const (
	issuer       = "http://id.localhost"
	goodPassword = "a stork over the river at noon"
)

var (
	byPassword = authn.Factor{Method: authn.MethodPassword}
	byPasskey  = authn.Factor{Method: authn.MethodPasskey, Verified: true}
)

// house is the real thing over a fresh store.
type house struct {
	t        *testing.T
	now      time.Time
	db       *store.DB
	auth     *authn.Authn
	sessions *session.Sessions
	people   *directory.Directory
	door     http.Handler
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, now: time.Now().UTC().Truncate(time.Microsecond)}
	clock := func() time.Time { return h.now }
	h.db = storetest.SQLite(t, storetest.Clock(clock))
	vault := must(key.NewVault(symbolon.NewSecret(strings.Repeat("of a test ", 8))))(t)
	h.auth = must(authn.New(h.db, vault, authn.Options{RPID: "id.localhost", Origins: []string{issuer}, Clock: clock}))(t)
	h.sessions = session.New(h.db, vault, session.Options{Clock: clock})
	h.people = directory.New(h.db, clock)
	h.door = must(New(Config{Issuer: issuer, Door: &door.Door{Log: slog.New(slog.DiscardHandler)}, Authn: h.auth, Sessions: h.sessions, Directory: h.people}))(t)
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

// person makes somebody, with goodPassword if they are to have one.
func (h *house) person(login string, password bool) *symbolon.User {
	h.t.Helper()
	u := symbolon.User{Login: login, Name: "Dr " + login, Email: login + "@acme.example", Organisation: "acme", Department: "Finance"}
	if password {
		u.PasswordHash = must(authn.HashPassword(goodPassword))(h.t)
	}
	if err := h.people.Put(h.t.Context(), "admin", "req_t", u); err != nil {
		h.t.Fatal(err)
	}
	return must(h.people.ByLogin(h.t.Context(), login))(h.t)
}

func (h *house) passkey(u *symbolon.User) *authn.Passkey {
	h.t.Helper()
	begun := must(h.auth.Passkeys.BeginAdd(h.t.Context(), u.ID))(h.t)
	made := must(authntest.New(issuer).Create(begun.Options))(h.t)
	return must(h.auth.Passkeys.FinishAdd(h.t.Context(), authn.Caller{}, u.ID, begun.State, made, "key of "+u.Login, authn.By{Actor: string(u.ID)}))(h.t)
}

// browser is somebody's, who has just signed in with what factors say.
type browser struct {
	h       *house
	jar     *cookiejar.Jar
	session *symbolon.Session
}

func (h *house) browser(u *symbolon.User, factors ...authn.Factor) *browser {
	h.t.Helper()
	b := &browser{h: h, jar: must(cookiejar.New(nil))(h.t)}
	if u == nil {
		return b
	}
	w := httptest.NewRecorder()
	b.session = must(h.sessions.Start(h.t.Context(), w, session.Login{User: u.ID, Factors: factors, Agent: "Chrome on Linux"}))(h.t)
	b.jar.SetCookies(must(url.Parse(issuer))(h.t), w.Result().Cookies())
	return b
}

type seen struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
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
	if s.Status != http.StatusSeeOther || s.Header.Get("Location") != way {
		s.t.Fatalf("%d leads to %q, not %q: %s", s.Status, s.Header.Get("Location"), way, s.Body)
	}
}

func (b *browser) send(method, path, contentType, body, from string) seen {
	b.h.t.Helper()
	r := httptest.NewRequest(method, issuer+path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Sec-Fetch-Site", from)
	for _, cookie := range b.jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	b.h.door.ServeHTTP(w, r)
	b.jar.SetCookies(r.URL, w.Result().Cookies())
	text := must(io.ReadAll(w.Body))(b.h.t)
	return seen{b.h.t, w.Code, w.Header(), string(text)}
}

func (b *browser) get(path string) seen {
	b.h.t.Helper()
	return b.send(http.MethodGet, path, "", "", "none")
}

func (b *browser) post(path string, form url.Values) seen {
	b.h.t.Helper()
	return b.send(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), "same-origin")
}

func (b *browser) call(path string, body any) (seen, map[string]json.RawMessage) {
	b.h.t.Helper()
	answer := b.send(http.MethodPost, path, "application/json", string(must(json.Marshal(body))(b.h.t)), "same-origin")
	said := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(answer.Body), &said); err != nil {
		b.h.t.Fatal(err)
	}
	return answer, said
}

// stepOf is the step that an answer leads to.
func (b *browser) stepOf(location string) session.Step {
	b.h.t.Helper()
	_, sealed, found := strings.Cut(location, "/login?step=")
	if !found {
		b.h.t.Fatalf("leads to %q, not to a login", location)
	}
	return must(b.h.sessions.OpenStep(sealed))(b.h.t)
}

func id(of string) url.Values { return url.Values{"id": {of}} }

func TestTheAccountIsThePersonsOwn(t *testing.T) {
	h := open(t)
	ada := h.person("ada", true)
	mine := h.passkey(ada)
	theirs := h.passkey(h.person("eve", true))
	shown := h.browser(ada, byPasskey).get("/account")
	shown.has(http.StatusOK, "Dr ada", "ada@acme.example", "acme", "Finance", string(mine.ID), `class="passkey`, `class="session`, "this one", "Chrome on Linux")
	if strings.Contains(shown.Body, string(theirs.ID)) {
		t.Error("shows somebody else's passkey")
	}
	h.browser(nil).get("/account").leadsTo("/login")
	h.browser(nil).post("/account/sessions/end-others", nil).leadsTo("/login")
}

func TestAPasskeyIsAddedRenamedAndRemoved(t *testing.T) { // S39
	h := open(t)
	ada := h.person("ada", true)
	b := h.browser(ada, byPassword)
	begun, ceremony := b.call("/account/passkeys/begin", struct{}{})
	begun.has(http.StatusOK)
	made := must(authntest.New(issuer).Create(ceremony["options"]))(t)
	done, _ := b.call("/account/passkeys/finish", map[string]any{"state": ceremony["state"], "credential": json.RawMessage(made)})
	done.has(http.StatusOK, "/account?done=passkey-added")
	b.get("/account?done=passkey-added").has(http.StatusOK, `id="notice"`, `class="passkey`)
	key := string(must(h.auth.Passkeys.List(t.Context(), ada.ID))(t)[0].ID)
	b.post("/account/passkeys/rename", url.Values{"id": {key}, "name": {"The blue one"}}).leadsTo("/account?done=passkey-renamed")
	b.get("/account").has(http.StatusOK, "The blue one")
	b = h.browser(ada, byPasskey)
	b.post("/account/passkeys/remove", id(key)).leadsTo("/account?done=passkey-removed")
	if left := must(h.auth.Passkeys.List(t.Context(), ada.ID))(t); len(left) != 0 {
		t.Errorf("%d left", len(left))
	}
	news := must(h.db.SearchEvents(t.Context(), symbolon.EventQuery{Limit: 100, Types: []symbolon.EventType{
		symbolon.CredentialAdded, symbolon.CredentialRenamed, symbolon.CredentialRemoved}}))(t)
	if len(news) != 3 || news[0].Actor != string(ada.ID) || news[0].RequestID == "" {
		t.Errorf("%+v", news)
	}
}

func TestChangingHowOneSignsInNeedsAStrongAndFreshLogin(t *testing.T) { // S34, S35
	h := open(t)
	ada := h.person("ada", true)
	key := h.passkey(ada)
	for name, b := range map[string]*browser{
		"a password where there is a passkey": h.browser(ada, byPassword),
		"an old login": func() *browser {
			b := h.browser(ada, byPasskey)
			h.now = h.now.Add(11 * time.Minute)
			return b
		}(),
	} {
		answer, said := b.call("/account/passkeys/begin", struct{}{})
		answer.has(http.StatusForbidden, "request_id")
		var location string
		_ = json.Unmarshal(said["location"], &location)
		if step := b.stepOf(location); step.ACR != symbolon.ACRPhishing || step.ReturnTo != "/account?done=confirmed" {
			t.Errorf("%s: step %+v", name, step)
		}
		finish, _ := b.call("/account/passkeys/finish", map[string]string{"state": "x"})
		finish.has(http.StatusForbidden)
		removal := b.post("/account/passkeys/remove", id(string(key.ID)))
		if step := b.stepOf(removal.Header.Get("Location")); step.ACR != symbolon.ACRPhishing {
			t.Errorf("%s: step %+v", name, step)
		}
	}
	if left := must(h.auth.Passkeys.List(t.Context(), ada.ID))(t); len(left) != 1 {
		t.Error("the passkey is gone")
	}
}

func TestTheLastWayInCannotBeRemoved(t *testing.T) {
	h := open(t)
	ada := h.person("ada", false)
	key := h.passkey(ada)
	b := h.browser(ada, byPasskey)
	if shown := b.get("/account").has(http.StatusOK, "only way to sign in"); strings.Contains(shown.Body, "passkeys/remove") {
		t.Error("offers to remove it")
	}
	b.post("/account/passkeys/remove", id(string(key.ID))).has(http.StatusConflict, `id="error-page"`, "only way to sign in")
}

func TestSessionsAreEndedByTheirPersonAlone(t *testing.T) { // S36
	h := open(t)
	ada := h.person("ada", true)
	here, there, third := h.browser(ada, byPassword), h.browser(ada, byPassword), h.browser(ada, byPassword)
	eve := h.browser(h.person("eve", true), byPassword)
	eve.post("/account/sessions/end", id(string(here.session.ID))).has(http.StatusNotFound, `id="error-page"`)
	eve.post("/account/sessions/end", id("ses_none")).has(http.StatusNotFound, `id="error-page"`)
	here.get("/account").has(http.StatusOK, string(there.session.ID), `id="sessions-end-all"`)

	here.post("/account/sessions/end", id(string(there.session.ID))).leadsTo("/account?done=session-ended")
	there.get("/account").leadsTo("/login")
	here.post("/account/sessions/end-others", nil).leadsTo("/account?done=sessions-ended")
	third.get("/account").leadsTo("/login")
	here.get("/account").has(http.StatusOK)
	eve.get("/account").has(http.StatusOK)

	here.post("/account/sessions/end", id(string(here.session.ID))).leadsTo("/logged-out")
	here.get("/account").leadsTo("/login")
}

func TestSomebodyElsesPasskeyDoesNotExist(t *testing.T) {
	h := open(t)
	theirs := h.passkey(h.person("ada", true))
	b := h.browser(h.person("eve", true), byPassword)
	b.post("/account/passkeys/rename", url.Values{"id": {string(theirs.ID)}, "name": {"mine"}}).has(http.StatusNotFound)
	b.post("/account/passkeys/remove", id(string(theirs.ID))).has(http.StatusNotFound)
}

func TestOtherSitesChangeNothing(t *testing.T) { // CSRF
	h := open(t)
	ada := h.person("ada", true)
	key := h.passkey(ada)
	b := h.browser(ada, byPasskey)
	for _, path := range []string{"passkeys/rename", "passkeys/remove", "passkeys/begin", "passkeys/finish", "sessions/end", "sessions/end-others"} {
		for _, from := range []string{"cross-site", "same-site"} {
			b.send(http.MethodPost, "/account/"+path, "application/x-www-form-urlencoded", id(string(key.ID)).Encode(), from).has(http.StatusForbidden)
		}
		if s := b.get("/account/" + path); s.Status < 400 {
			t.Errorf("GET %s: %d", path, s.Status)
		}
	}
	if s := must(h.sessions.Get(t.Context(), b.session.ID))(t); !s.Ended.IsZero() {
		t.Error("the session was ended")
	}
	if left := must(h.auth.Passkeys.List(t.Context(), ada.ID))(t); len(left) != 1 || left[0].Name != key.Name {
		t.Errorf("%+v", left)
	}
}
