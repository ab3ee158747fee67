package login

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/logout"
	"symbolon.dev/token"
)

// herald is the real one; it runs, and hears of events, once a test says so.
func (h *house) herald() *logout.Herald {
	h.logouts = logout.New(logout.Config{
		Issuer: issuer, Store: h.db, HTTP: http.DefaultClient, Clock: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler),
		Client:  func(id symbolon.ClientID) (*symbolon.Client, bool) { c, ok := h.clients[id]; return c, ok },
		Subject: func(_ *symbolon.Client, user symbolon.UserID) string { return string(user) },
		Session: func(_ *symbolon.Client, session symbolon.SessionID) string { return string(session) },
		Signer:  func(alg string) (token.Signer, error) { return h.keys.Signer(alg) },
	})
	return h.logouts
}

func (h *house) carry() {
	h.t.Helper()
	log := event.New(h.db, slog.New(slog.DiscardHandler))
	log.Subscribe(h.logouts.Hear)
	h.ok(log.Open(h.t.Context()))
	for _, run := range []func() error{func() error { return log.Run(h.t.Context()) }, func() error { return h.logouts.Run(h.t.Context()) }} {
		ended := make(chan struct{})
		go func() { _ = run(); close(ended) }()
		h.t.Cleanup(func() { <-ended })
	}
}

// given records that a client got something in the browser's session.
func (b *browser) given(clients ...symbolon.ClientID) *symbolon.Session {
	b.h.t.Helper()
	s := b.session()
	for _, id := range clients {
		b.h.ok(b.h.db.Commit(b.h.t.Context(), symbolon.PutAuthorization{Authorization: symbolon.Authorization{ID: symbolon.NewAuthorizationID(),
			User: s.User, Client: id, Session: s.ID, Scopes: []string{"openid"}, Created: b.h.now, Expires: b.h.now.Add(time.Hour)}}))
	}
	return s
}

// hint is an ID token of this very session, long expired.
func (h *house) hint(client string, s *symbolon.Session) string {
	h.t.Helper()
	return h.idToken(token.Claims{Issuer: issuer, Subject: string(s.User), Audience: []string{client}, SessionID: string(s.ID),
		IssuedAt: h.now.Add(-time.Hour), Expires: h.now.Add(-50 * time.Minute)})
}

func TestAHintOfThisSessionNeedsNoConfirmation(t *testing.T) { // OpenID Connect RP-Initiated Logout 1.0 §2
	h := open(t)
	h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	q := url.Values{"id_token_hint": {h.hint("travel", b.session())}, "post_logout_redirect_uri": {"https://travel.example/bye?from=id"}, "state": {"s"}, "ui_locales": {"fr"}}
	b.get("/logout?" + q.Encode()).leadsTo("https://travel.example/bye?from=id&state=s")
	if b.session() != nil || len(h.events(symbolon.SessionEnded)) != 1 {
		t.Error("the session lives on")
	}
	b.get("/logout?" + q.Encode()).leadsTo("https://travel.example/bye?from=id&state=s")
}

func TestOnlyAHintOfThisSessionSavesTheQuestion(t *testing.T) { // logout CSRF
	h := open(t)
	h.person("ada")
	h.person("eve")
	evil, other := h.browser(), h.browser()
	evil.password("eve", goodPassword, "")
	other.password("ada", goodPassword, "")
	b := h.browser()
	b.password("ada", goodPassword, "")
	mine := b.session()
	for name, hint := range map[string]string{
		"another person's":  h.hint("travel", evil.session()),
		"another session's": h.hint("travel", other.session()),
		"without a session": h.idToken(token.Claims{Issuer: issuer, Subject: string(mine.User), Audience: []string{"travel"}}),
		"without a person":  h.idToken(token.Claims{Issuer: issuer, Subject: "usr_x", Audience: []string{"travel"}, SessionID: string(mine.ID)}),
	} {
		b.get("/logout?"+url.Values{"id_token_hint": {hint}}.Encode()).has(http.StatusOK, `id="logout-confirm"`)
		if b.session() == nil {
			t.Fatalf("a hint %s ended the session", name)
		}
	}
	off := *h.clients["travel"]
	off.Disabled = true
	h.clients["travel"] = &off
	b.get("/logout?"+url.Values{"id_token_hint": {h.hint("travel", mine)}}.Encode()).has(http.StatusBadRequest, `id="error-page"`)
}

func TestFramesTellClientsAndThenTheWayGoesOn(t *testing.T) { // OpenID Connect Front-Channel Logout 1.0 §2
	h := open(t)
	h.person("ada")
	h.clients["framed"] = &symbolon.Client{ID: "framed", ClientLogout: symbolon.ClientLogout{FrontchannelLogoutURI: "https://framed.example/out?a=b"}}
	h.clients["absent"] = &symbolon.Client{ID: "absent", ClientLogout: symbolon.ClientLogout{FrontchannelLogoutURI: "https://absent.example/out"}}
	b := h.browser()
	b.password("ada", goodPassword, "")
	s := b.given("framed", "framed", "travel")
	q := url.Values{"client_id": {"travel"}, "post_logout_redirect_uri": {"https://travel.example/bye?from=id"}, "confirm": {"yes"}}
	shown := b.post("/logout", q).has(http.StatusOK, `id="logged-out"`,
		`src="https://framed.example/out?a=b&amp;iss=http%3A%2F%2Fid.localhost&amp;sid=`+string(s.ID)+`"`, `id="logged-out-continue" href="https://travel.example/bye?from=id"`)
	if strings.Count(shown.Body, "<iframe") != 1 || strings.Contains(shown.Body, "absent") {
		t.Error(shown.Body)
	}
	if csp := shown.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-src https://framed.example") {
		t.Error(csp)
	}
	if shown.Header.Get("Refresh") != "4; url=https://travel.example/bye?from=id" {
		t.Error(shown.Header.Get("Refresh"))
	}
	if plain := b.get("/logged-out").Header; plain.Get("Refresh") != "" || strings.Contains(plain.Get("Content-Security-Policy"), "frame-src") {
		t.Error(plain)
	}
}

func TestTheWayOnWaitsForClientsThatAnswer(t *testing.T) { // OpenID Connect Back-Channel Logout 1.0 §2.5
	h := open(t)
	h.person("ada")
	told := make(chan string, 1)
	rp := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	t.Cleanup(rp.Close)
	h.clients["told"] = &symbolon.Client{ID: "told", ClientLogout: symbolon.ClientLogout{BackchannelLogoutURI: rp.URL}}
	h.carry()
	b := h.browser()
	b.password("ada", goodPassword, "")
	b.given("told")
	b.post("/logout", url.Values{"confirm": {"yes"}}).leadsTo("/logged-out")
	select {
	case <-told:
	default:
		t.Error("the browser is sent on before the client has heard")
	}
}

func (h *house) idToken(claims token.Claims) string {
	h.t.Helper()
	signer := must(h.keys.Signer("ES256"))(h.t)
	return must(token.Sign(signer, token.TypeIDToken, &claims))(h.t)
}

func TestLogoutAsksAndThenEndsTheSession(t *testing.T) { // S36
	h := open(t)
	h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	b.get("/logout").has(http.StatusOK, `id="logout-confirm"`, "ADA")
	if b.session() == nil {
		t.Fatal("a GET ended the session")
	}
	ended := b.session().ID
	b.post("/logout", url.Values{"confirm": {"yes"}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").has(http.StatusSeeOther)
	if b.session() == nil {
		t.Fatal("another site ended the session")
	}
	b.post("/logout", url.Values{"confirm": {"yes"}}).leadsTo("/logged-out")
	if b.session() != nil || len(b.cookies()) != 0 {
		t.Error("the session or its cookie is still there")
	}
	if marks := must(h.db.Revocations(t.Context(), string(ended)))(t); len(marks) != 1 {
		t.Error("what was issued in the session lives on")
	}
	b.get("/logged-out").has(http.StatusOK, `id="logged-out"`)
	b.get("/logout").leadsTo("/logged-out")
}

func TestAClientIsReturnedToOnlyWhereItRegistered(t *testing.T) { // OpenID Connect RP-Initiated Logout 1.0 §3
	h := open(t)
	h.person("ada")
	const bye = "https://travel.example/bye?from=id"
	hint := h.idToken(token.Claims{Issuer: issuer, Subject: "usr_x", Audience: []string{"travel"}, IssuedAt: h.now.AddDate(0, -1, 0), Expires: h.now.AddDate(0, -1, 1)})
	for name, c := range map[string]struct {
		query  url.Values
		status int
		way    string
	}{
		"by hint":           {url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"a b"}}, http.StatusOK, bye + "&state=a+b"},
		"by client":         {url.Values{"client_id": {"travel"}, "post_logout_redirect_uri": {bye}}, http.StatusOK, bye},
		"by both":           {url.Values{"client_id": {"travel"}, "id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}, http.StatusOK, bye},
		"nowhere":           {url.Values{"client_id": {"travel"}}, http.StatusOK, "/logged-out"},
		"by nobody":         {url.Values{"post_logout_redirect_uri": {bye}}, http.StatusBadRequest, ""},
		"not registered":    {url.Values{"client_id": {"travel"}, "post_logout_redirect_uri": {bye + "x"}}, http.StatusBadRequest, ""},
		"of another client": {url.Values{"client_id": {"broker"}, "post_logout_redirect_uri": {bye}}, http.StatusBadRequest, ""},
		"hint of another":   {url.Values{"client_id": {"broker"}, "id_token_hint": {hint}}, http.StatusBadRequest, ""},
		"forged hint":       {url.Values{"id_token_hint": {hint[:len(hint)-4] + "AAAA"}}, http.StatusBadRequest, ""},
		"access token":      {url.Values{"id_token_hint": {must(token.Sign(must(h.keys.Signer("ES256"))(t), token.TypeAccessToken, &token.Claims{Issuer: issuer, Audience: []string{"travel"}}))(t)}}, http.StatusBadRequest, ""},
		"given twice":       {url.Values{"client_id": {"travel"}, "state": {"a", "b"}}, http.StatusBadRequest, ""},
		"unknown client":    {url.Values{"client_id": {"who"}}, http.StatusBadRequest, ""},
	} {
		b := h.browser()
		b.password("ada", goodPassword, "")
		shown := b.get("/logout?" + c.query.Encode())
		if shown.Status != c.status || c.status != http.StatusOK && !strings.Contains(shown.Body, `id="error-page"`) {
			t.Errorf("%s: %d %s", name, shown.Status, shown.Body)
			continue
		}
		c.query.Set("confirm", "yes")
		if done := b.post("/logout", c.query); done.way() != c.way {
			t.Errorf("%s: leads to %q, not %q", name, done.way(), c.way)
		}
		if (b.session() == nil) != (c.status == http.StatusOK) {
			t.Errorf("%s: session %v", name, b.session())
		}
	}
}

func TestAClientMayAskForALogoutByPost(t *testing.T) {
	h := open(t)
	h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	asked := b.post("/logout", url.Values{"client_id": {"travel"}, "state": {"s"}, "other": {"x"}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://travel.example")
	asked.has(http.StatusSeeOther).leadsTo("/logout?client_id=travel&state=s")
	b.get(asked.way()).has(http.StatusOK, `id="logout-confirm"`, "Acme Travel", `name="client_id" value="travel"`)
	if b.session() == nil {
		t.Error("another site ended the session")
	}
	if len(h.events(symbolon.SessionEnded)) != 0 {
		t.Error("an event tells of an end")
	}
}
