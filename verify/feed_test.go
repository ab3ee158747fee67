package verify_test

import (
	"context"
	"testing"
	"time"

	"symbolon.dev/verify"
)

// S20: JWTs die with their session, though nobody asks about them.
func TestTheFeedMakesJWTsRevocable(t *testing.T) {
	h := newHouse(t)
	before := h.sign(h.claims()) // issued before anybody listened: has to be asked about
	h.clock.pass(2 * time.Minute)
	r := h.receiver(nil)
	v := h.verifier(func(o *verify.Options) { o.Receiver = r.Receiver })
	if _, err := v.Verify(t.Context(), before); err == nil {
		t.Fatal("a token was believed before the feed was heard")
	}
	r.run(t).connected(h)
	h.clock.pass(2 * time.Second) // the feed is fresh, and what is issued a leeway later needs no question
	verified := func(raw string, want bool) {
		t.Helper()
		if _, err := v.Verify(t.Context(), raw); (err == nil) != want {
			t.Fatalf("want %v, got %v", want, err)
		}
	}
	asked := func(f func()) int {
		before := h.called("/introspect")
		f()
		return h.called("/introspect") - before
	}
	step := func(d time.Duration) { h.clock.pass(d); r.refreshed(h) }
	if n := asked(func() { verified(before, true) }); n != 1 {
		t.Fatalf("%d questions about a token from before", n)
	}
	step(time.Minute)
	claims := h.claims()
	raw := h.sign(claims)
	if n := asked(func() { verified(raw, true); verified(raw, true) }); n != 0 {
		t.Fatalf("%d questions about a JWT", n)
	}
	hear := func(event string, subject map[string]any) {
		t.Helper()
		h.say(event, subject)
		await(t, r.signals, event)
	}
	hear(verify.SessionRevoked, h.session("usr_1", "ses_2"))
	verified(raw, true)
	hear(verify.SessionRevoked, h.session("usr_1", "ses_1"))
	if n := asked(func() { verified(raw, false) }); n != 0 {
		t.Fatalf("%d questions about a revoked session", n)
	}
	other := h.claims()
	other.SessionID, other.Authorization = "ses_3", "aut_3"
	raw = h.sign(other)
	verified(raw, true)
	hear(verify.TokenRevoked, map[string]any{"format": "jwt_id", "iss": h.url, "jti": other.ID})
	verified(raw, false)

	third := h.claims()
	third.SessionID, third.Authorization = "ses_3", "aut_4"
	raw = h.sign(third)
	hear(verify.AccountDisabled, h.user("usr_1")) // the issuer decides about what a user has
	if n := asked(func() { verified(raw, true) }); n != 1 {
		t.Fatalf("%d questions about a user who was disabled", n)
	}
	h.forget(raw)
	hear(verify.AccountDisabled, h.user("usr_1"))
	verified(raw, false)
	step(time.Minute)
	fourth := h.claims()
	fourth.SessionID = "ses_4"
	raw = h.sign(fourth)
	if n := asked(func() { verified(raw, true) }); n != 0 { // enabled again, and issued since
		t.Fatalf("%d questions about what was issued later", n)
	}
	long := h.claims()
	long.SessionID, long.Expires = "ses_4", h.clock.now().Add(25*time.Hour)
	if n := asked(func() { verified(h.sign(long), true) }); n != 1 {
		t.Fatalf("%d questions about a JWT that outlives the memory of revocations", n)
	}
	h.clock.pass(16 * time.Second) // S44: nothing is believed past the staleness limit
	verified(raw, false)
}

// refreshed waits for a poll that was answered now.
func (f *follower) refreshed(h *house) {
	h.t.Helper()
	f.until(h, func() bool { return f.LastContact().Equal(h.clock.now()) })
}

// S21: a key that was revoked at the issuer verifies nothing here once the feed has said so.
func TestTheFeedDropsRevokedKeys(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil)
	v := h.verifier(func(o *verify.Options) { o.Receiver = r.Receiver })
	r.run(t).connected(h)
	raw := h.sign(h.claims())
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	for _, k := range h.keys.Keys() {
		if err := h.keys.Revoke(t.Context(), k.ID, "test", "stolen"); err != nil {
			t.Fatal(err)
		}
	}
	h.say(verify.KeyRotated, map[string]any{"format": "uri", "uri": h.url})
	await(t, r.signals, "the news of the key")
	if _, err := v.Verify(t.Context(), raw); err == nil {
		t.Fatal("a token of a revoked key was believed")
	}
}

// S20: whoever comes back at once after being cut is judged anew.
func TestCachesAreEmptyBeforeTheOwnerIsTold(t *testing.T) {
	h := newHouse(t)
	told := make(chan error, 1)
	var v *verify.Verifier
	var raw string
	r := h.receiver(func(o *verify.ReceiverOptions) {
		o.On = func(verify.Signal) { _, err := v.Verify(context.Background(), raw); told <- err }
	})
	v = h.verifier(func(o *verify.Options) { o.Receiver = r.Receiver })
	r.run(t).connected(h)
	raw = h.give(h.claims())
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	h.forget(raw)
	h.say(verify.SessionRevoked, h.session("usr_1", "ses_1"))
	if await(t, told, "the signal") == nil {
		t.Fatal("the owner was told while the token was still believed")
	}
}
