package login

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/session"
)

func TestConsentIsShownGivenAndRemembered(t *testing.T) { // S13
	h := open(t)
	ada := h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	h.ok(h.db.Commit(t.Context(), symbolon.PutConsent{Consent: symbolon.Consent{User: ada.ID, Client: "travel", Resource: "expenses", Scopes: []string{"list"}, At: h.now}}))
	step := h.step(session.Step{Client: "travel", Resource: "expenses", Scopes: []string{"openid", "read"}})
	b.get("/consent?step="+step).has(http.StatusOK, `id="consent-allow"`, `id="consent-deny"`, "Acme Travel", "Expenses", "See your reports", "Know that it is you", "ADA",
		`id="client-logo"`, `id="client-policy"`, `id="client-tos"`)
	b.post("/consent", url.Values{"step": {step}, "answer": {"allow"}}).leadsTo("/authorize?client_id=travel&state=x")
	given := must(h.db.Consents(t.Context(), ada.ID))(t)
	if len(given) != 1 || !slices.Equal(given[0].Scopes, []string{"list", "openid", "read"}) {
		t.Errorf("%+v", given)
	}
	if news := h.events(symbolon.ConsentGiven); len(news) != 1 || news[0].Client != "travel" || news[0].RequestID == "" {
		t.Errorf("%+v", news)
	}
}

func TestADenialReturnsAndIsNotRemembered(t *testing.T) {
	h := open(t)
	ada := h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	step := h.step(session.Step{Client: "travel", Resource: "expenses", Scopes: []string{"read"}})
	b.post("/consent", url.Values{"step": {step}, "answer": {"deny"}}).leadsTo("/authorize?client_id=travel&state=x&consent=denied")
	if given := must(h.db.Consents(t.Context(), ada.ID))(t); len(given) != 0 {
		t.Errorf("a denial is remembered as consent: %+v", given)
	}
}

func TestConsentNeedsAPersonAStepAndAnAnswer(t *testing.T) {
	h := open(t)
	h.person("ada")
	step := h.step(session.Step{Client: "travel", Scopes: []string{"openid"}})
	h.browser().get("/consent?step=" + step).leadsTo("/authorize?client_id=travel&state=x")
	h.browser().post("/consent", url.Values{"step": {step}, "answer": {"allow"}}).leadsTo("/authorize?client_id=travel&state=x")
	if len(h.events(symbolon.ConsentGiven)) != 0 {
		t.Error("nobody consented")
	}
	b := h.browser()
	b.password("ada", goodPassword, "")
	b.get("/consent").has(http.StatusBadRequest, `id="error-page"`)
	b.get("/consent?step="+h.step(session.Step{Client: "unknown"})).has(http.StatusBadRequest, `id="error-page"`)
	b.post("/consent", url.Values{"step": {step}}).has(http.StatusBadRequest, `id="error-page"`)
}

// Optional scopes can be left out, and that is remembered too; details are told in words and in full.
func TestConsentInDetail(t *testing.T) { // S31
	h := open(t)
	ada := h.person("ada")
	h.things["expenses"].DetailTypes = []symbolon.DetailType{{Type: "claim", Description: "File {amount} to <b>{to}"}}
	b := h.browser()
	b.password("ada", goodPassword, "")
	detail := symbolon.Detail(`{"amount":"12","to":"<script>","type":"claim"}`)
	step := h.step(session.Step{Client: "travel", Resource: "expenses", Scopes: []string{"openid", "read", "claim:email"}, Optional: []string{"read", "claim:email"}, Details: []symbolon.Detail{detail}})
	b.get("/consent?step="+step).has(http.StatusOK, "File 12 to &lt;b&gt;&lt;script&gt;", `type="checkbox" name="scope" value="read" checked`, "See your e-mail address", "&#34;amount&#34;:&#34;12&#34;")
	b.post("/consent", url.Values{"step": {step}, "answer": {"allow"}, "scope": {"claim:email", "admin"}})
	given := must(h.db.Consents(t.Context(), ada.ID))(t)
	if len(given) != 1 || !slices.Equal(given[0].Scopes, []string{"claim:email", "openid"}) || !slices.Equal(given[0].Declined, []string{"read"}) || !slices.Equal(given[0].Details, []symbolon.Detail{detail}) {
		t.Fatalf("%+v", given)
	}
	b.post("/consent", url.Values{"step": {step}, "answer": {"allow"}, "scope": {"read"}})
	given = must(h.db.Consents(t.Context(), ada.ID))(t)
	if !slices.Equal(given[0].Scopes, []string{"openid", "read"}) || !slices.Equal(given[0].Declined, []string{"claim:email"}) {
		t.Fatalf("changing one's mind counts: %+v", given)
	}
	gone := h.step(session.Step{Client: "travel", Resource: "expenses", Details: []symbolon.Detail{`{"type":"withdrawn"}`}})
	b.get("/consent?step="+gone).has(http.StatusBadRequest, `id="error-page"`)
}
