package client_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/store/storetest"
)

const (
	issuer   = "https://id.example"
	bearer   = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	asSPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type object = map[string]any

// pair is a key of a client, with its JWK.
type pair struct {
	alg, kid string
	key      crypto.Signer
}

var pairs = sync.OnceValue(func() map[string]pair {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	private := must(rsa.GenerateKey(rand.Reader, 2048))
	return map[string]pair{
		"ES256": {"ES256", "es", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
		"ES384": {"ES384", "es384", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))},
		"EdDSA": {"EdDSA", "ed", ed},
		"PS256": {"PS256", "ps", private},
		"RS256": {"RS256", "rs", private},
		"other": {"ES256", "other", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
	}
})

func (p pair) jwk() object {
	switch k := p.key.Public().(type) {
	case *ecdsa.PublicKey:
		point, size := must(k.Bytes()), (k.Curve.Params().BitSize+7)/8
		return object{"kty": "EC", "crv": k.Curve.Params().Name, "kid": p.kid,
			"x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	case ed25519.PublicKey:
		return object{"kty": "OKP", "crv": "Ed25519", "kid": p.kid, "x": b64(k)}
	case *rsa.PublicKey:
		return object{"kty": "RSA", "kid": p.kid, "alg": p.alg, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	}
	panic("unknown key")
}

func (p pair) sign(input []byte) []byte {
	d256, d384 := sha256.Sum256(input), sha512.Sum384(input)
	switch p.alg {
	case "EdDSA":
		return must(p.key.Sign(rand.Reader, input, crypto.Hash(0)))
	case "PS256":
		return must(p.key.Sign(rand.Reader, d256[:], &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}))
	case "RS256":
		return must(p.key.Sign(rand.Reader, d256[:], crypto.SHA256))
	}
	k, digest, size := p.key.(*ecdsa.PrivateKey), d256[:], 32
	if p.alg == "ES384" {
		digest, size = d384[:], 48
	}
	r, s, err := ecdsa.Sign(rand.Reader, k, digest)
	if err != nil {
		panic(err)
	}
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// compact signs what it is given, sound or not.
func (p pair) compact(header, claims object) string {
	input := b64(must(json.Marshal(header))) + "." + b64(must(json.Marshal(claims)))
	return input + "." + b64(p.sign([]byte(input)))
}

func (p pair) assertion(claims object) string {
	return p.compact(object{"alg": p.alg, "kid": p.kid, "typ": "client-authentication+jwt"}, claims)
}

func jwks(keys ...object) json.RawMessage { return must(json.Marshal(object{"keys": keys})) }

func jwksOf(names ...string) json.RawMessage {
	var keys []object
	for _, name := range names {
		keys = append(keys, pairs()[name].jwk())
	}
	return jwks(keys...)
}

// claims are good ones for a client; changes replace or, with nil, remove.
func claims(id string, changes ...object) object {
	good := object{"iss": id, "sub": id, "aud": issuer, "exp": noon.Add(time.Minute).Unix(), "iat": noon.Unix(), "jti": symbolon.NewRequestID()}
	for _, change := range changes {
		for name, value := range change {
			if good[name] = value; value == nil {
				delete(good, name)
			}
		}
	}
	return good
}

func asserted(assertion string, more ...string) url.Values {
	return form(append([]string{"client_assertion_type", bearer, "client_assertion", assertion}, more...)...)
}

// known is a catalog snapshot, shrunk, with the trust of organisations.
type known struct {
	registry
	trusts map[string]*symbolon.Trust
}

func (k known) Trust(c *symbolon.Client) (*symbolon.Trust, bool) {
	t, ok := k.trusts[c.Trust]
	return t, ok
}

// server is an authenticator with its surroundings.
type server struct {
	testing.TB
	*client.Authenticator
	known known
	now   time.Time
}

func newServer(t testing.TB, change func(*server, *client.Config)) *server {
	s := &server{TB: t, now: noon, known: known{registry{}, map[string]*symbolon.Trust{}}}
	c := client.Config{Issuer: issuer, Clients: func() client.Clients { return s.known }, Clock: func() time.Time { return s.now },
		Certificates: must(door.NewCertificates(nil, "")), HTTP: http.DefaultClient}
	change(s, &c)
	if c.Store == nil {
		c.Store = storetest.SQLite(t, storetest.Clock(c.Clock))
	}
	s.Authenticator = client.Open(c)
	return s
}

func (s *server) register(clients ...*symbolon.Client) {
	for _, c := range clients {
		s.known.registry[c.ID] = c
	}
}

// sent authenticates a request with a body, and a certificate if there is one.
func (s *server) sent(values url.Values, certificates ...*x509.Certificate) string {
	r := httptest.NewRequest(http.MethodPost, "/token", nil)
	if len(certificates) > 0 {
		r.TLS = &tls.ConnectionState{PeerCertificates: certificates}
	}
	return s.request(r, values)
}

func (s *server) request(r *http.Request, values url.Values) string {
	c, err := s.Authenticate(context.Background(), r, values)
	if err != nil {
		s.Logf("refused: %v", err)
	}
	return outcomeOf(c, err)
}

// site answers any https address from memory, and counts; it stands where the network is.
type site struct {
	mu    sync.Mutex
	asked map[string]int
	http.Handler
	*http.Client
}

func newSite(t testing.TB, h http.HandlerFunc) *site {
	s := &site{asked: map[string]int{}, Handler: h}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked["https://"+r.Host+r.URL.Path]++
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(server.Close)
	s.Client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // any name is this server
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
			}}}
	return s
}

func (s *site) count(address string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[address]
}

// forgetful is a store that costs nothing, for measuring the rest.
type forgetful struct{}

func (forgetful) Commit(context.Context, ...symbolon.Change) error { return nil }
