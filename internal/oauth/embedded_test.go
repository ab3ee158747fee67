package oauth_test

import (
	"net/http"
	"testing"

	"symbolon.dev"
	"symbolon.dev/token"
)

// S30: several resource parameters get one token that carries others, where that is declared.
func TestSeveralResourcesMakeOneTokenThatCarriesOthers(t *testing.T) {
	w := newWorld(t)
	form := func(resources ...string) reply {
		v := q("grant_type", "client_credentials", "scope", "read")
		v["resource"] = resources
		return w.post("/token", "svc", v)
	}
	w.bad(form(orders, billing), http.StatusBadRequest, "invalid_target")
	w.put(symbolon.KindResource, "orders", symbolon.Resource{ID: "orders", Identifier: orders, Server: "orders",
		Scopes: []symbolon.Scope{{Name: "read"}}, Token: symbolon.TokenRule{Embed: []symbolon.ResourceID{"billing"}}})
	w.bad(form(orders, billing), http.StatusBadRequest, "invalid_target") // policy gives no token for billing
	w.put(symbolon.KindPolicy, "more", symbolon.Policy{ID: "more", Text: `@id("more") permit(principal == Service::"svc", action == Action::"issue", resource == Resource::"billing");`})
	for _, order := range [][]string{{orders, billing}, {billing, orders, billing}} {
		claims := must(w.tokens.Open(ctx, w.good(form(order...)).text("access_token")))
		inner := must(token.Embedded(claims))
		if len(claims.Audience) != 1 || claims.Audience[0] != orders || len(inner) != 1 {
			t.Fatalf("%+v", claims)
		}
		carried := must(w.tokens.Open(ctx, inner[billing]))
		if carried.Subject != "svc" || !carried.HasScope("read") || carried.Audience[0] != billing || carried.Expires.After(claims.Expires) {
			t.Errorf("%+v", carried)
		}
	}
	w.bad(form(orders, billing, notes), http.StatusBadRequest, "invalid_target")
}
