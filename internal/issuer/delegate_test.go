package issuer_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// exchanged asks as orders for billing, with the changes.
func (w *world) exchanged(subject issuer.Issued, with ...func(*issuer.Exchange)) (issuer.Issued, error) {
	w.t.Helper()
	claims, err := w.Open(ctx, subject.Raw.Reveal())
	w.check(err)
	x := issuer.Exchange{Client: w.client("orders"), Subject: claims, Target: w.resource("billing")}
	for _, change := range with {
		change(&x)
	}
	mint, err := w.Exchange(ctx, x)
	if err != nil {
		return issuer.Issued{}, err
	}
	return w.issue(mint), nil
}

// S29, RFC 8693 §4.1: an actor token names who acts; policy judges the actor, too; the result dies
// with it.
func TestAnActorTokenSaysWhoActs(t *testing.T) {
	w := newWorld(t)
	helper := &symbolon.User{ID: symbolon.NewUserID(), Login: "helper", Groups: []symbolon.GroupID{"engineers"}}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *helper}))
	subject := w.forPerson("portal", "orders", "read")
	given := w.authorize("orders")
	given.ID, given.User = symbolon.NewAuthorizationID(), helper.ID
	w.check(w.db.Commit(ctx, symbolon.PutAuthorization{Authorization: *given}))
	of := func(m issuer.Mint) *token.Claims {
		return must(w.Open(ctx, w.issue(m).Raw.Reveal()))
	}
	actor := of(issuer.Mint{Client: w.client("orders"), Resource: w.resource("orders"), Authorization: given, Lifetime: 2 * time.Minute})
	by := func(a *token.Claims) func(*issuer.Exchange) { return func(x *issuer.Exchange) { x.Actor = a } }
	if _, err := w.exchanged(subject, by(actor)); codeOf(err) != "invalid_target" {
		t.Errorf("nobody permitted the person: %v", err)
	}
	w.declare(&symbolon.Policy{ID: "help", Text: `@id("help") permit(principal in Group::"engineers", action == Action::"exchange", resource == Resource::"billing");`})
	issued := must(w.exchanged(subject, by(actor)))
	if got := issued.Claims.Actor.Chain(); !slices.Equal(got, []string{string(helper.ID)}) || issued.Claims.Subject != string(w.user.ID) {
		t.Errorf("%v acts for %s", got, issued.Claims.Subject)
	}
	if issued.Expires.After(actor.Expires) {
		t.Errorf("ends %s, the actor token %s", issued.Expires, actor.Expires)
	}
	if !w.active(issued.Raw) {
		t.Fatal("not active")
	}
	for name, wrong := range map[string]*token.Claims{
		"another client's": of(issuer.Mint{Client: w.client("portal"), Resource: w.resource("orders")}),
		"a delegated one":  of(issuer.Mint{Client: w.client("orders"), Resource: w.resource("orders"), Actor: &token.Actor{Subject: "billing"}}),
		"a bound one":      {Subject: "orders", ClientID: "orders", Kind: token.KindService, Expires: w.clock().Add(time.Hour), Confirmation: &token.Confirmation{JKT: "x"}},
	} {
		if _, err := w.exchanged(subject, by(wrong)); codeOf(err) != "invalid_request" {
			t.Errorf("%s: %v", name, err)
		}
	}
	second := must(w.exchanged(subject, by(actor)))
	w.check(w.RevokeToken(ctx, actor, issuer.Revoker{}))
	if w.active(second.Raw) {
		t.Error("the actor token is revoked, and what came of it active")
	}
	third := must(w.exchanged(subject, by(of(issuer.Mint{Client: w.client("orders"), Resource: w.resource("orders"), Authorization: given}))))
	helper.Disabled = true
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *helper}))
	if w.active(third.Raw) {
		t.Error("the actor is disabled, and acts")
	}
}

// S29: to pass for somebody is another action than to act for them.
func TestImpersonationIsAnotherAction(t *testing.T) {
	w := newWorld(t)
	subject := w.forPerson("portal", "orders", "read")
	pass := func(x *issuer.Exchange) { x.Impersonate = true }
	if _, err := w.exchanged(subject, pass); codeOf(err) != "invalid_target" {
		t.Errorf("who may exchange may impersonate: %v", err)
	}
	w.declare(&symbolon.Policy{ID: "pass", Text: `@id("pass") permit(principal == Service::"orders", action == Action::"impersonate", resource == Resource::"billing");`})
	issued := must(w.exchanged(subject, pass))
	if issued.Claims.Actor != nil || issued.Claims.ClientID != "orders" || !slices.Contains(token.Ancestors(issued.Claims), "portal") {
		t.Errorf("%+v", issued.Claims)
	}
	acted := must(w.exchanged(must(w.swap("orders", subject, "orders", "")), pass))
	if got := acted.Claims.Actor.Chain(); !slices.Equal(got, []string{"orders"}) {
		t.Errorf("who acted before is forgotten: %v", got)
	}
}

// RFC 8693 §4.4: a token may say who alone acts for its subject.
func TestMayActIsKept(t *testing.T) {
	w := newWorld(t)
	orders := *w.resource("orders")
	orders.Token.MayAct = "billing"
	w.declare(&orders)
	subject := w.forPerson("portal", "orders", "read")
	if _, err := w.exchanged(subject); codeOf(err) != "invalid_request" {
		t.Errorf("another acts: %v", err)
	}
	if _, err := w.swap("broker", subject, "orders", "jwt"); err != nil {
		t.Errorf("a broker acts for nobody: %v", err)
	}
	orders.Token.MayAct = "orders"
	w.declare(&orders)
	if _, err := w.exchanged(w.forPerson("portal", "orders", "read")); err != nil {
		t.Error(err)
	}
}

// widening is the one exception to the law that an exchange only narrows.
func widening(w *world) {
	billing := *w.resource("billing")
	billing.Widening = []symbolon.Widening{{Name: "refund", Client: "orders", From: "orders", Scopes: []string{"pay"}}}
	w.declare(&billing)
}

// S29, S31: a widening is a named rule, and binds what it gives to one transaction.
func TestAWideningIsNamedAndBound(t *testing.T) {
	w := newWorld(t)
	widening(w)
	subject := w.forPerson("portal", "orders", "read")
	ask := func(name, txn string, scopes ...string) func(*issuer.Exchange) {
		return func(x *issuer.Exchange) { x.Widening, x.Transaction, x.Scopes = name, txn, scopes }
	}
	issued := must(w.exchanged(subject, ask("refund", "order-4711", "read", "pay")))
	slices.Sort(issued.Scopes)
	if !slices.Equal(issued.Scopes, []string{"pay", "read"}) || issued.Claims.Extra["txn"] != "order-4711" || issued.Expires.After(w.clock().Add(5*time.Minute)) {
		t.Errorf("%+v", issued.Claims)
	}
	for name, c := range map[string]struct {
		with func(*issuer.Exchange)
		code string
	}{
		"no name":             {ask("", "", "pay"), "invalid_scope"},
		"another name":        {ask("other", "order-1", "pay"), "invalid_scope"},
		"no transaction":      {ask("refund", "", "pay"), "invalid_request"},
		"a strange one":       {ask("refund", "a b\n", "pay"), "invalid_request"},
		"a transaction alone": {ask("", "order-1", "read"), "invalid_request"},
		"not asked for":       {ask("refund", "order-1", "ship"), "invalid_scope"},
	} {
		if _, err := w.exchanged(subject, c.with); codeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	bound := issued.Claims
	further := issuer.Exchange{Client: w.client("billing"), Subject: bound, Target: w.resource("billing")}
	mint, err := w.Exchange(ctx, further)
	w.check(err)
	if next := w.issue(mint); next.Claims.Extra["txn"] != "order-4711" {
		t.Errorf("%v", next.Claims.Extra)
	}
	further.Transaction = "order-1"
	if _, err := w.Exchange(ctx, further); codeOf(err) != "invalid_request" {
		t.Errorf("bound to another transaction: %v", err)
	}
}

// S29, the law: whatever is asked, what a result has beyond its subject token stands in a widening
// that was named, and then the result is bound.
func TestOnlyANamedWideningAdds(t *testing.T) {
	names := []string{"read", "write", "pay", "refund"}
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID)
		from := &symbolon.Resource{ID: "orders", Server: "orders"}
		x := issuer.Exchange{
			Client:  &symbolon.Client{ID: "orders"},
			Subject: &token.Claims{ID: "tok_1", Subject: "usr_1", Scope: some.Draw(t, "held"), Expires: time.Now().Add(time.Hour)},
			Target: &symbolon.Resource{ID: "billing", Scopes: scopes(names...), Widening: []symbolon.Widening{{
				Name: "more", Client: rapid.SampledFrom([]symbolon.ClientID{"orders", "other"}).Draw(t, "client"),
				From: rapid.SampledFrom([]symbolon.ResourceID{"orders", "other"}).Draw(t, "from"), Scopes: some.Draw(t, "adds")}}},
			Scopes: some.Draw(t, "requested"), Widening: rapid.SampledFrom([]string{"", "more", "none"}).Draw(t, "name"),
			Transaction: rapid.SampledFrom([]string{"", "txn-1"}).Draw(t, "txn"),
		}
		mint, err := x.Mint(from)
		if err != nil {
			return
		}
		for _, scope := range mint.Scopes {
			w := x.Target.Widening[0]
			named := x.Widening == w.Name && w.Client == "orders" && w.From == "orders" && slices.Contains(w.Scopes, scope) && slices.Contains(x.Scopes, scope)
			if !slices.Contains(x.Subject.Scope, scope) && (!named || mint.Transaction == "") {
				t.Fatalf("%s of %v by %+v", scope, x.Subject.Scope, x)
			}
		}
	})
}
