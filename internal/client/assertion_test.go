package client_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/store/storetest"
)

func keyed(id string, jwks []byte) *symbolon.Client {
	return &symbolon.Client{ID: symbolon.ClientID(id), AuthMethod: "private_key_jwt", ClientKeys: symbolon.ClientKeys{JWKS: jwks}}
}

func assertionServer(t testing.TB) *server {
	s := newServer(t, func(*server, *client.Config) {})
	s.register(keyed("orders", jwksOf("ES256", "ES384", "EdDSA", "PS256")), keyed("billing", jwksOf("other")), keyed("rsa", jwksOf("RS256")),
		&symbolon.Client{ID: "legacy", AuthMethod: "private_key_jwt", ClientKeys: symbolon.ClientKeys{JWKS: jwksOf("ES256"), EndpointAudience: true}},
		&symbolon.Client{ID: "fixed", AuthMethod: "private_key_jwt", ClientKeys: symbolon.ClientKeys{JWKS: jwksOf("ES256", "EdDSA"), AssertionAlg: "EdDSA"}},
		&symbolon.Client{ID: "gone", Disabled: true, AuthMethod: "private_key_jwt", ClientKeys: symbolon.ClientKeys{JWKS: jwksOf("ES256")}},
		&symbolon.Client{ID: "secret", Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}, ClientKeys: symbolon.ClientKeys{JWKS: jwksOf("ES256")}},
		&symbolon.Client{ID: "keyless", AuthMethod: "private_key_jwt"})
	return s
}

// RFC 7523 §3, OIDC Core §9, RFC 7523bis: S12
func TestAPrivateKeyProvesTheClient(t *testing.T) {
	s := assertionServer(t)
	es := pairs()["ES256"]
	good := func(id string, changes ...object) url.Values { return asserted(es.assertion(claims(id, changes...))) }
	header := func(h object) url.Values { return asserted(es.compact(h, claims("orders"))) }
	in := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"ES256":                              {good("orders"), "orders"},
		"ES384":                              {asserted(pairs()["ES384"].assertion(claims("orders"))), "orders"},
		"EdDSA":                              {asserted(pairs()["EdDSA"].assertion(claims("orders"))), "orders"},
		"PS256":                              {asserted(pairs()["PS256"].assertion(claims("orders"))), "orders"},
		"RS256":                              {asserted(pairs()["RS256"].assertion(claims("rsa"))), "rsa"},
		"the body may name the client":       {asserted(es.assertion(claims("orders")), "client_id", "orders"), "orders"},
		"an audience in a list":              {good("orders", object{"aud": []string{issuer}}), "orders"},
		"without iat and nbf":                {good("orders", object{"iat": nil}), "orders"},
		"typ JWT":                            {header(object{"alg": "ES256", "kid": "es", "typ": "JWT"}), "orders"},
		"no typ":                             {header(object{"alg": "ES256", "kid": "es"}), "orders"},
		"no kid, one key fits":               {header(object{"alg": "ES256"}), "orders"},
		"a clock ten seconds ahead":          {good("orders", object{"iat": in(10 * time.Second), "nbf": in(10 * time.Second)}), "orders"},
		"the token endpoint by the old rule": {good("legacy", object{"aud": issuer + "/token"}), "legacy"},
		"both by the old rule":               {good("legacy", object{"aud": []string{issuer, issuer + "/token"}}), "legacy"},
		"the registered algorithm":           {asserted(pairs()["EdDSA"].assertion(claims("fixed"))), "fixed"},
		"another algorithm than registered":  {good("fixed"), "invalid_client"},
		"the token endpoint otherwise":       {good("orders", object{"aud": issuer + "/token"}), "invalid_client"},
		"two audiences":                      {good("orders", object{"aud": []string{issuer, "https://other.example"}}), "invalid_client"},
		"two by the old rule":                {good("legacy", object{"aud": []string{issuer, "https://other.example"}}), "invalid_client"},
		"the same twice":                     {good("orders", object{"aud": []string{issuer, issuer}}), "invalid_client"},
		"another audience":                   {good("orders", object{"aud": "https://other.example"}), "invalid_client"},
		"the issuer with a slash":            {good("orders", object{"aud": issuer + "/"}), "invalid_client"},
		"no audience":                        {good("orders", object{"aud": nil}), "invalid_client"},
		"iss of another":                     {good("orders", object{"iss": "billing"}), "invalid_client"},
		"sub of another":                     {good("orders", object{"sub": "billing"}), "invalid_client"},
		"no iss":                             {good("orders", object{"iss": nil}), "invalid_client"},
		"expired":                            {good("orders", object{"exp": in(0)}), "invalid_client"},
		"no end":                             {good("orders", object{"exp": nil}), "invalid_client"},
		"an end too far":                     {good("orders", object{"exp": in(11 * time.Minute)}), "invalid_client"},
		"not valid yet":                      {good("orders", object{"nbf": in(time.Minute)}), "invalid_client"},
		"issued in the future":               {good("orders", object{"iat": in(time.Minute)}), "invalid_client"},
		"no jti":                             {good("orders", object{"jti": nil}), "invalid_client"},
		"a huge jti":                         {good("orders", object{"jti": strings.Repeat("x", 257)}), "invalid_client"},
		"the key of another client":          {asserted(pairs()["other"].assertion(claims("orders"))), "invalid_client"},
		"an unknown client":                  {good("nobody"), "invalid_client"},
		"a disabled client":                  {good("gone"), "invalid_client"},
		"a client of secrets":                {good("secret"), "invalid_client"},
		"a client without keys":              {good("keyless"), "invalid_client"},
		"another assertion type":             {form("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client_assertion", "x"), "invalid_client"},
		"an SVID of no SPIFFE client":        {form("client_assertion_type", asSPIFFE, "client_assertion", es.assertion(claims("orders"))), "invalid_client"},
		"no assertion":                       {form("client_assertion_type", bearer, "client_id", "orders"), "invalid_client"},
		"no type":                            {form("client_assertion", es.assertion(claims("orders"))), "invalid_client"},
		"a huge assertion":                   {good("orders", object{"x": strings.Repeat("x", 8<<10)}), "invalid_client"},
		"a secret beside it":                 {asserted(es.assertion(claims("secret")), "client_id", "secret", "client_secret", "s"), "invalid_request"},
		"two assertions":                     {url.Values{"client_assertion_type": {bearer}, "client_assertion": {"a", "b"}}, "invalid_request"},
		"a client_id of another":             {asserted(es.assertion(claims("orders")), "client_id", "billing"), "invalid_client"},
		"a token of another type":            {header(object{"alg": "ES256", "kid": "es", "typ": "at+jwt"}), "invalid_client"},
		"a DPoP proof":                       {header(object{"alg": "ES256", "kid": "es", "typ": "dpop+jwt"}), "invalid_client"},
		"crit":                               {header(object{"alg": "ES256", "kid": "es", "crit": []string{"exp"}}), "invalid_client"},
		"b64":                                {header(object{"alg": "ES256", "kid": "es", "b64": false}), "invalid_client"},
		"a kid that walks":                   {header(object{"alg": "ES256", "kid": "../../../../dev/null"}), "invalid_client"},
		"a kid that asks a database":         {header(object{"alg": "ES256", "kid": "' OR 1=1 --"}), "invalid_client"},
		"alg none":                           {asserted(b64([]byte(`{"alg":"none"}`)) + "." + strings.Split(es.assertion(claims("orders")), ".")[1] + "."), "invalid_client"},
		"alg in other letters":               {header(object{"alg": "es256", "kid": "es"}), "invalid_client"},
		"another curve's algorithm":          {header(object{"alg": "ES384", "kid": "es"}), "invalid_client"},
		"JSON serialisation":                 {asserted(`{"payload":"e30","signatures":[]}`), "invalid_client"},
		"a trailing line break":              {asserted(es.assertion(claims("orders")) + "\n"), "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *s
			in.TB = t
			if got := in.sent(c.form); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// S25: what is public must not work as a secret.
func TestThePublicKeyIsNoHMACSecret(t *testing.T) {
	s := assertionServer(t)
	key := pairs()["RS256"]
	der := must(x509.MarshalPKIXPublicKey(key.key.Public()))
	for name, guess := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der, "JWKS": jwksOf("RS256"), "nothing": nil,
	} {
		input := b64([]byte(`{"alg":"HS256","kid":"rs"}`)) + "." + strings.Split(key.assertion(claims("rsa")), ".")[1]
		mac := hmac.New(sha256.New, guess)
		mac.Write([]byte(input))
		if got := s.sent(asserted(input + "." + b64(mac.Sum(nil)))); got != "invalid_client" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// S25: a request brings no keys of its own.
func TestKeysInAHeaderAreNotRead(t *testing.T) {
	away := newSite(t, nil)
	s := newServer(t, func(_ *server, c *client.Config) { c.HTTP = away.Client })
	s.register(keyed("orders", jwksOf("ES256")))
	forger := pairs()["other"]
	for name, header := range map[string]object{
		"jwk": {"jwk": forger.jwk()}, "jku": {"jku": "https://evil.example/keys"}, "x5u": {"x5u": "https://evil.example/cert"},
		"x5c": {"x5c": []string{"AAAA"}}, "jwk with the right kid": {"jwk": forger.jwk(), "kid": "es"},
		"kid as an address": {"kid": "https://evil.example/keys"},
	} {
		header["alg"] = "ES256"
		if got := s.sent(asserted(forger.compact(header, claims("orders")))); got != "invalid_client" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if len(away.asked) > 0 {
		t.Errorf("a header made us call %v", away.asked)
	}
}

// S15, S18: RFC 7523 §3 (7)
func TestAnAssertionIsUsedOnceAtAllReplicas(t *testing.T) {
	address := storetest.PostgresURL(t)
	var replicas []*server
	for range 2 {
		replicas = append(replicas, newServer(t, func(s *server, c *client.Config) {
			c.Store = storetest.Open(t, address, storetest.Clock(c.Clock))
			s.register(keyed("orders", jwksOf("ES256")), keyed("copy", jwksOf("ES256")))
		}))
	}
	once := asserted(pairs()["ES256"].assertion(claims("orders", object{"jti": "one"})))
	var accepted sync.Map
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			if replicas[n%2].sent(once) == "orders" {
				accepted.Store(n, true)
			}
		})
	}
	all.Wait()
	count := 0
	accepted.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("one assertion was taken %d times", count)
	}
	if got := replicas[1].sent(asserted(pairs()["ES256"].assertion(claims("copy", object{"jti": "one"})))); got != "copy" {
		t.Errorf("another client may use the same jti: %s", got)
	}
}

// A forged assertion must not use up the jti of a good one, nor may one that fails later.
func TestOnlyAGoodAssertionIsUsedUp(t *testing.T) {
	s := assertionServer(t)
	good := claims("orders", object{"jti": "mine"})
	s.sent(asserted(pairs()["other"].assertion(good)))
	s.sent(asserted(pairs()["ES256"].assertion(claims("orders", object{"jti": "mine", "aud": "https://other.example"}))))
	if got := s.sent(asserted(pairs()["ES256"].assertion(good))); got != "orders" {
		t.Error(got)
	}
}

func TestWithoutAStoreThereAreNoAssertions(t *testing.T) {
	a := client.New(func() client.Clients { return registered() }, func() time.Time { return noon })
	s := &server{TB: t, Authenticator: a}
	if got := s.sent(asserted(pairs()["ES256"].assertion(claims("key")))); got != "invalid_client" {
		t.Error(got)
	}
	if strings.Join(a.Methods(), " ") != "client_secret_basic client_secret_post none" || a.AssertionAlgorithms() != nil {
		t.Error(a.Methods(), a.AssertionAlgorithms())
	}
}

func FuzzAssertion(f *testing.F) {
	s := newServer(f, func(_ *server, c *client.Config) { c.Store = nil })
	s.register(keyed("orders", jwksOf("ES256")))
	good := pairs()["ES256"].assertion(claims("orders"))
	f.Add(good, bearer, "orders")
	f.Add(good[:len(good)-1], bearer, "")
	f.Add("e30.e30.e30", asSPIFFE, "x")
	f.Fuzz(func(t *testing.T, assertion, kind, id string) {
		in := *s
		in.TB = t
		got := in.sent(form("client_assertion", assertion, "client_assertion_type", kind, "client_id", id))
		if got == "orders" && assertion != good {
			t.Fatalf("%q was taken", assertion)
		}
	})
}

func BenchmarkAuthenticatePrivateKey(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "PS256"} {
		b.Run(alg, func(b *testing.B) {
			s := newServer(b, func(_ *server, c *client.Config) { c.Store = forgetful{} })
			s.register(keyed("orders", jwksOf(alg)))
			values := asserted(pairs()[alg].assertion(claims("orders")))
			b.ReportAllocs()
			for b.Loop() {
				if got := s.sent(values); got != "orders" {
					b.Fatal(got)
				}
			}
		})
	}
}
