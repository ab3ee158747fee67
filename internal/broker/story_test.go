package broker

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"symbolon.dev"
)

// S7 S8 S42: a person logs in once at the issuer and is served; the upstream hears the broker's word.
func TestAPersonOpensAnApp(t *testing.T) {
	w := newWorld(t)
	ada := w.browser(symbolon.ACRSingle)
	first := ada.open(wiki + "/page?x=1")
	to := must(url.Parse(first.Header.Get("Location")))
	if first.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), w.id.URL+"/authorize?") {
		t.Fatalf("%d to %s", first.StatusCode, to)
	}
	if q := to.Query(); q.Get("resource") != wiki || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid" || q.Get("nonce") == "" || q.Get("state") == "" {
		t.Errorf("asked for %v", q)
	}
	if w.apps["wiki"].accepted.Load() != 0 {
		t.Error("the upstream was dialled before anybody was allowed") // S8
	}
	page := ada.arrive(wiki + "/page?x=1")
	if page.StatusCode != http.StatusOK || page.body != "here is wiki.localhost" {
		t.Fatalf("%d %s", page.StatusCode, page.body)
	}
	seen := w.apps["wiki"].seen()
	if seen.URL.RequestURI() != "/page?x=1" || seen.Header.Get("Cookie") != "" {
		t.Errorf("the upstream saw %s with %q", seen.URL, seen.Header.Get("Cookie"))
	}
	raw := strings.TrimPrefix(seen.Header.Get("Authorization"), "Bearer ")
	claims, err := w.tokens.Open(t.Context(), raw)
	if err != nil || claims.Subject != string(w.ada.ID) || claims.Audience[0] != wiki || claims.ClientID != "broker" {
		t.Errorf("the upstream's token: %+v, %v", claims, err)
	}
	if seen.Header.Get("X-Employee") != string(w.ada.ID) || seen.Header.Get("X-Team") != "lab" || seen.Header.Get("X-Request-Id") == "" {
		t.Errorf("the upstream was told %v", seen.Header)
	}
	for name, value := range ada.jar["wiki.localhost"] {
		if name == "symbolon" && strings.Contains(value, ".") {
			t.Error("the browser holds something that can be read")
		}
	}
}

// S42 S28 S2: services come with a token of their own, for one resource.
func TestAServiceCallsAServiceAndNoOther(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	if got := w.bearer(raw, orders+"/1"); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	for _, elsewhere := range []string{billing, wiki, payroll, "http://nothing.localhost", "http://billing.localhost"} {
		got := w.bearer(raw, elsewhere+"/1")
		if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %d %s", elsewhere, got.StatusCode, got.Header.Get("WWW-Authenticate"))
		}
	}
	if n := w.apps["billing"].accepted.Load(); n != 0 {
		t.Errorf("billing was dialled %d times", n)
	}
	if got := w.bearer(w.service("idler", orders), orders+"/1"); got.StatusCode != http.StatusForbidden { // S3
		t.Errorf("who has no permit got %d", got.StatusCode)
	}
}
