package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// wrapping is a gateway whose tokens may carry others.
func wrapping(w *world, rule symbolon.TokenRule) {
	w.t.Helper()
	rule.Embed = []symbolon.ResourceID{"orders", "billing", "vault"}
	w.declare(client("gateway"), &symbolon.Resource{ID: "gateway", Identifier: "https://gateway.example", Server: "gateway", Zone: "internal", Scopes: scopes("enter"), Token: rule})
}

func (w *world) nested(given *symbolon.Authorization, targets ...string) (issuer.Issued, error) {
	m := issuer.Mint{Client: w.client("portal"), Resource: w.resource("gateway"), Scopes: []string{"enter"}, Authorization: given}
	for _, target := range targets {
		m.Embed = append(m.Embed, issuer.Inner{Resource: w.resource(target), Scopes: []string{"read"}})
	}
	issued, changes, err := w.Issue(ctx, m)
	if err == nil && len(changes) > 0 {
		w.check(w.db.Commit(ctx, changes...))
	}
	return issued, err
}

func (w *world) verifier(audience string) *token.Verifier {
	return &token.Verifier{Keys: w.ring, Issuer: iss, Audience: "https://" + audience + ".example", Clock: w.clock}
}

// S30: each takes out its own, and only its own.
func TestEachTakesItsOwnTokenOut(t *testing.T) {
	w := newWorld(t)
	wrapping(w, symbolon.TokenRule{})
	given := w.authorize("portal")
	outer := must(w.nested(given, "orders", "billing", "vault"))
	seen := func(caller symbolon.ClientID) []string {
		w.declare(&symbolon.Policy{ID: "ask", Text: `@id("ask") permit(principal, action == Action::"introspect", resource == Resource::"gateway");`})
		told := must(w.Introspect(ctx, w.client(caller), outer.Raw.Reveal()))
		inner, err := token.Embedded(&told.Claims)
		w.check(err)
		var audiences []string
		for audience := range inner {
			audiences = append(audiences, strings.TrimSuffix(strings.TrimPrefix(audience, "https://"), ".example"))
		}
		slices.Sort(audiences)
		return audiences
	}
	for caller, want := range map[symbolon.ClientID][]string{"broker": {"billing", "orders"}, "orders": {"orders"}, "billing": {"billing", "vault"}, "gateway": nil, "stranger": nil} {
		if got := seen(caller); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", caller, got, want)
		}
	}
	told := must(w.Introspect(ctx, w.client("broker"), outer.Raw.Reveal()))
	raw, inner, err := w.verifier("billing").VerifyInner(&told.Claims)
	if err != nil || inner.Subject != string(w.user.ID) || inner.Employment != "employee" || !slices.Equal(inner.Scope, []string{"read"}) || inner.ID == outer.Claims.ID {
		t.Fatalf("%+v, %v", inner, err)
	}
	if _, err := w.verifier("orders").Verify(raw); err == nil {
		t.Error("what is for billing passes at orders")
	}
	if _, _, err := w.verifier("vault").VerifyInner(&told.Claims); err == nil {
		t.Error("the broker can take out what it does not hand on")
	}
	other := must(w.nested(given, "billing"))
	foreign := *other.Claims
	foreign.ID = outer.Claims.ID + "x"
	if _, _, err := w.verifier("billing").VerifyInner(&foreign); err == nil {
		t.Error("an inner token passes under another outer one")
	}
}

// S20, S30: revoking the outer kills the inner ones; an inner one can die alone.
func TestInnerTokensDieWithTheOuter(t *testing.T) {
	w := newWorld(t)
	wrapping(w, symbolon.TokenRule{})
	inner := func(outer issuer.Issued, audience string) symbolon.Secret {
		raw, _, err := w.verifier(audience).VerifyInner(outer.Claims)
		w.check(err)
		return symbolon.NewSecret(raw)
	}
	first := must(w.nested(w.authorize("portal"), "orders", "billing"))
	a, b := inner(first, "orders"), inner(first, "billing")
	if !w.active(a) || !w.active(b) {
		t.Fatal("not active")
	}
	w.check(w.RevokePresented(ctx, w.client("portal"), a.Reveal(), ""))
	if w.active(a) || !w.active(b) || !must(w.Introspect(ctx, w.client("gateway"), first.Raw.Reveal())).Active {
		t.Error("an inner token takes others with it")
	}
	w.check(w.RevokePresented(ctx, w.client("portal"), first.Raw.Reveal(), ""))
	if w.active(b) {
		t.Error("the outer is revoked, and the inner active")
	}
	second := must(w.nested(w.authorize("portal"), "billing"))
	further := must(w.swap("billing", issuer.Issued{Raw: inner(second, "billing")}, "billing", ""))
	w.check(w.RevokeToken(ctx, second.Claims, issuer.Revoker{}))
	if w.active(further.Raw) {
		t.Error("the outer is revoked, and what was exchanged from the inner active")
	}
}

// S30: what is not declared is not carried, and there is a size.
func TestWhatIsCarriedIsDeclaredAndSmall(t *testing.T) {
	w := newWorld(t)
	wrapping(w, symbolon.TokenRule{})
	for name, targets := range map[string][]string{"undeclared": {"wiki"}, "itself": {"gateway"}, "twice": {"orders", "orders"}} {
		if _, err := w.nested(w.authorize("portal"), targets...); codeOf(err) != "invalid_target" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.user.Attributes["office"] = symbolon.Attribute{Value: strings.Repeat("B", 9<<10)}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
	if _, err := w.nested(w.authorize("portal"), "orders"); codeOf(err) != "invalid_target" || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("%v", err)
	}
}

// An encrypted inner token is for its resource's eyes, and a readable outer one carries it too.
func TestAJWTCarriesAnEncryptedOne(t *testing.T) {
	w := newWorld(t)
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	key := must(jose.JSONWebKey{Key: private.Public()}.MarshalJSON())
	w.declare(client("billing2"), partner(symbolon.TokenRule{Format: "jwe", Encryption: &symbolon.Encryption{Key: key}}),
		client("gateway"), &symbolon.Resource{ID: "gateway", Identifier: "https://gateway.example", Scopes: scopes("enter"),
			Token: symbolon.TokenRule{Format: "jwt", Embed: []symbolon.ResourceID{"partner"}}})
	outer := must(w.nested(w.authorize("portal"), "partner"))
	claims := must(w.verifier("gateway").Verify(outer.Raw.Reveal()))
	all := must(token.Embedded(claims))
	inner := must(token.Unwrap(all["https://partner.example"], private))
	if got, err := w.verifier("partner").Verify(inner); err != nil || !slices.Contains(token.Ancestors(got), claims.ID) {
		t.Errorf("%+v, %v", got, err)
	}
}

// S30, the law: no inner token outlives the outer, whatever the rules and bounds say.
func TestAnInnerTokenNeverOutlivesTheOuter(t *testing.T) {
	w := newWorld(t)
	wrapping(w, symbolon.TokenRule{})
	minutes := func(t *rapid.T, name string) symbolon.Duration {
		return symbolon.Duration(time.Duration(rapid.IntRange(0, 90).Draw(t, name)) * time.Minute)
	}
	rapid.Check(t, func(t *rapid.T) {
		gateway, billing := *w.resource("gateway"), *w.resource("billing")
		gateway.Token.Lifetime, billing.Token.Lifetime = minutes(t, "outer"), minutes(t, "inner")
		m := issuer.Mint{Client: w.client("portal"), Resource: &gateway, Embed: []issuer.Inner{{Resource: &billing}}}
		if rapid.Bool().Draw(t, "bounded") {
			m.NotAfter = w.clock().Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "left")) * time.Second)
		}
		if rapid.Bool().Draw(t, "exchanged") {
			m.From = &token.Claims{ID: "tok_1", Subject: "portal", Kind: token.KindService, ClientID: "portal", Expires: w.clock().Add(time.Duration(rapid.IntRange(2, 4000).Draw(t, "subject")) * time.Second)}
		}
		issued, _, err := w.Issue(ctx, m)
		if err != nil {
			return
		}
		_, inner, err := w.verifier("billing").VerifyInner(issued.Claims)
		if err != nil || inner.Expires.After(issued.Expires) || !slices.Contains(token.Ancestors(inner), string(issued.ID)) {
			t.Fatalf("%+v in %+v: %v", inner, issued.Claims, err)
		}
		if m.From != nil && !slices.Contains(token.Ancestors(inner), "tok_1") {
			t.Fatalf("%v", token.Ancestors(inner))
		}
	})
}
