package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/token"
)

// ownKey signs assertions of a client.
type ownKey struct{ *ecdsa.PrivateKey }

func (k ownKey) KeyID() string     { return "k1" }
func (k ownKey) Algorithm() string { return token.ES256 }
func (k ownKey) Sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, k.PrivateKey, digest[:])
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), err
}

func (k ownKey) jwks() json.RawMessage {
	point := must(k.PublicKey.Bytes())
	b64 := base64.RawURLEncoding.EncodeToString
	return must(json.Marshal(map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "kid": "k1", "x": b64(point[1:33]), "y": b64(point[33:])}}}))
}

// RFC 7523 §2.2, RFC 8414 §2: S12
func TestAKeyStandsForASecretAtEveryEndpoint(t *testing.T) {
	w := newWorld(t)
	w.Handler = oauth.Handler(oauth.Config{Issuer: iss, Door: &door.Door{Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, Catalog: w.catalog,
		Clients: client.Open(client.Config{Issuer: iss, Clients: func() client.Clients { return w.catalog.Current() }, Clock: w.clock, Store: w.db,
			Certificates: must(door.NewCertificates(nil, ""))}),
		Sessions: w.sessions, Tokens: w.tokens, Keys: w.ring, Vault: w.vault, Consents: w.db, Clock: w.clock, Grants: w.grants()})
	key := ownKey{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	w.put(symbolon.KindClient, "svc", symbolon.Client{ID: "svc", AuthMethod: "private_key_jwt", ClientKeys: symbolon.ClientKeys{JWKS: key.jwks()},
		GrantTypes: []string{grant.TypeClientCredentials}, Scopes: []string{"read"}})
	asserted := func(path string, pairs ...string) reply {
		assertion := must(token.Sign(key, token.TypeClientAuthentication, map[string]any{"iss": "svc", "sub": "svc", "aud": iss,
			"exp": w.clock().Unix() + 60, "jti": symbolon.NewRequestID()}))
		v := q(append([]string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion}, pairs...)...)
		return w.post(path, "", v)
	}
	issued := w.good(asserted("/token", "grant_type", grant.TypeClientCredentials, "resource", orders, "scope", "read"))
	if r := asserted("/introspect", "token", issued.text("access_token")); r.status != 200 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if r := asserted("/revoke", "token", issued.text("access_token")); r.status != 200 || w.opens(issued.text("access_token")) {
		t.Errorf("%d %s", r.status, r.raw)
	}
	w.bad(w.post("/token", "", url.Values{"client_id": {"svc"}, "grant_type": {grant.TypeClientCredentials}}), 401, "invalid_client")

	described := w.send(httptest.NewRequest("GET", "/.well-known/oauth-authorization-server", nil)).body
	for _, endpoint := range []string{"token", "revocation", "introspection"} {
		methods, _ := described[endpoint+"_endpoint_auth_methods_supported"].([]any)
		algorithms, _ := described[endpoint+"_endpoint_auth_signing_alg_values_supported"].([]any)
		if !slices.Contains(methods, any("private_key_jwt")) || !slices.Contains(methods, any("tls_client_auth")) ||
			slices.Contains(methods, any("none")) != (endpoint != "introspection") || !slices.Contains(algorithms, any("ES256")) {
			t.Errorf("%s: %v %v", endpoint, methods, algorithms)
		}
		if slices.ContainsFunc(algorithms, func(a any) bool { return a == "none" || strings.HasPrefix(a.(string), "HS") }) {
			t.Errorf("%v", algorithms)
		}
	}
	if described["client_id_metadata_document_supported"] != nil {
		t.Error("nobody may describe themselves here")
	}
}
