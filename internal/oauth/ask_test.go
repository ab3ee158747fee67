package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/token"
)

// signer is the key of a client.
type signer struct {
	kid string
	*ecdsa.PrivateKey
}

func newSigner(kid string) *signer {
	return &signer{kid, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

func (s *signer) KeyID() string     { return s.kid }
func (s *signer) Algorithm() string { return token.ES256 }

func (s *signer) Sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	r, v, err := ecdsa.Sign(rand.Reader, s.PrivateKey, digest[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	v.FillBytes(out[32:])
	return out, nil
}

func (s *signer) jwks() json.RawMessage {
	point := must(s.PublicKey.Bytes())
	b64 := base64.RawURLEncoding.EncodeToString
	return json.RawMessage(fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":%q,"x":%q,"y":%q}]}`, s.kid, b64(point[1:33]), b64(point[33:])))
}

// object signs a request as its claims, with those about the object itself; nil removes one.
func (w *world) object(s *signer, id string, v url.Values, changes ...any) string {
	claims := map[string]any{"iss": id, "aud": iss, "exp": w.clock().Add(5 * time.Minute).Unix(), "nbf": w.clock().Unix(), "client_id": id}
	for name, values := range v {
		claims[name] = values[0]
	}
	typ := "oauth-authz-req+jwt"
	for i := 0; i+1 < len(changes); i += 2 {
		switch name := changes[i].(string); {
		case name == "typ":
			typ, _ = changes[i+1].(string)
		case changes[i+1] == nil:
			delete(claims, name)
		default:
			claims[name] = changes[i+1]
		}
	}
	return must(token.Sign(s, typ, claims))
}

// signedByUs verifies a JWT with the keys that are published, and gives its claims.
func (w *world) signedByUs(compact string) (claims map[string]any) {
	w.t.Helper()
	v := token.Verifier{Keys: must(token.ParseJWKS([]byte(w.send(httptest.NewRequest("GET", "/jwks", nil)).raw))), Types: []string{"JWT"}}
	payload, err := v.Payload(compact)
	w.check(err)
	w.check(json.Unmarshal(payload, &claims))
	return claims
}

const (
	signCB = "https://sign.example/cb"
	bankID = "https://bank.example"
	pay12  = `[{"type":"payment","to":"Bob","amount":12}]`
)

// requestWorld has clients that ask in every way there is.
func requestWorld(t testing.TB) (*world, *signer) {
	w, key := newWorld(t), newSigner("k1")
	w.asking(nil)
	keys := symbolon.ClientKeys{JWKS: key.jwks()}
	w.put(symbolon.KindResource, "bank", symbolon.Resource{ID: "bank", Identifier: bankID, Server: "orders",
		Scopes:      []symbolon.Scope{{Name: "read"}},
		Token:       symbolon.TokenRule{Format: "jwt"},
		DetailTypes: []symbolon.DetailType{{Type: "payment", Description: "Pay {amount} to {to}", Schema: json.RawMessage(`{"type":"object","required":["type","amount"],"additionalProperties":false,"properties":{"type":{},"to":{"type":"string"},"amount":{"type":"integer"}}}`)}}})
	w.put(symbolon.KindResource, "ledger", symbolon.Resource{ID: "ledger", Identifier: "https://ledger.example", Scopes: []symbolon.Scope{{Name: "read"}}})
	web := symbolon.Client{Secrets: secrets, ClientKeys: keys, GrantTypes: code, Scopes: all, FirstParty: true}
	with := func(id string, c symbolon.Client, change func(*symbolon.Client)) {
		c.ID, c.RedirectURIs = symbolon.ClientID(id), []string{"https://" + id + ".example/cb"}
		change(&c)
		w.put(symbolon.KindClient, id, c)
	}
	with("sign", web, func(c *symbolon.Client) { c.DetailTypes = []string{"payment"} })
	with("pusher", web, func(c *symbolon.Client) { c.RequirePushed = true })
	with("must-sign", web, func(c *symbolon.Client) { c.RequireSignedRequest = true })
	with("choosy", web, func(c *symbolon.Client) {
		c.FirstParty, c.RequiredScopes, c.DetailTypes = false, []string{"read"}, []string{"payment"}
	})
	with("mcp", web, func(c *symbolon.Client) { c.Profile, c.DefaultResource = "mcp", "notes" })
	fapi := web
	fapi.AuthMethod, fapi.Secrets = "private_key_jwt", nil
	with("fapi", fapi, func(c *symbolon.Client) { c.Profile = "fapi2" })
	with("fapi-ms", fapi, func(c *symbolon.Client) { c.Profile = "fapi2-message-signing" })
	return w, key
}

// asking serves clients that prove themselves by keys, and fetches request objects if it can.
func (w *world) asking(fetch *http.Client) {
	w.Handler = oauth.Handler(oauth.Config{
		Issuer: iss, Door: &door.Door{Log: slog.New(slog.NewTextHandler(w.t.Output(), nil))}, Catalog: w.catalog, HTTP: fetch,
		Clients:  client.Open(client.Config{Issuer: iss, Clients: func() client.Clients { return w.catalog.Current() }, Clock: w.clock, Store: w.db}),
		Sessions: w.sessions, Tokens: w.tokens, Keys: w.ring, Vault: w.vault, Consents: w.db, Clock: w.clock,
		Grants: w.grants(),
	})
}

// of is a good request of a client.
func of(id string, pairs ...string) url.Values {
	return request(append([]string{"client_id", id, "redirect_uri", "https://" + id + ".example/cb"}, pairs...)...)
}

// par pushes a request with the client's way to authenticate.
func (w *world) par(key *signer, id string, v url.Values) reply {
	w.t.Helper()
	if !strings.HasPrefix(id, "fapi") {
		return w.post("/par", id, v)
	}
	for name, value := range w.assertion(key, id) {
		v[name] = value
	}
	return w.post("/par", "", v)
}

func (w *world) assertion(key *signer, id string) url.Values {
	claims := map[string]any{"iss": id, "sub": id, "aud": iss, "jti": rand.Text(), "iat": w.clock().Unix(), "exp": w.clock().Add(time.Minute).Unix()}
	return url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {must(token.Sign(key, "JWT", claims))}}
}

// pushed pushes and gives what goes to the browser.
func (w *world) pushed(key *signer, id string, v url.Values) url.Values {
	w.t.Helper()
	r := w.par(key, id, v)
	if r.status != http.StatusCreated || !strings.HasPrefix(r.text("request_uri"), grant.PushedPrefix) || r.body["expires_in"] != 90.0 || r.header.Get("Cache-Control") != "no-store" {
		w.t.Fatalf("%d %s", r.status, r.raw)
	}
	return q("client_id", id, "request_uri", r.text("request_uri"))
}
