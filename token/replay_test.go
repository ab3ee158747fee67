package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// S31: a proof of the client's side holds at the server's, once.
func TestProversProveOnce(t *testing.T) {
	when := now
	prover, err := token.NewProver(clockOf(&when))
	if err != nil {
		t.Fatal(err)
	}
	checker, memory := token.ProofChecker{Clock: clockOf(&when)}, token.NewReplays(clockOf(&when))
	for range 3 {
		compact, err := prover.Prove("GET", here+"?q=1#f", access, "")
		if err != nil {
			t.Fatal(err)
		}
		held, err := checker.Check(token.Presented{Proofs: []string{compact}, Method: "GET", URL: here, AccessToken: access})
		if err != nil || held.JKT != prover.JKT() {
			t.Fatal(held, err)
		}
		if err := memory.Once(held); err != nil {
			t.Fatal(err)
		}
		for when = now; when.Before(held.Until); when = when.Add(token.ProofAge / 4) {
			if err := memory.Once(held); codeOf(err) != token.CodeInvalidProof {
				t.Fatalf("a replay passed after %s: %v", when.Sub(now), err)
			}
		}
		when = now
	}
}

func clockOf(at *time.Time) symbolon.Clock { return func() time.Time { return *at } }

// S31: a nonce is good for its time, at its server, and is followed by the next one.
func TestNonces(t *testing.T) {
	when := now
	made := func(secret, server string) *token.Nonces {
		mac, err := token.NonceMAC(symbolon.NewSecret(strings.Repeat(secret, 32)), server)
		if err != nil {
			t.Fatal(err)
		}
		return token.NewNonces(mac, clockOf(&when))
	}
	ours, replica := made("a", "broker"), made("a", "broker")
	prover, err := token.NewProver(clockOf(&when))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(nonce string, required bool) (*token.Proof, error) {
		compact, err := prover.Prove("GET", here, "", nonce)
		if err != nil {
			t.Fatal(err)
		}
		checker := token.ProofChecker{Nonces: ours, Clock: clockOf(&when)}
		return checker.Check(token.Presented{Proofs: []string{compact}, Method: "GET", URL: here, NonceRequired: required})
	}
	for _, wrong := range []string{"", "x", "eyJ7S_zG.eyJH0-Z.HX4w-7v", made("b", "broker").New(), made("a", "other").New(), ours.New()[1:] + "A"} {
		_, err := ask(wrong, true)
		var wanted *token.NonceWanted
		if codeOf(err) != token.CodeUseNonce || !errors.As(err, &wanted) {
			t.Fatalf("%q: %v", wrong, err)
		}
		if _, err := ask(wanted.Nonce, true); err != nil {
			t.Fatalf("the nonce that was given: %v", err)
		}
		if wrong != "" {
			if _, err := ask(wrong, false); codeOf(err) != token.CodeUseNonce {
				t.Errorf("%q passes where none is needed: %v", wrong, err)
			}
		}
	}
	if _, err := ask("", false); err != nil {
		t.Errorf("none, where none is needed: %v", err)
	}
	given := replica.New()
	for _, age := range []struct {
		time.Duration
		good, renewed bool
	}{{0, true, false}, {token.NonceLife/2 - time.Second, true, false}, {token.NonceLife / 2, true, true}, {token.NonceLife - time.Second, true, true}, {token.NonceLife, false, false}} {
		when = now.Add(age.Duration)
		held, err := ask(given, true)
		if (err == nil) != age.good || err == nil && (held.Renew != "") != age.renewed {
			t.Errorf("after %s: %v %v", age.Duration, held, err)
		}
	}
	if _, err := token.NonceMAC(symbolon.NewSecret("short"), "x"); err == nil {
		t.Error("a short secret is none")
	}
}

// A memory that is full refuses rather than forgets.
func TestAFullMemoryRefuses(t *testing.T) {
	memory := token.NewReplays(clock)
	var full error
	for n := 0; n < 1<<17 && full == nil; n++ {
		p := &token.Proof{}
		p.Key[0], p.Key[1], p.Key[2] = byte(n), byte(n>>8), byte(n>>16)
		full = memory.Once(p)
	}
	var known *symbolon.Error
	if !errors.As(full, &known) || known.Kind != symbolon.Unavailable {
		t.Fatal(full)
	}
	if err := memory.Once(&token.Proof{}); codeOf(err) != token.CodeInvalidProof {
		t.Error("what was used is still known:", err)
	}
}

func BenchmarkProof(b *testing.B) {
	prover, _ := token.NewProver(clock)
	compact, _ := prover.Prove("GET", here, access, "")
	checker := token.ProofChecker{Clock: clock}
	q := token.Presented{Proofs: []string{compact}, Method: "GET", URL: here, AccessToken: access}
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := checker.Check(q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			if _, err := prover.Prove("GET", here, access, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	memory := token.NewReplays(clock)
	b.Run("remember", func(b *testing.B) {
		held := &token.Proof{}
		for n := 0; b.Loop(); n++ {
			if n%900_000 == 0 {
				memory = token.NewReplays(clock)
			}
			held.Key = symbolon.Hash{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 31: byte(n)}
			if err := memory.Once(held); err != nil {
				b.Fatal(err)
			}
		}
	})
}
