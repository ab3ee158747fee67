package issuer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

// S20: trust is withdrawn from whatever a token hangs on, opaque or JWT, and it is dead.
func TestATokenDiesWithEverythingItHangsOn(t *testing.T) {
	target := func(id func(issuer.Issued) string) func(*world, issuer.Issued) {
		return func(w *world, issued issuer.Issued) {
			w.check(w.db.Commit(ctx, symbolon.Revoke{Revocation: symbolon.Revocation{Target: id(issued), Until: w.clock().Add(time.Hour)}}))
		}
	}
	for name, withdraw := range map[string]func(*world, issuer.Issued){
		"token":         target(func(i issuer.Issued) string { return i.Claims.ID }),
		"authorization": target(func(i issuer.Issued) string { return i.Claims.Authorization }),
		"session":       target(func(i issuer.Issued) string { return i.Claims.SessionID }),
		"user":          target(func(i issuer.Issued) string { return i.Claims.Subject }),
		"client":        target(func(i issuer.Issued) string { return i.Claims.ClientID }),
		"disabled user": func(w *world, _ issuer.Issued) {
			w.user.Disabled = true
			w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
		},
		"deleted user": func(w *world, _ issuer.Issued) { w.check(w.db.Commit(ctx, symbolon.DeleteUser{ID: w.user.ID})) },
		"disabled client": func(w *world, _ issuer.Issued) {
			w.declare(client("portal", func(c *symbolon.Client) { c.Disabled = true }))
		},
		"time": func(w *world, _ issuer.Issued) { w.pass(10 * time.Minute) },
	} {
		for _, resource := range []string{"orders", "billing"} { // opaque, JWT
			t.Run(name+" at "+resource, func(t *testing.T) {
				w := newWorld(t)
				issued, bystander := w.forPerson("portal", resource), w.forService("orders", resource)
				if !w.active(issued.Raw) || !w.active(bystander.Raw) {
					t.Fatal("not active to begin with")
				}
				withdraw(w, issued)
				_, err := w.Open(ctx, issued.Raw.Reveal())
				var known *symbolon.Error
				if !errors.As(err, &known) || known.Kind != symbolon.Unauthenticated || known.Code != "invalid_token" {
					t.Errorf("opened: %v", err)
				}
				if w.active(issued.Raw) {
					t.Error("still active")
				}
				if name != "time" && !w.active(bystander.Raw) {
					t.Error("another token died with it")
				}
			})
		}
	}
}

// A person who is enabled again gets new tokens; the old ones stay dead.
func TestARevocationUntilNowSparesWhatComesLater(t *testing.T) {
	for _, resource := range []string{"orders", "billing"} {
		w := newWorld(t)
		old := w.forPerson("portal", resource)
		w.check(w.db.Commit(ctx, symbolon.Revoke{Revocation: symbolon.Revocation{Target: string(w.user.ID), Before: w.clock(), Until: w.clock().Add(time.Hour)}}))
		w.pass(time.Second)
		fresh := w.forPerson("portal", resource)
		if w.active(old.Raw) || !w.active(fresh.Raw) {
			t.Errorf("%s: old %t, fresh %t", resource, w.active(old.Raw), w.active(fresh.Raw))
		}
	}
}

// What was revoked before the process started is known to it.
func TestARestartForgetsNoRevocation(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "billing")
	w.check(w.RevokeToken(ctx, issued.Claims, issuer.Revoker{Actor: "test"}))
	again := must(issuer.New(ctx, issuer.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Keys: w.ring, Vault: w.vault, Clock: w.clock}))
	if _, err := again.Open(ctx, issued.Raw.Reveal()); err == nil {
		t.Error("opened after a restart")
	}
}

// S18
func TestNothingElseOpens(t *testing.T) {
	w := newWorld(t)
	opaque, jwt := w.forPerson("portal", "orders").Raw.Reveal(), w.forPerson("portal", "billing").Raw.Reveal()
	refresh := token.NewOpaque(token.PrefixRefresh)
	w.check(w.db.Commit(ctx, symbolon.IssueToken{Token: symbolon.Token{Hash: refresh.Hash(), ID: symbolon.NewTokenID(),
		Kind: symbolon.RefreshToken, Client: "portal", Issued: w.clock(), Expires: w.clock().Add(time.Hour)}}))
	disguised := token.NewOpaque(token.PrefixAccess)
	w.check(w.db.Commit(ctx, symbolon.IssueToken{Token: symbolon.Token{Hash: disguised.Hash(), ID: symbolon.NewTokenID(),
		Kind: symbolon.RefreshToken, Client: "portal", Issued: w.clock(), Expires: w.clock().Add(time.Hour)}}))
	id := must(w.IDToken(issuer.IDToken{Client: w.client("portal"), Authorization: w.authorize("portal")}))
	for name, raw := range map[string]string{
		"nothing": "", "a word": "hello", "a huge one": strings.Repeat("x", 1<<20), "unknown": token.NewOpaque(token.PrefixAccess).Reveal(),
		"a bad checksum": opaque[:len(opaque)-1] + "!", "cut off": opaque[:len(opaque)-2], "in another case": strings.ToUpper(opaque),
		"a refresh token": refresh.Reveal(), "a refresh token in disguise": disguised.Reveal(), "a client secret": token.NewOpaque(token.PrefixSecret).Reveal(),
		"an ID token": id, "a JWT without signature": jwt[:strings.LastIndexByte(jwt, '.')+1], "a JWT cut off": jwt[:len(jwt)-2],
		"a JWT and more": jwt + ".x", "a JWT with a space": jwt + " ",
	} {
		if claims, err := w.Open(ctx, raw); err == nil {
			t.Errorf("%s opened: %v", name, claims)
		} else if answer, err := w.Introspect(ctx, w.client("broker"), raw); err != nil || answer.Active {
			t.Errorf("%s: %v, active %t", name, err, answer.Active)
		}
	}
}

// A key that is withdrawn takes what it signed with it, checked before or not.
func TestAWithdrawnKeyIsNotTrustedFromMemory(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "billing")
	if !w.active(issued.Raw) {
		t.Fatal("not active")
	}
	header, _ := parts(t, issued.Raw)
	w.check(w.ring.Revoke(ctx, symbolon.KeyID(header["kid"].(string)), "test", "compromised"))
	if w.active(issued.Raw) {
		t.Error("still active")
	}
}

// S3: a store that is down is no reason to believe, and not the same as a bad token.
func TestNobodyKnowsIsNotNo(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "orders")
	mend := storetest.Break(t, w.db, "tokens")
	_, err := w.Introspect(ctx, w.client("broker"), issued.Raw.Reveal())
	mend()
	if err == nil {
		t.Error("an answer without a store")
	}
	if !w.active(issued.Raw) {
		t.Error("the failure was remembered")
	}
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	opaque, jwt := w.forPerson("portal", "orders").Raw.Reveal(), w.forPerson("portal", "billing").Raw.Reveal()
	for _, seed := range []string{opaque, jwt, "", "syma_", "a.b.c", jwt + "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		claims, err := w.Open(ctx, raw)
		if (claims == nil) == (err == nil) {
			t.Fatalf("%v and %v", claims, err)
		}
		if claims != nil && raw != opaque && raw != jwt {
			t.Fatalf("%q opened", raw)
		}
	})
}
