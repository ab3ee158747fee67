package issuer_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

func (w *world) refresh(given *symbolon.Authorization) symbolon.Secret {
	raw := token.NewOpaque(token.PrefixRefresh)
	w.check(w.db.Commit(ctx, symbolon.IssueToken{Token: symbolon.Token{Hash: raw.Hash(), ID: symbolon.NewTokenID(), Kind: symbolon.RefreshToken,
		Authorization: given.ID, Session: given.Session, User: given.User, Client: given.Client, Issued: w.clock(), Expires: given.Expires}}))
	return raw
}

// RFC 7009 §2.1
func TestAClientGivesBackItsOwnTokensOnly(t *testing.T) {
	for _, resource := range []string{"orders", "billing"} {
		w := newWorld(t)
		given := w.authorize("portal")
		mint := issuer.Mint{Client: w.client("portal"), Resource: w.resource(resource), Authorization: given}
		first, second, refresh := w.issue(mint), w.issue(mint), w.refresh(given)
		for _, raw := range []symbolon.Secret{first.Raw, refresh} {
			err := w.RevokePresented(ctx, w.client("stranger"), raw.Reveal(), "req_1")
			var known *symbolon.Error
			if !errors.As(err, &known) || known.Code != "invalid_grant" {
				t.Errorf("a stranger got %v", err)
			}
		}
		if !w.active(first.Raw) {
			t.Fatal("a stranger revoked it")
		}
		w.check(w.RevokePresented(ctx, w.client("portal"), first.Raw.Reveal(), "req_2"))
		if w.active(first.Raw) || !w.active(second.Raw) {
			t.Error("an access token takes itself back, and only itself")
		}
		w.check(w.RevokePresented(ctx, w.client("portal"), refresh.Reveal(), "req_3"))
		if w.active(second.Raw) {
			t.Error("a refresh token takes back the whole authorization")
		}
		if revoked := must(w.Revoked(ctx, w.clock(), string(given.ID))); !revoked {
			t.Error("and the grants learn of it")
		}
	}
}

// RFC 7009 §2.2: what cannot be revoked is revoked.
func TestRevokingNothingIsNoError(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "orders")
	w.pass(time.Hour)
	for _, raw := range []string{"", "x", issued.Raw.Reveal(), token.NewOpaque(token.PrefixAccess).Reveal(),
		token.NewOpaque(token.PrefixRefresh).Reveal(), "symr_x", "a.b.c"} {
		if err := w.RevokePresented(ctx, w.client("portal"), raw, ""); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestARevocationIsToldOnce(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "orders")
	before := must(w.db.EventHead(ctx))
	for range 3 {
		w.check(w.RevokePresented(ctx, w.client("portal"), issued.Raw.Reveal(), "req_1"))
		w.check(w.RevokeAuthorization(ctx, symbolon.AuthorizationID(issued.Claims.Authorization), issuer.Revoker{Actor: "usr_admin", Reason: "test"}))
	}
	events := must(w.db.EventsAfter(ctx, before, 10))
	if len(events) != 2 || events[0].Type != symbolon.TokenRevoked || events[1].Type != symbolon.AuthorizationRevoked {
		t.Fatalf("%+v", events)
	}
	told := events[0]
	if told.Token != issued.ID || told.User != w.user.ID || told.Client != "portal" || told.Resource != "orders" ||
		told.Actor != "portal" || told.RequestID != "req_1" || told.Session == "" || told.Authorization == "" {
		t.Errorf("%+v", told)
	}
}

// The law: as soon as the commit of a revocation has returned, nobody finds the token active.
// Readers start only on revocations that have returned, while others go on.
func TestRevokedIsRevoked(t *testing.T) { // S20
	w := newWorld(t)
	check := func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 4).Draw(t, "what to revoke")
		resource := rapid.SampledFrom([]string{"orders", "billing"}).Draw(t, "resource")
		var wrong atomic.Int32
		var work sync.WaitGroup
		for _, kind := range kinds {
			issued := w.forPerson("portal", resource)
			work.Add(2)
			done := make(chan struct{})
			go func() { // keeps the caches warm up to the last moment
				defer work.Done()
				for {
					select {
					case <-done:
						return
					default:
						_, _ = w.Open(ctx, issued.Raw.Reveal())
					}
				}
			}()
			go func() {
				defer work.Done()
				defer close(done)
				if err := revokeBy(w, kind, issued); err != nil {
					wrong.Add(1)
				}
				if _, err := w.Open(ctx, issued.Raw.Reveal()); err == nil {
					wrong.Add(1)
				}
			}()
		}
		work.Wait()
		if n := wrong.Load(); n > 0 {
			t.Fatalf("%d tokens outlived their revocation", n)
		}
	}
	rapid.Check(t, check)
}

func revokeBy(w *world, kind int, issued issuer.Issued) error {
	by := issuer.Revoker{Actor: "test"}
	switch kind {
	case 0:
		return w.RevokeToken(ctx, issued.Claims, by)
	case 1:
		return w.RevokeAuthorization(ctx, symbolon.AuthorizationID(issued.Claims.Authorization), by)
	case 2:
		return w.RevokePresented(ctx, w.client("portal"), issued.Raw.Reveal(), "")
	}
	return w.db.Commit(ctx, symbolon.Revoke{Revocation: symbolon.Revocation{Target: issued.Claims.SessionID, Until: issued.Expires}})
}

// What is loaded while a commit goes on may be the past; it must not be remembered as the present.
func TestNobodyIsRememberedAsTheyWere(t *testing.T) {
	w := newWorld(t)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = w.User(ctx, w.user.ID)
				}
			}
		})
	}
	for n := range 50 {
		next := *w.user
		next.Department = fmt.Sprint(n)
		w.check(w.db.Commit(ctx, symbolon.PutUser{User: next}))
		if got := must(w.User(ctx, w.user.ID)); got.Department != next.Department {
			t.Errorf("department %s after %s was committed", got.Department, next.Department)
		}
	}
	close(stop)
	readers.Wait()
}
