package issuer_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
)

// What a single process knows by itself is what the store would say.
func TestMemoryAgreesWithTheStore(t *testing.T) {
	w := newWorld(t)
	asking := must(issuer.New(ctx, issuer.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Keys: w.ring, Vault: w.vault,
		Clock: w.clock, Shared: true}))
	target := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("ses_", rapid.IntRange(0, 20).Draw(t, "id")) })
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return w.clock().Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "second")) * time.Second)
	})
	check := func(t *rapid.T) {
		mark := symbolon.Revocation{Target: target.Draw(t, "target"), Until: w.clock().Add(time.Hour)}
		if rapid.Bool().Draw(t, "bounded") {
			mark.Before = moment.Draw(t, "before")
		}
		if rapid.IntRange(0, 9).Draw(t, "new target") == 0 { // else all are revoked for ever, soon
			mark.Target = string(symbolon.NewSessionID())
		}
		w.check(w.db.Commit(ctx, symbolon.Revoke{Revocation: mark}))
		targets, issued := append(rapid.SliceOfN(target, 0, 4).Draw(t, "targets"), mark.Target), moment.Draw(t, "issued")
		known, told := must(w.Revoked(ctx, issued, targets...)), must(asking.Revoked(ctx, issued, targets...))
		if known != told {
			t.Fatalf("%v issued %s: memory says %t, the store %t", targets, issued, known, told)
		}
	}
	rapid.Check(t, check)
}

// Thousands of marks that nothing alive hangs on any more are forgotten; the others never.
func TestForgettingTheOutlivedForgetsNothingElse(t *testing.T) {
	w := newWorld(t)
	flood := func(n int, until time.Time) {
		marks := make([]symbolon.Change, n)
		for i := range marks {
			marks[i] = symbolon.Revoke{Revocation: symbolon.Revocation{Target: string(symbolon.NewTokenID()), Until: until}}
		}
		w.Committed(marks)
	}
	w.Committed([]symbolon.Change{
		symbolon.Revoke{Revocation: symbolon.Revocation{Target: "ses_soon", Until: w.clock().Add(time.Minute)}},
		symbolon.Revoke{Revocation: symbolon.Revocation{Target: "ses_later", Until: w.clock().Add(time.Hour)}},
		symbolon.Revoke{Revocation: symbolon.Revocation{Target: "ses_ever"}},
	})
	for range 5 {
		flood(2000, w.clock().Add(time.Second))
		w.pass(time.Minute)
	}
	for id, want := range map[string]bool{"ses_soon": false, "ses_later": true, "ses_ever": true} {
		if got := must(w.Revoked(ctx, w.clock(), id)); got != want {
			t.Errorf("%s: %t", id, got)
		}
	}
}
