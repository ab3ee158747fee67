package oauth_test

import (
	"testing"
	"time"

	"symbolon.dev"
)

// S19: rotation, a grace for retries, and the end of the family on reuse.
func TestRefreshRotation(t *testing.T) {
	w := newWorld(t)
	first := w.good(w.redeem("first", w.browser().login(symbolon.ACRSingle).code(request())))
	second := w.good(w.refresh("first", first.text("refresh_token")))
	if second.text("refresh_token") == first.text("refresh_token") || second.text("access_token") == first.text("access_token") {
		t.Fatal("nothing was rotated")
	}
	w.pass(10 * time.Second)
	again := w.good(w.refresh("first", first.text("refresh_token")))
	if again.text("refresh_token") != second.text("refresh_token") {
		t.Fatal("a retry must get the same successor")
	}
	third := w.good(w.refresh("first", second.text("refresh_token")))
	if third.text("scope") != "read" {
		t.Fatal(third.raw)
	}
	w.bad(w.refresh("first", first.text("refresh_token")), 400, "invalid_grant") // its successor was used
	w.bad(w.refresh("first", third.text("refresh_token")), 400, "invalid_grant")
	if w.opens(third.text("access_token")) || w.events(symbolon.TokenReplayed) != 1 || w.events(symbolon.AuthorizationRevoked) != 1 {
		t.Fatal("reuse must end the family, once")
	}
}

func TestRefreshReuseAfterTheGraceEndsTheFamily(t *testing.T) {
	w := newWorld(t)
	first := w.good(w.redeem("first", w.browser().login(symbolon.ACRSingle).code(request())))
	second := w.good(w.refresh("first", first.text("refresh_token")))
	w.pass(10*time.Second + time.Microsecond)
	w.bad(w.refresh("first", first.text("refresh_token")), 400, "invalid_grant")
	w.bad(w.refresh("first", second.text("refresh_token")), 400, "invalid_grant")
}

func TestConcurrentRefreshRetries(t *testing.T) {
	w := newWorld(t)
	first := w.good(w.redeem("first", w.browser().login(symbolon.ACRSingle).code(request())))
	successors := map[string]bool{}
	for _, r := range at32(func() reply { return w.refresh("first", first.text("refresh_token")) }) {
		successors[w.good(r).text("refresh_token")] = true
	}
	if len(successors) != 1 || w.events(symbolon.AuthorizationRevoked) != 0 {
		t.Fatalf("%d successors", len(successors))
	}
	for successor := range successors {
		w.good(w.refresh("first", successor))
	}
}

func TestRefreshNarrowsAndNeverWidens(t *testing.T) {
	w := newWorld(t)
	v := request("scope", "openid read write")
	v.Add("resource", orders)
	got := w.browser().login(symbolon.ACRSingle).code(v)
	w.bad(w.redeem("first", got), 400, "invalid_target") // which of both?
	r := w.good(w.redeem("first", got, "resource", notes))
	r = w.good(w.refresh("first", r.text("refresh_token"), "resource", orders, "scope", "read"))
	claims, err := w.tokens.Open(ctx, r.text("access_token"))
	w.check(err)
	if claims.Audience[0] != orders || len(claims.Scope) != 1 || claims.Scope[0] != "read" {
		t.Fatalf("%+v", claims)
	}
	r = w.good(w.refresh("first", r.text("refresh_token"), "resource", notes))
	if r.text("scope") != "read write" {
		t.Fatal("narrowing once must not narrow for ever", r.raw)
	}
	r = w.good(w.refresh("first", r.text("refresh_token"), "resource", iss+"/userinfo"))
	if r.text("scope") != "openid" {
		t.Fatal(r.raw)
	}
	w.bad(w.refresh("first", r.text("refresh_token"), "resource", payroll), 400, "invalid_target")
	w.bad(w.refresh("first", r.text("refresh_token"), "resource", notes, "scope", "read admin"), 400, "invalid_scope")
	w.good(w.refresh("first", r.text("refresh_token"), "resource", notes)) // a refusal uses nothing up
}

func TestRefreshEndsWithWhatItHangsOn(t *testing.T) {
	for name, end := range map[string]func(*world, *browser){
		"session ended": func(w *world, b *browser) {
			w.check(w.sessions.End(ctx, b.session.ID, "admin", "test", ""))
		},
		"session over": func(w *world, _ *browser) { w.pass(24 * time.Hour) },
		"person disabled": func(w *world, _ *browser) {
			user := *must(w.db.User(ctx, w.ada.ID))
			user.Disabled = true
			w.check(w.db.Commit(ctx, symbolon.PutUser{User: user}))
		},
		"policy changed": func(w *world, _ *browser) {
			w.put(symbolon.KindPolicy, "no", symbolon.Policy{ID: "no", Text: `forbid(principal, action == Action::"authorize", resource);`})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser().login(symbolon.ACRSingle)
			r := w.good(w.redeem("first", b.code(request())))
			w.pass(time.Second)
			end(w, b)
			w.bad(w.refresh("first", r.text("refresh_token")), 400, "invalid_grant")
		})
	}
}

func TestRefreshDropsAScopeThatTheClientHasLost(t *testing.T) {
	w := newWorld(t)
	r := w.good(w.redeem("first", w.browser().login(symbolon.ACRSingle).code(request("scope", "read write"))))
	less := *must2(w.catalog.Current().Client("first"))
	less.Scopes = []string{"read"}
	w.put(symbolon.KindClient, "first", less)
	if r := w.good(w.refresh("first", r.text("refresh_token"))); r.text("scope") != "read" {
		t.Fatal(r.raw)
	}
}

func must2[T any](value T, ok bool) T {
	if !ok {
		panic("not found")
	}
	return value
}

func TestOfflineAccessOutlivesTheSessionButNotItsEnding(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	r := w.good(w.redeem("first", b.code(request("scope", "openid read offline_access"))))
	w.pass(25 * time.Hour)
	r = w.good(w.refresh("first", r.text("refresh_token")))
	w.pass(14 * 24 * time.Hour)
	w.bad(w.refresh("first", r.text("refresh_token")), 400, "invalid_grant") // unused for too long
}

func TestRefreshTokensBelongToOneClient(t *testing.T) {
	w := newWorld(t)
	r := w.good(w.redeem("first", w.browser().login(symbolon.ACRSingle).code(request())))
	w.bad(w.refresh("web", r.text("refresh_token")), 400, "invalid_grant")
	w.bad(w.refresh("first", r.text("access_token")), 400, "invalid_grant")
	w.bad(w.refresh("first", ""), 400, "invalid_request")
	w.bad(w.refresh("native", r.text("refresh_token")), 400, "invalid_grant")
	w.good(w.refresh("first", r.text("refresh_token")))
}

func TestPublicClientsRotateToo(t *testing.T) {
	w := newWorld(t)
	v := request("client_id", "native", "redirect_uri", "http://127.0.0.1:51004/cb")
	r := w.good(w.redeem("native", w.browser().login(symbolon.ACRSingle).code(v), "redirect_uri", "http://127.0.0.1:51004/cb"))
	if w.good(w.refresh("native", r.text("refresh_token"))).text("refresh_token") == r.text("refresh_token") {
		t.Fatal("not rotated")
	}
}
