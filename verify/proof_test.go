package verify_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// caller holds a key, and a token that is bound to it.
type caller struct {
	*token.Prover
	h   *house
	raw string
}

func (h *house) caller() *caller {
	h.t.Helper()
	prover, err := token.NewProver(h.clock.now)
	if err != nil {
		h.t.Fatal(err)
	}
	claims := h.claims()
	claims.Confirmation = &token.Confirmation{JKT: prover.JKT()}
	return &caller{prover, h, h.give(claims)}
}

func (c *caller) prove(method, address, accessToken, nonce string) string {
	c.h.t.Helper()
	proof, err := c.Prove(method, address, accessToken, nonce)
	if err != nil {
		c.h.t.Fatal(err)
	}
	return proof
}

// ask sends a request through the middleware.
func ask(v *verify.Verifier, method, target, authorization string, proofs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Authorization", authorization)
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header["Dpop"] = proofs
	w := httptest.NewRecorder()
	v.Middleware("read")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, r)
	return w
}

const here = "https://orders.example/items"

// S31; RFC 9449 §7: the middleware lets a bound token in with its proof, opaque or JWT, once.
func TestATokenBoundToAKeyNeedsItsProof(t *testing.T) {
	h := newHouse(t)
	v := h.verifier(nil)
	c, thief := h.caller(), h.caller()
	jwt := h.claims()
	jwt.Confirmation = &token.Confirmation{JKT: c.JKT()}
	for _, raw := range []string{c.raw, h.sign(jwt)} {
		good := c.prove("GET", here, raw, "")
		if got := ask(v, "GET", "/items?x=1", "DPoP "+raw, good); got.Code != http.StatusNoContent || got.Header().Get("DPoP-Nonce") != "" {
			t.Fatalf("%d %v", got.Code, got.Header())
		}
		for name, bent := range map[string]struct {
			scheme, code string
			proofs       []string
		}{
			"replay":            {"DPoP", "invalid_dpop_proof", []string{good}},
			"no proof":          {"DPoP", "invalid_dpop_proof", nil},
			"two proofs":        {"DPoP", "invalid_dpop_proof", []string{c.prove("GET", here, raw, ""), c.prove("GET", here, raw, "")}},
			"of the Host":       {"DPoP", "invalid_dpop_proof", []string{c.prove("GET", "https://example.com/items", raw, "")}},
			"of a forward":      {"DPoP", "invalid_dpop_proof", []string{c.prove("GET", "https://evil.example/items", raw, "")}},
			"another path":      {"DPoP", "invalid_dpop_proof", []string{c.prove("GET", here+"/1", raw, "")}},
			"another method":    {"DPoP", "invalid_dpop_proof", []string{c.prove("PUT", here, raw, "")}},
			"no ath":            {"DPoP", "invalid_dpop_proof", []string{c.prove("GET", here, "", "")}},
			"another's ath":     {"DPoP", "invalid_dpop_proof", []string{c.prove("GET", here, thief.raw, "")}},
			"another's key":     {"DPoP", "invalid_token", []string{thief.prove("GET", here, raw, "")}},
			"a bearer token":    {"Bearer", "invalid_token", nil},
			"that with a proof": {"Bearer", "invalid_token", []string{c.prove("GET", here, raw, "")}},
		} {
			got := ask(v, "GET", "/items", bent.scheme+" "+raw, bent.proofs...)
			challenge := got.Header().Get("WWW-Authenticate")
			if got.Code != http.StatusUnauthorized || !strings.HasPrefix(challenge, bent.scheme+" ") ||
				!strings.Contains(challenge, `error="`+bent.code+`"`) || !strings.Contains(challenge, `algs="ES256 `) {
				t.Errorf("%s: %d %s", name, got.Code, challenge)
			}
		}
	}
	free := h.give(h.claims())
	if got := ask(v, "GET", "/items", "DPoP "+free, c.prove("GET", here, free, "")); got.Code != http.StatusUnauthorized {
		t.Errorf("a bearer token with a proof that binds nothing: %d", got.Code)
	}
	if _, err := v.Verify(t.Context(), c.raw); err == nil {
		t.Error("a bound token passed without a request to prove it by")
	}
}

// RFC 9449 §9: nonces, where the service asks for them.
func TestAServiceMayAskForNonces(t *testing.T) {
	h := newHouse(t)
	with := func(o *verify.Options) { o.NonceKey = symbolon.NewSecret(strings.Repeat("k", 32)) }
	v, replica := h.verifier(with), h.verifier(with)
	c := h.caller()
	first := ask(v, "GET", "/items", "DPoP "+c.raw, c.prove("GET", here, c.raw, ""))
	nonce := first.Header().Get("DPoP-Nonce")
	if first.Code != http.StatusUnauthorized || !strings.Contains(first.Header().Get("WWW-Authenticate"), `error="use_dpop_nonce"`) || nonce == "" {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	for _, at := range []*verify.Verifier{v, replica} {
		if got := ask(at, "GET", "/items", "DPoP "+c.raw, c.prove("GET", here, c.raw, nonce)); got.Code != http.StatusNoContent {
			t.Fatalf("%d %v", got.Code, got.Header())
		}
	}
	h.clock.pass(token.NonceLife / 2)
	fresh := h.caller()
	got := ask(v, "GET", "/items", "DPoP "+fresh.raw, fresh.prove("GET", here, fresh.raw, nonce))
	if got.Code != http.StatusNoContent || got.Header().Get("DPoP-Nonce") == "" || got.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", got.Code, got.Header())
	}
}

// What an operator says of proofs has to make sense, and what they ask for holds.
func TestProofOptions(t *testing.T) {
	h := newHouse(t)
	good := verify.Options{Issuer: h.url, Audience: "https://orders.example"}
	for name, bend := range map[string]func(*verify.Options){
		"a path in the origin": func(o *verify.Options) { o.Origin = "https://orders.example/v1" },
		"an origin without":    func(o *verify.Options) { o.Origin = "orders.example" },
		"a short nonce key":    func(o *verify.Options) { o.NonceKey = symbolon.NewSecret("short") },
	} {
		o := good
		bend(&o)
		if _, err := verify.New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	v := h.verifier(func(o *verify.Options) { o.Bound = true })
	if got := ask(v, "GET", "/items", "Bearer "+h.give(h.claims())); got.Code != http.StatusUnauthorized {
		t.Errorf("a bearer token where bound ones are asked for: %d", got.Code)
	}
	c, shared := h.caller(), 0
	v = h.verifier(func(o *verify.Options) {
		o.Origin = "https://front.example:8443"
		o.Once = func(context.Context, *token.Proof) error { shared++; return nil }
	})
	if got := ask(v, "GET", "/items", "DPoP "+c.raw, c.prove("GET", "https://front.example:8443/items", c.raw, "")); got.Code != http.StatusNoContent || shared != 1 {
		t.Errorf("%d, the shared memory was asked %d times", got.Code, shared)
	}
	h.clock.pass(time.Second)
	stripped := http.StripPrefix("/v1", v.Middleware()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })))
	r := httptest.NewRequest("GET", "/v1/items?q", nil)
	r.Header.Set("Authorization", "DPoP "+c.raw)
	r.Header.Set("DPoP", c.prove("GET", "https://front.example:8443/v1/items", c.raw, ""))
	w := httptest.NewRecorder()
	if stripped.ServeHTTP(w, r); w.Code != http.StatusNoContent {
		t.Errorf("behind a stripped prefix: %d %s", w.Code, w.Body)
	}
}
