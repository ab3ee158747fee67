package login

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn/authntest"
)

func (h *house) newcomer(login string) (*symbolon.User, string) {
	h.t.Helper()
	h.ok(h.people.Put(h.t.Context(), "admin", "req_t", symbolon.User{Login: login, Name: "New Comer"}))
	u := must(h.people.ByLogin(h.t.Context(), login))(h.t)
	return u, h.link(u)
}

func TestALinkBecomesAPasswordAndASessionOnce(t *testing.T) {
	h := open(t)
	_, link := h.newcomer("new")
	b := h.browser()
	for range 2 { // opening it uses nothing up
		b.get("/enrol?token="+link).has(http.StatusOK, "New Comer", `id="enrol-password"`, `id="enrol-password-submit"`, `id="enrol-passkey"`)
	}
	b.post("/enrol", url.Values{"token": {link}, "password": {"short"}}).has(http.StatusUnprocessableEntity, `id="failure"`, "15 characters")
	done := b.post("/enrol", url.Values{"token": {link}, "password": {goodPassword}})
	done.has(http.StatusSeeOther).leadsTo("/account?done=welcome")
	if s := b.session(); s == nil || s.ACR != symbolon.ACRSingle {
		t.Fatalf("session %+v", s)
	}
	h.browser().get("/enrol?token="+link).has(http.StatusBadRequest, `id="error-page"`, "new one")
	h.browser().post("/enrol", url.Values{"token": {link}, "password": {goodPassword + "!"}}).has(http.StatusBadRequest, `id="error-page"`)
	h.browser().password("new", goodPassword, "").leadsTo("/account")
}

func TestALinkBecomesAPasskeyAndASessionOnce(t *testing.T) {
	h := open(t)
	_, link := h.newcomer("new")
	b, device := h.browser(), authntest.New(issuer)
	enrol := func() seen {
		begun, ceremony := b.call("/enrol/passkey/begin", map[string]string{"token": link})
		if begun.Status != http.StatusOK {
			return begun
		}
		made := must(device.Create(ceremony["options"]))(t)
		done, _ := b.call("/enrol/passkey/finish", map[string]any{"token": link, "state": ceremony["state"], "credential": json.RawMessage(made)})
		return done
	}
	enrol().has(http.StatusOK, `"/account?done=welcome"`)
	if s := b.session(); s == nil || s.ACR != symbolon.ACRPhishing {
		t.Fatalf("session %+v", s)
	}
	enrol().has(http.StatusBadRequest, "request_id")
	if done, to := h.browser().touch(device, ""); to != "/account" {
		t.Errorf("the passkey does not sign in: %s", done.Body)
	}
}

func TestABrokenLinkSaysWhatToDo(t *testing.T) {
	h := open(t)
	_, link := h.newcomer("new")
	for _, token := range []string{"", "symx_x", link + "x", strings.Repeat("a", 10_000)} {
		if s := h.browser().get("/enrol?" + url.Values{"token": {token}}.Encode()); s.Status < 400 || s.Status >= 500 {
			t.Errorf("%d", s.Status)
		} else {
			s.has(s.Status, `id="error-page"`, "new one", `id="error-reference"`)
		}
	}
	h.pass(25 * time.Hour)
	if s := h.browser().get("/enrol?token=" + link); !strings.Contains(s.Body, `id="error-page"`) {
		t.Errorf("an old link works: %d %s", s.Status, s.Body)
	}
}

func TestALinkDoesNotTravelToOtherOrigins(t *testing.T) {
	h := open(t)
	_, link := h.newcomer("new")
	shown := h.browser().get("/enrol?token=" + link)
	if shown.Header.Get("Referrer-Policy") != "same-origin" || strings.Contains(shown.Body, `href="http`) || strings.Contains(shown.Body, `src="http`) {
		t.Error("the page refers to another origin, or tells it where it comes from")
	}
}
