package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/token"
)

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
