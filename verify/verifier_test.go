package verify_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

func (h *house) verifier(vary func(*verify.Options)) *verify.Verifier {
	h.t.Helper()
	o := verify.Options{Issuer: h.url, Audience: audience, ClientID: clientID, ClientSecret: clientSecret, Clock: h.clock.now}
	if vary != nil {
		vary(&o)
	}
	v, err := verify.New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func kindOf(err error) symbolon.Kind {
	var known *symbolon.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return symbolon.Internal
}

// S18 S28 S32: the same rules hold for opaque tokens and JWTs.
func TestTokensAreJudgedAlikeInBothForms(t *testing.T) {
	h := newHouse(t)
	v := h.verifier(func(o *verify.Options) { o.Presenters = []string{"broker"} })
	for name, c := range map[string]struct {
		spoil func(*token.Claims)
		good  bool
	}{
		"good":              {func(*token.Claims) {}, true},
		"several audiences": {func(c *token.Claims) { c.Audience = []string{"https://billing.example", audience} }, true},
		"another audience":  {func(c *token.Claims) { c.Audience = []string{"https://billing.example"} }, false},
		"no audience":       {func(c *token.Claims) { c.Audience = nil }, false},
		"another issuer":    {func(c *token.Claims) { c.Issuer = "https://evil.example" }, false},
		"expired":           {func(c *token.Claims) { c.Expires = h.clock.now() }, false},
		"no end":            {func(c *token.Claims) { c.Expires = time.Time{} }, false},
		"not yet":           {func(c *token.Claims) { c.NotBefore = h.clock.now().Add(time.Minute) }, false},
		"another presenter": {func(c *token.Claims) { c.ClientID = "wiki" }, false}, // S9
		"bound to a key":    {func(c *token.Claims) { c.Confirmation = &token.Confirmation{JKT: "x"} }, false},
	} {
		claims := h.claims()
		c.spoil(claims)
		for form, raw := range map[string]string{"opaque": h.give(claims), "JWT": h.sign(claims)} {
			got, err := v.Verify(t.Context(), raw)
			switch {
			case c.good && (err != nil || got.Subject != "usr_1" || len(got.Extra) != 0):
				t.Errorf("%s, %s: %v, %v", name, form, got, err)
			case !c.good && kindOf(err) != symbolon.Unauthenticated:
				t.Errorf("%s, %s: %v", name, form, err)
			}
		}
	}
}

func TestWhatIsNoTokenIsRefusedWithoutAskingAnybody(t *testing.T) {
	h := newHouse(t)
	v := h.verifier(nil)
	for _, raw := range []string{"", "a.b.c", "e30.e30.e30", token.NewOpaque("syma_").Reveal()[:53] + "x", strings.Repeat("x", 17<<10)} {
		if _, err := v.Verify(t.Context(), raw); kindOf(err) != symbolon.Unauthenticated {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
	if n := h.called("/introspect"); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
	if _, err := h.verifier(func(o *verify.Options) { o.ClientID = "" }).Verify(t.Context(), h.give(h.claims())); kindOf(err) != symbolon.Unauthenticated {
		t.Error("an opaque token without a way to ask:", err)
	}
}

// S21 S44
func TestKeysFollowTheIssuer(t *testing.T) {
	h := newHouse(t)
	v := h.verifier(nil)
	verified := func(raw string, want bool) {
		t.Helper()
		if _, err := v.Verify(t.Context(), raw); (err == nil) != want {
			t.Fatalf("want %v, got %v", want, err)
		}
	}
	old := h.sign(h.claims())
	verified(old, true)
	for range 20 {
		verified(old, true)
	}
	if n := h.called("/jwks"); n != 1 {
		t.Fatalf("keys were fetched %d times", n)
	}
	if err := h.keys.RotateNow(t.Context(), token.ES256, "test"); err != nil {
		t.Fatal(err)
	}
	fresh := h.sign(h.claims())
	verified(fresh, false) // somebody has just looked
	h.clock.pass(11 * time.Second)
	verified(fresh, true)
	verified(old, true)
	for i := range 50 { // made-up kids cost at most one fetch
		verified(strings.Replace(fresh, fresh[:strings.IndexByte(fresh, '.')],
			base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"`+strings.Repeat("x", i+1)+`"}`)), 1), false)
	}
	if n := h.called("/jwks"); n != 2 {
		t.Fatalf("keys were fetched %d times", n)
	}
	h.on("/jwks", fails(http.StatusInternalServerError))
	h.clock.pass(59 * time.Minute)
	verified(h.sign(h.claims()), true) // the issuer is away, for less than the limit
	h.clock.pass(2 * time.Minute)
	if _, err := v.Verify(t.Context(), h.sign(h.claims())); kindOf(err) != symbolon.Unavailable {
		t.Fatal("keys were believed past their limit:", err)
	}
	h.on("/jwks", nil)
	verified(h.sign(h.claims()), true)
}

// S20: keys that were on their way when the issuer said that they changed do not count.
func TestOldKeysUnderWayDoNotOutliveTheNews(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil)
	v := h.verifier(func(o *verify.Options) { o.Receiver = r.Receiver })
	r.run(t).connected(h)
	raw, old := h.sign(h.claims()), h.keys.JWKS()
	asked, answer := make(chan struct{}, 9), make(chan struct{})
	h.on("/jwks", func(w http.ResponseWriter, _ *http.Request) bool {
		asked <- struct{}{}
		<-answer
		_, _ = w.Write(old)
		return true
	})
	slow := make(chan error, 1)
	go func() { _, err := v.Verify(context.Background(), raw); slow <- err }()
	await(t, asked, "the first look at the keys")
	h.on("/jwks", nil)
	for _, k := range h.keys.Keys() {
		if err := h.keys.Revoke(t.Context(), k.ID, "test", "stolen"); err != nil {
			t.Fatal(err)
		}
	}
	h.say(verify.KeyRotated, map[string]any{"format": "uri", "uri": h.url})
	await(t, r.signals, "the news")
	if _, err := v.Verify(t.Context(), raw); err == nil {
		t.Fatal("a revoked key was believed after the news")
	}
	close(answer)
	_ = await(t, slow, "the request that began before the news")
	if _, err := v.Verify(t.Context(), raw); err == nil {
		t.Fatal("keys from before the news were kept")
	}
}

// S3 S44
func TestAnIssuerThatLiesOrIsAwayIsNotBelieved(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"away": fails(http.StatusBadGateway),
		"none": fails(http.StatusNotFound),
		"redirect": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/jwks", http.StatusFound)
			return true
		},
		"describes another":    says(`{"issuer":"https://evil.example","jwks_uri":"https://evil.example/jwks"}`),
		"insecure endpoint":    says(`{"issuer":"ISSUER","jwks_uri":"http://evil.example/jwks","introspection_endpoint":"http://evil.example/i"}`),
		"endpoint with a user": says(`{"issuer":"ISSUER","jwks_uri":"https://a:b@evil.example/jwks"}`),
		"no keys":              says(`{"issuer":"ISSUER"}`),
		"not JSON":             says(`<html>`),
		"endless":              func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write(make([]byte, 2<<20)); return true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.on("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) bool {
				r.Header.Set("Issuer", h.url)
				return answer(w, r)
			})
			v := h.verifier(nil)
			for _, raw := range []string{h.sign(h.claims()), h.give(h.claims())} {
				if _, err := v.Verify(t.Context(), raw); kindOf(err) != symbolon.Unavailable {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func says(text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = w.Write([]byte(strings.ReplaceAll(text, "ISSUER", r.Header.Get("Issuer"))))
		return true
	}
}

func TestOptionsThatWouldBeUnsafeAreRefused(t *testing.T) {
	good := verify.Options{Issuer: "https://id.example", Audience: audience}
	for name, spoil := range map[string]func(*verify.Options){
		"no issuer":                   func(o *verify.Options) { o.Issuer = "" },
		"no audience":                 func(o *verify.Options) { o.Audience = "" },
		"plain http":                  func(o *verify.Options) { o.Issuer = "http://id.example" },
		"http to a look-alike":        func(o *verify.Options) { o.Issuer = "http://localhost.example" },
		"an id without a secret":      func(o *verify.Options) { o.ClientID = "orders" },
		"a receiver without a client": func(o *verify.Options) { o.Receiver = new(verify.Receiver) },
	} {
		o := good
		spoil(&o)
		if _, err := verify.New(o); kindOf(err) != symbolon.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, issuer := range []string{"https://id.example", "http://localhost:1", "http://id.localhost:1", "http://127.0.0.1:1", "http://[::1]:1"} {
		o := good
		o.Issuer = issuer
		if _, err := verify.New(o); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

// S18: RFC 6750 §3, RFC 9470 §3.
func TestRefusalsSayWhatWouldHelp(t *testing.T) {
	h := newHouse(t)
	v := h.verifier(nil)
	strong := h.claims()
	strong.ACR = "phr"
	old := h.claims()
	old.ACR, old.AuthTime = "phr", h.clock.now().Add(-time.Hour)
	raw := h.give(h.claims())
	need := verify.Rule{ACR: symbolon.ACRPhishing, MaxAge: 5 * time.Minute}
	realm := `Bearer realm="https://orders.example"`
	for name, c := range map[string]struct {
		rule      verify.Rule
		header    []string
		status    int
		challenge string
	}{
		"good":             {verify.Rule{Scopes: []string{"read"}}, []string{"Bearer " + raw}, 200, ""},
		"good, lower case": {verify.Rule{}, []string{"bearer " + raw}, 200, ""},
		"no token":         {verify.Rule{Scopes: []string{"read"}}, nil, 401, realm + `, scope="read"`},
		"Basic":            {verify.Rule{}, []string{"Basic " + raw}, 401, realm},
		"bad token":        {verify.Rule{}, []string{"Bearer x"}, 401, realm + `, error="invalid_token", error_description="the token is not active"`},
		"two headers": {verify.Rule{}, []string{"Bearer " + raw, "Bearer " + raw}, 400,
			realm + `, error="invalid_request", error_description="there is more than one Authorization header"`},
		"malformed": {verify.Rule{}, []string{"Bearer " + raw + ",x"}, 400,
			realm + `, error="invalid_request", error_description="the Authorization header is malformed"`},
		"empty": {verify.Rule{}, []string{"Bearer "}, 400, realm + `, error="invalid_request", error_description="the Authorization header is malformed"`},
		"no scope": {verify.Rule{Scopes: []string{"read", "write"}}, []string{"Bearer " + raw}, 403,
			realm + `, error="insufficient_scope", error_description="the token has not all the scopes that this needs", scope="read write"`},
		"weak login": {need, []string{"Bearer " + raw}, 401,
			realm + `, error="insufficient_user_authentication", error_description="this needs a stronger or more recent login", acr_values="phr", max_age="300"`},
		"old login": {need, []string{"Bearer " + h.give(old)}, 401,
			realm + `, error="insufficient_user_authentication", error_description="this needs a stronger or more recent login", acr_values="phr", max_age="300"`},
		"strong login": {need, []string{"Bearer " + h.give(strong)}, 200, ""},
	} {
		handler := v.Require(c.rule)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if claims, ok := verify.FromContext(r.Context()); !ok || claims.Subject != "usr_1" {
				t.Error("the handler does not learn who is there")
			}
		}))
		r := httptest.NewRequest("GET", "/?access_token="+raw, nil)
		r.Header["Authorization"] = c.header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if c.status == http.StatusUnauthorized {
			c.challenge += `, DPoP algs="ES256 EdDSA ES384 PS256 RS256"` // RFC 9449 §7.2
		}
		if got := w.Header().Get("WWW-Authenticate"); w.Code != c.status || got != c.challenge {
			t.Errorf("%s: %d\n got %s\nwant %s", name, w.Code, got, c.challenge)
		}
	}
	h.on("/introspect", fails(http.StatusInternalServerError))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+h.give(h.claims()))
	w := httptest.NewRecorder()
	v.Middleware()(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("issuer away: %d %v", w.Code, w.Header())
	}
}

// S31: RFC 8705 §3.
func TestATokenBoundToACertificateNeedsIt(t *testing.T) {
	h := newHouse(t)
	v := h.verifier(nil)
	mine, other := &x509.Certificate{Raw: []byte("mine")}, &x509.Certificate{Raw: []byte("other")}
	sum := sha256.Sum256(mine.Raw)
	claims := h.claims()
	claims.Confirmation = &token.Confirmation{X5TS256: base64.RawURLEncoding.EncodeToString(sum[:])}
	both := h.claims()
	both.Confirmation = &token.Confirmation{X5TS256: claims.Confirmation.X5TS256, JKT: "x"}
	for name, c := range map[string]struct {
		claims *token.Claims
		tls    *tls.ConnectionState
		good   bool
	}{
		"with it":          {claims, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{mine}}, true},
		"with another":     {claims, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{other, mine}}, false},
		"without":          {claims, &tls.ConnectionState{}, false},
		"in the clear":     {claims, nil, false},
		"bound to more":    {both, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{mine}}, false},
		"bound to nothing": {h.claims(), nil, true},
	} {
		for form, raw := range map[string]string{"opaque": h.give(c.claims), "JWT": h.sign(c.claims)} {
			r := httptest.NewRequest("GET", "/", nil)
			r.TLS = c.tls
			r.Header.Set("Authorization", "Bearer "+raw)
			if _, err := v.VerifyRequest(r); (err == nil) != c.good {
				t.Errorf("%s, %s: %v", name, form, err)
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	h := newHouse(b)
	v := h.verifier(nil)
	for form, raw := range map[string]string{"opaque": h.give(h.claims()), "JWT": h.sign(h.claims())} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
