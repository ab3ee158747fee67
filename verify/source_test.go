package verify_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/verify"
)

func (h *house) source(resource string, scopes ...string) *verify.TokenSource {
	h.t.Helper()
	s, err := verify.NewTokenSource(h.client(), resource, scopes...)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// S14 S28: RFC 6749 §4.4 with RFC 8707, and §2.3.1 for an id and a secret that need encoding.
func TestATokenIsGotOnceAndForOneResource(t *testing.T) {
	h := newHouse(t)
	s := h.source("https://billing.example", "read", "write")
	var all sync.WaitGroup
	got := make([]string, 20)
	for n := range got {
		all.Go(func() {
			access, err := s.Token(t.Context())
			if err != nil {
				t.Error(err)
			}
			got[n] = access.Reveal()
		})
	}
	all.Wait()
	for _, raw := range got {
		if raw == "" || raw != got[0] {
			t.Fatalf("tokens differ: %q", got)
		}
	}
	claims := h.opaque[got[0]]
	if claims.Audience[0] != "https://billing.example" || len(claims.Scope) != 2 {
		t.Fatalf("issued for %v with %v", claims.Audience, claims.Scope)
	}
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	h := newHouse(t)
	s := h.source("https://billing.example")
	get := func() string {
		t.Helper()
		access, err := s.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return access.Reveal()
	}
	first := get()
	renewed := make(chan struct{}, 1)
	h.on("/token", func(http.ResponseWriter, *http.Request) bool { renewed <- struct{}{}; return false })
	h.clock.pass(7 * time.Minute) // of 10
	if get() != first {
		t.Fatal("renewed early")
	}
	h.clock.pass(time.Minute) // past three quarters
	if get() != first {
		t.Fatal("a request waited for a renewal")
	}
	await(t, renewed, "the renewal")
	h.clock.pass(2 * time.Minute) // the first has ended
	if second := get(); second == first {
		t.Fatal("a token was given that has ended")
	}
	h.on("/token", nil)
	last, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Forget(symbolon.NewSecret("another"))
	if get() != last.Reveal() {
		t.Fatal("another token's refusal dropped ours")
	}
	s.Forget(last)
	if get() == last.Reveal() {
		t.Fatal("a refused token was given again")
	}
}

func TestRefusalsOfTheTokenEndpoint(t *testing.T) {
	h := newHouse(t)
	wrong := h.client()
	wrong.Secret = symbolon.NewSecret("wrong")
	s, err := verify.NewTokenSource(wrong, "https://billing.example")
	if err != nil {
		t.Fatal(err)
	}
	var known *symbolon.Error
	if _, err := s.Token(t.Context()); !errors.As(err, &known) || known.Kind != symbolon.Denied || known.Code != "invalid_client" {
		t.Error(err)
	}
	for name, answer := range map[string]string{"nothing": ``, "no token": `{"token_type":"Bearer","expires_in":1}`, "no end": `{"access_token":"x","token_type":"Bearer"}`,
		"bound": `{"access_token":"x","token_type":"DPoP","expires_in":1}`, "absurd end": `{"access_token":"x","token_type":"Bearer","expires_in":1e300}`} {
		h.on("/token", says(answer))
		if access, err := h.source("r").Token(t.Context()); kindOf(err) != symbolon.Unavailable || !access.Empty() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verify.NewTokenSource(verify.Client{Issuer: h.url}, "r"); kindOf(err) != symbolon.Invalid {
		t.Error("without a credential:", err)
	}
}

// S29
func TestAnExchangeNamesTheActor(t *testing.T) {
	h := newHouse(t)
	e, err := verify.NewExchanger(h.client())
	if err != nil {
		t.Fatal(err)
	}
	issued, err := e.Exchange(t.Context(), symbolon.NewSecret(h.give(h.claims())), "https://billing.example", "read")
	if err != nil {
		t.Fatal(err)
	}
	claims := h.opaque[issued.Token.Reveal()]
	if claims.Subject != "usr_1" || claims.Actor.Subject != clientID || claims.Audience[0] != "https://billing.example" ||
		!issued.Expires.Equal(h.clock.now().Add(10*time.Minute)) || len(issued.Scope) != 1 {
		t.Fatalf("%+v of %+v", issued, claims)
	}
	if _, err := e.Exchange(t.Context(), symbolon.NewSecret("x"), "https://billing.example"); kindOf(err) != symbolon.Denied {
		t.Error(err)
	}
}
