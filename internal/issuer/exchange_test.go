package issuer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// swap exchanges and issues.
func (w *world) swap(client symbolon.ClientID, subject issuer.Issued, target, format string, scopes ...string) (issuer.Issued, error) {
	claims, err := w.Open(ctx, subject.Raw.Reveal())
	if err != nil {
		return issuer.Issued{}, err
	}
	mint, err := w.Exchange(ctx, issuer.Exchange{Client: w.client(client), Subject: claims, Target: w.resource(target), Scopes: scopes, Format: format})
	if err != nil {
		return issuer.Issued{}, err
	}
	return w.issue(mint), nil
}

// S29, S12: a person's call through the broker to orders and on to billing.
func TestACallTravelsWithItsPersonAndGathersActors(t *testing.T) {
	w := newWorld(t)
	outer := w.forPerson("portal", "orders", "read", "ship")
	upstream := must(w.swap("broker", outer, "orders", "jwt"))
	if upstream.Claims.Actor != nil || upstream.Claims.ClientID != "broker" || !slices.Equal(upstream.Scopes, []string{"read", "ship"}) {
		t.Errorf("the broker acts for nobody: %+v", upstream.Claims)
	}
	if upstream.Expires.After(w.clock().Add(5 * time.Minute)) {
		t.Errorf("an upstream's JWT lives until %s", upstream.Expires)
	}
	inner := must(w.swap("orders", upstream, "billing", ""))
	if !slices.Equal(inner.Claims.Actor.Chain(), []string{"orders"}) || inner.Claims.Subject != string(w.user.ID) || inner.Claims.ClientID != "orders" {
		t.Errorf("%+v", inner.Claims)
	}
	if !slices.Equal(inner.Scopes, []string{"read"}) { // ship is nothing at billing
		t.Errorf("scopes %v", inner.Scopes)
	}
	for name, same := range map[string]bool{
		"acr": inner.Claims.ACR == outer.Claims.ACR, "sid": inner.Claims.SessionID == outer.Claims.SessionID,
		"grant_id": inner.Claims.Authorization == outer.Claims.Authorization, "auth_time": inner.Claims.AuthTime.Equal(outer.Claims.AuthTime),
		"amr": slices.Equal(inner.Claims.AMR, outer.Claims.AMR), "sub_kind": inner.Claims.Kind == outer.Claims.Kind,
	} {
		if !same {
			t.Errorf("%s changed: %+v", name, inner.Claims)
		}
	}
}

// S20, S30: what was made of a token dies with it, however far down.
func TestAnExchangedTokenDiesWithItsAncestors(t *testing.T) {
	w := newWorld(t)
	outer := w.forPerson("portal", "orders", "read")
	upstream := must(w.swap("broker", outer, "orders", "jwt"))
	inner := must(w.swap("orders", upstream, "billing", ""))
	w.check(w.RevokeToken(ctx, upstream.Claims, issuer.Revoker{}))
	if !w.active(outer.Raw) || w.active(upstream.Raw) || w.active(inner.Raw) {
		t.Error("the middle one takes what is below it, and nothing above")
	}
	other := must(w.swap("orders", must(w.swap("broker", outer, "orders", "jwt")), "billing", ""))
	w.check(w.RevokeToken(ctx, outer.Claims, issuer.Revoker{}))
	if w.active(other.Raw) {
		t.Error("the first one takes all")
	}
	last := must(w.swap("orders", w.forPerson("portal", "orders", "read"), "billing", ""))
	w.declare(client("portal", func(c *symbolon.Client) { c.Disabled = true }))
	if w.active(last.Raw) {
		t.Error("a client that is shut out takes what others made of its tokens")
	}
}

// S2: who may not.
func TestATokenIsExchangedByWhomItIsForOnly(t *testing.T) {
	w := newWorld(t)
	w.declare(&symbolon.Policy{ID: "all", Text: `@id("all") permit(principal, action == Action::"exchange", resource);`})
	atOrders, atWiki, atVault := w.forPerson("portal", "orders", "read"), w.forPerson("broker", "wiki", "read"), w.forPerson("portal", "vault", "read")
	for name, c := range map[string]struct {
		client         symbolon.ClientID
		subject        issuer.Issued
		target, format string
		scopes         []string
		code           string
	}{
		"the client it was issued to":            {"portal", atOrders, "billing", "", nil, "invalid_request"},
		"a stranger":                             {"stranger", atOrders, "billing", "", nil, "invalid_request"},
		"the server of another resource":         {"billing", atOrders, "billing", "", nil, "invalid_request"},
		"a broker for another audience":          {"broker", atWiki, "orders", "jwt", nil, "invalid_request"},
		"a broker for what it does not front":    {"broker", atVault, "vault", "jwt", nil, "invalid_request"},
		"a service that wants a JWT from opaque": {"orders", atOrders, "wiki", "jwt", nil, "invalid_request"},
		"scopes the subject lacks":               {"orders", atOrders, "billing", "", []string{"pay"}, "invalid_scope"},
		"scopes the target lacks":                {"orders", w.forPerson("portal", "orders", "ship"), "billing", "", []string{"ship"}, "invalid_scope"},
	} {
		_, err := w.swap(c.client, c.subject, c.target, c.format, c.scopes...)
		var known *symbolon.Error
		if !errors.As(err, &known) || known.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// S3, S4: the rules permit nothing; a policy must, and is named when it refuses.
func TestThePolicyDecidesAnExchange(t *testing.T) {
	w := newWorld(t)
	refused := func(client symbolon.ClientID, subject issuer.Issued, target string) *symbolon.Error {
		_, err := w.swap(client, subject, target, "")
		var known *symbolon.Error
		if !errors.As(err, &known) || known.Code != "invalid_target" || known.Kind != symbolon.Denied {
			t.Fatalf("%v", err)
		}
		return known
	}
	refused("billing", w.forPerson("portal", "billing", "read"), "orders")
	subject := w.forPerson("portal", "orders", "read")
	if _, err := w.swap("orders", subject, "billing", ""); err != nil {
		t.Fatal(err)
	}
	w.user.Groups = []symbolon.GroupID{"banned"}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
	if got := refused("orders", subject, "billing").Policies; !slices.Contains(got, "no-wiki-for-the-banned") {
		t.Errorf("policies %v", got)
	}
}

func TestAChainOfActorsHasAnEnd(t *testing.T) {
	w := newWorld(t)
	current := w.forPerson("portal", "orders", "read")
	for n := 1; n <= 8; n++ {
		next, err := w.swap("orders", current, "orders", "")
		if err != nil {
			t.Fatalf("actor %d: %v", n, err)
		}
		if got := len(next.Claims.Actor.Chain()); got != n {
			t.Fatalf("%d actors after %d exchanges", got, n)
		}
		if current = next; !w.active(current.Raw) {
			t.Fatalf("a chain of %d cannot be read", n)
		}
	}
	if _, err := w.swap("orders", current, "orders", ""); err == nil {
		t.Error("a ninth actor")
	}
}

// S29, the laws: whatever is asked, the result is never more than the subject token.
func TestAnExchangeNeverWidens(t *testing.T) {
	w := newWorld(t)
	names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"read", "write", "ship", "pay", "root", ""}), rapid.ID)
	reached := 0
	check := func(t *rapid.T) {
		now := w.clock()
		subject := drawSubject(t, now, names.Draw(t, "held"))
		x := issuer.Exchange{
			Client: &symbolon.Client{ID: "orders", Broker: rapid.Bool().Draw(t, "broker")}, Subject: subject,
			Target: &symbolon.Resource{ID: rapid.SampledFrom([]symbolon.ResourceID{"orders", "billing"}).Draw(t, "target"), Identifier: "https://target.example",
				Scopes: scopes(names.Draw(t, "known")...), Token: symbolon.TokenRule{Lifetime: symbolon.Duration(time.Hour)}},
			Scopes: names.Draw(t, "requested"), Format: rapid.SampledFrom([]string{"", "jwt", "opaque"}).Draw(t, "format"),
		}
		from := &symbolon.Resource{ID: "orders", Server: rapid.SampledFrom([]symbolon.ClientID{"orders", "orders", "orders", "billing", ""}).Draw(t, "server"),
			Upstream: &symbolon.Upstream{}}
		mint, err := x.Mint(from)
		if err != nil {
			return
		}
		issued, _, err := w.Issue(ctx, mint)
		if err != nil {
			return
		}
		reached++
		neverMore(t, &x, from, issued.Claims)
	}
	rapid.Check(t, check)
	if reached < 10 {
		t.Errorf("only %d exchanges went through: the laws were hardly asked", reached)
	}
}

func drawSubject(t *rapid.T, now time.Time, held []string) *token.Claims {
	c := &token.Claims{ID: "tok_1", Subject: "usr_1", Kind: token.KindService, Scope: held, SessionID: "ses_1", Authorization: "aut_1",
		ACR: string(rapid.SampledFrom(symbolon.ACRs).Draw(t, "acr")), AuthTime: now.Add(-time.Hour),
		Expires: now.Add(time.Duration(rapid.IntRange(-60, 7200).Draw(t, "left")) * time.Second)}
	for n := range rapid.IntRange(0, 9).Draw(t, "actors") {
		c.Actor = &token.Actor{Subject: fmt.Sprint("actor", n), Actor: c.Actor}
	}
	return c
}

func neverMore(t *rapid.T, x *issuer.Exchange, from *symbolon.Resource, got *token.Claims) {
	for _, scope := range got.Scope {
		if !slices.Contains(x.Subject.Scope, scope) || len(x.Scopes) > 0 && !slices.Contains(x.Scopes, scope) {
			t.Fatalf("scope %q of %v, requested %v", scope, x.Subject.Scope, x.Scopes)
		}
	}
	swap := x.Client.Broker && x.Target.ID == from.ID
	before, after := x.Subject.Actor.Chain(), got.Actor.Chain()
	switch {
	case !swap && !slices.Equal(after, append([]string{string(x.Client.ID)}, before...)):
		t.Fatalf("actors %v after %v", after, before)
	case swap && !slices.Equal(after, before):
		t.Fatalf("actors %v after %v", after, before)
	case len(after) > 8:
		t.Fatalf("%d actors", len(after))
	case got.Expires.After(x.Subject.Expires):
		t.Fatalf("ends %s, the subject %s", got.Expires, x.Subject.Expires)
	case got.ACR != x.Subject.ACR || !got.AuthTime.Equal(x.Subject.AuthTime):
		t.Fatalf("login %s at %s", got.ACR, got.AuthTime)
	case got.Subject != x.Subject.Subject || got.SessionID != x.Subject.SessionID || got.Authorization != x.Subject.Authorization:
		t.Fatalf("subject %+v", got)
	case len(got.Audience) != 1 || got.Audience[0] != x.Target.Identifier:
		t.Fatalf("audience %v", got.Audience)
	}
}
