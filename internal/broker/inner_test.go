package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

const gateway = "http://gateway.localhost"

// gatewayed declares a resource whose tokens carry those for others.
func gatewayed(t *testing.T) *world {
	w := newWorld(t)
	w.put(symbolon.KindResource, "gateway", symbolon.Resource{ID: "gateway", Identifier: gateway, Scopes: []symbolon.Scope{{Name: "read"}},
		Upstream: &symbolon.Upstream{URL: "http://" + w.apps["payroll"].Addr().String()},
		Token:    symbolon.TokenRule{Embed: []symbolon.ResourceID{"orders", "billing"}}})
	return w
}

// wrapped gets the robot a token for the gateway that carries those for targets; bound if it proves a key.
func (w *world) wrapped(prover *token.Prover, targets ...string) string {
	w.t.Helper()
	form := url.Values{"grant_type": {grant.TypeClientCredentials}, "scope": {"read"}, "resource": append([]string{gateway}, targets...)}
	req := must(http.NewRequest(http.MethodPost, w.id.URL+"/token", strings.NewReader(form.Encode())))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("robot", testSecret)
	if prover != nil {
		req.Header.Set("DPoP", must(prover.Prove("POST", w.id.URL+"/token", "", "")))
	}
	res := must(http.DefaultClient.Do(req))
	defer func() { _ = res.Body.Close() }()
	var answer map[string]any
	w.check(json.NewDecoder(res.Body).Decode(&answer))
	raw, ok := answer["access_token"].(string)
	if !ok {
		w.t.Fatalf("no token: %v", answer)
	}
	return raw
}

// shown reads what an upstream was shown last.
func (w *world) shown(app string) *token.Claims {
	w.t.Helper()
	_, rest, _ := strings.Cut(w.apps[app].seen().Header.Get("Authorization"), ".")
	body, _, _ := strings.Cut(rest, ".")
	claims := new(token.Claims)
	w.check(claims.UnmarshalJSON(must(base64.RawURLEncoding.DecodeString(body))))
	return claims
}

// S30: each upstream is shown its own inner token, and neither the outer one nor another's.
func TestEachUpstreamIsShownItsOwnInnerToken(t *testing.T) {
	w := gatewayed(t)
	outer := w.wrapped(nil, orders, billing)
	id := must(w.tokens.Open(t.Context(), outer)).ID
	for app, identifier := range map[string]string{"orders": orders, "billing": billing} {
		if got := w.bearer(outer, identifier+"/1"); got.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", app, got.StatusCode, got.body)
		}
		seen := w.shown(app)
		if !slices.Equal(seen.Audience, []string{identifier}) || !slices.Contains(token.Ancestors(seen), id) || seen.ClientID != "robot" || seen.Extra[token.ClaimEmbedded] != nil {
			t.Errorf("%s is shown %+v", app, seen)
		}
		if header := w.apps[app].seen().Header; header.Get("X-Employee") != "robot" || strings.Contains(header.Get("Authorization"), outer) {
			t.Errorf("%s hears %v", app, header)
		}
	}
	for name, c := range map[string]struct{ raw, address string }{
		"a route without one":        {outer, payroll + "/"},
		"one that was not asked for": {w.wrapped(nil, orders), billing + "/"},
		"none at all":                {w.wrapped(nil), orders + "/"},
		"the policy of the route":    {outer, orders + "/admin"},
	} {
		want := http.StatusUnauthorized
		if strings.HasSuffix(c.address, "/admin") {
			want = http.StatusForbidden
		}
		if got := w.bearer(c.raw, c.address); got.StatusCode != want {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
	if got := w.send(http.MethodGet, orders+"/", "Cookie", "symbolon="+outer); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("in a cookie: %d", got.StatusCode)
	}
	w.pass(time.Hour)
	if got := w.bearer(outer, orders+"/1"); got.StatusCode == http.StatusOK {
		t.Error("passes after its end")
	}
}

// S20, S30: revoking the outer token cuts what is open by an inner one, and nothing begins again.
func TestRevokingTheOuterTokenCutsTheInner(t *testing.T) {
	w := gatewayed(t)
	outer, other := w.wrapped(nil, orders), w.wrapped(nil, orders)
	over := w.talk("orders")
	conn := w.socket(orders, "Authorization", "Bearer "+outer)
	unrelated := w.socket(orders, "Authorization", "Bearer "+other)
	w.check(w.tokens.RevokePresented(t.Context(), must1(w.catalog.Current().Client("robot")), outer, ""))
	if code := w.closed(conn); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
	<-over
	if got := w.bearer(outer, orders+"/1"); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("afterwards: %d", got.StatusCode)
	}
	w.check(unrelated.Write(t.Context(), websocket.MessageText, []byte("still")))
	if _, text, err := unrelated.Read(t.Context()); err != nil || string(text) != "still" {
		t.Errorf("another was cut: %v", err)
	}
}

// S30, S31: what carries and what is carried are bound to the same key; the caller proves it, and the
// upstream, to which it cannot, is shown what the broker exchanged the inner token for.
func TestABoundInnerTokenPassesWithItsProofAlone(t *testing.T) {
	w := gatewayed(t)
	k, thief := w.keyed(), w.keyed()
	outer := w.wrapped(k.Prover, orders)
	id := must(w.tokens.Open(t.Context(), outer)).ID
	if got := w.dpop(orders+"/1", outer, must(k.Prove("GET", orders+"/1", outer, ""))); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if seen := w.shown("orders"); seen.Confirmation != nil || !slices.Equal(seen.Audience, []string{orders}) || !slices.Contains(token.Ancestors(seen), id) {
		t.Errorf("shown %+v", seen)
	}
	w.refused("no proof", w.dpop(orders+"/1", outer), "invalid_dpop_proof", "DPoP")
	w.refused("another's key", w.dpop(orders+"/1", outer, must(thief.Prove("GET", orders+"/1", outer, ""))), "invalid_token", "DPoP")
	w.refused("as a bearer token", w.bearer(outer, orders+"/1", "Dpop", must(k.Prove("GET", orders+"/1", outer, ""))), "invalid_token", "Bearer")
	free := w.wrapped(nil, orders)
	w.refused("a bearer token with a proof", w.dpop(orders+"/1", free, must(k.Prove("GET", orders+"/1", free, ""))), "invalid_token", "DPoP")
}

// S30: an inner token that was revoked alone is not handed on, and one that no broker can read is not either.
func TestAnInnerTokenThatIsNotBelievedIsNotHandedOn(t *testing.T) {
	w := gatewayed(t)
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	sealed := *must1(w.catalog.Current().Resource("billing"))
	sealed.Token = symbolon.TokenRule{Format: "jwe", Encryption: &symbolon.Encryption{Key: must(jose.JSONWebKey{Key: private.Public()}.MarshalJSON())}}
	w.put(symbolon.KindResource, "billing", sealed)
	outer := w.wrapped(nil, orders, billing)
	if got := w.bearer(outer, orders+"/1"); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if got := w.bearer(outer, billing+"/1"); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("an encrypted one: %d", got.StatusCode)
	}
	carried := must(token.Embedded(must(w.tokens.Open(t.Context(), outer))))[orders]
	w.check(w.tokens.RevokePresented(t.Context(), must1(w.catalog.Current().Client("robot")), carried, ""))
	w.until("the broker has heard of it", func() bool { return w.bearer(outer, orders+"/1").StatusCode == http.StatusUnauthorized })
	if _, err := w.tokens.Open(t.Context(), outer); err != nil {
		t.Errorf("the outer one went with it: %v", err)
	}
}

func must1[T any](value T, ok bool) T {
	if !ok {
		panic("it is not there")
	}
	return value
}
