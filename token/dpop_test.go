package token_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev"
	"symbolon.dev/token"
)

// The proofs of RFC 9449 figures 2 and 13, and the thumbprint of their key (§6.1).
const (
	rfcProofHead = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
	rfcAtToken   = rfcProofHead + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	rfcAtService = rfcProofHead + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	rfcToken     = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	rfcJKT       = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

func at(unix int64) symbolon.Clock {
	return func() time.Time { return time.Unix(unix, 0).UTC() }
}

func TestTheProofsOfTheRFCHold(t *testing.T) {
	checker := token.ProofChecker{Clock: at(1562262620)}
	for _, q := range []token.Presented{
		{Proofs: []string{rfcAtToken}, Method: "POST", URL: "https://server.example.com/token"},
		{Proofs: []string{rfcAtService}, Method: "GET", URL: "https://resource.example.org/protectedresource", AccessToken: rfcToken},
	} {
		proof, err := checker.Check(q)
		if err != nil || proof.JKT != rfcJKT {
			t.Errorf("%s: %v %v", q.URL, proof, err)
		}
	}
}

// RFC 7638 §3.1.
func TestTheThumbprintOfTheRFC(t *testing.T) {
	set, err := token.ParseJWKS([]byte(`{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	key, err := set.Key("2011-04-29", token.RS256)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := token.Thumbprint(key); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" || err != nil {
		t.Errorf("%s %v", got, err)
	}
}

const (
	here   = "https://orders.example/v1/items"
	access = "syma_an-access-token"
)

// proof is a good proof for GET here with access, and what a test bends in it.
type proof struct {
	key     *pair
	head    map[string]any // changes; nil removes
	body    map[string]any // likewise
	compact func(string) string
}

func publicJWK(t testing.TB, p *pair) map[string]any {
	t.Helper()
	data, err := json.Marshal(jose.JSONWebKey{Key: p.private.Public()})
	var jwk map[string]any
	if err = errors.Join(err, json.Unmarshal(data, &jwk)); err != nil {
		t.Fatal(err)
	}
	return jwk
}

func (p proof) write(t testing.TB) string {
	t.Helper()
	head := map[string]any{"typ": "dpop+jwt", "alg": p.key.alg, "jwk": publicJWK(t, p.key)}
	body := map[string]any{"jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": here, "iat": now.Unix(), "ath": "hpsruAJmsHV4e7YB7oOqmc1fVtNG4nx-Si4w_s9x5qo"}
	bend(head, p.head)
	bend(body, p.body)
	text := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	compact := forge(t, p.key, text(head), text(body))
	if p.compact != nil {
		compact = p.compact(compact)
	}
	return compact
}

func bend(into, changes map[string]any) {
	maps.Copy(into, changes)
	maps.DeleteFunc(into, func(_ string, value any) bool { return value == nil })
}

func codeOf(err error) string {
	var known *symbolon.Error
	if err == nil || !errors.As(err, &known) || known.Kind != symbolon.Unauthenticated {
		return ""
	}
	return known.Code
}

type object = map[string]any

// S25, S31: every algorithm proves, with whatever else a public JWK may say.
func TestProofsOfEveryAlgorithmHold(t *testing.T) {
	checker := token.ProofChecker{Clock: clock}
	for _, alg := range token.Algorithms() {
		p := newPair(t, alg)
		jwk := publicJWK(t, p)
		maps.Copy(jwk, object{"use": "sig", "alg": alg, "kid": "mine", "key_ops": []string{"verify"}, "ext": true})
		want, err := token.Thumbprint(p.private.Public())
		if err != nil {
			t.Fatal(err)
		}
		if alg == token.EdDSA {
			named := proof{key: p, head: object{"alg": "Ed25519"}}.write(t) // RFC 9864 §2.2
			if _, err := checker.Check(token.Presented{Proofs: []string{named}, Method: "GET", URL: here, AccessToken: access}); err != nil {
				t.Error(err)
			}
		}
		for _, compact := range []string{proof{key: p}.write(t), proof{key: p, head: object{"jwk": jwk, "kid": "mine"}}.write(t)} {
			got, err := checker.Check(token.Presented{Proofs: []string{compact}, Method: "GET", URL: here, AccessToken: access})
			if err != nil || got.JKT != want || !got.Until.After(now) {
				t.Errorf("%s: %v %v", alg, got, err)
			}
		}
	}
}

// S18, S25, S31: each way to bend a proof is refused.
func TestBentProofsAreRefused(t *testing.T) {
	es, other, weak := newPair(t, token.ES256), newPair(t, token.ES256), newPair(t, token.RS256)
	private := func(p *pair) object {
		data, _ := json.Marshal(jose.JSONWebKey{Key: p.private})
		var jwk object
		_ = json.Unmarshal(data, &jwk)
		return jwk
	}
	with := func(name string, value any) object { return object{name: value} }
	jwk := func(changes object) object {
		out := publicJWK(t, es)
		bend(out, changes)
		return with("jwk", out)
	}
	bent := map[string]proof{
		"alg none":          {key: es, head: with("alg", "none"), compact: func(s string) string { return s[:strings.LastIndex(s, ".")+1] }},
		"alg none, signed":  {key: es, head: with("alg", "none")},
		"alg HS256":         {key: es, head: object{"alg": "HS256", "jwk": object{"kty": "oct", "k": "AAAA"}}},
		"HS256 by EC key":   {key: es, head: with("alg", "HS256")},
		"Ed25519 by P-256":  {key: es, head: with("alg", "Ed25519")},
		"ES384 by P-256":    {key: es, head: with("alg", "ES384")},
		"no typ":            {key: es, head: with("typ", nil)},
		"typ at+jwt":        {key: es, head: with("typ", "at+jwt")},
		"typ JWT":           {key: es, head: with("typ", "JWT")},
		"no jwk":            {key: es, head: object{"jwk": nil, "kid": "key_ES256"}},
		"jwk of another":    {key: es, head: with("jwk", publicJWK(t, other))},
		"private jwk":       {key: es, head: with("jwk", private(es))},
		"private RSA jwk":   {key: weak, head: with("jwk", private(weak))},
		"jwk for RS256":     {key: es, head: jwk(with("alg", "RS256"))},
		"jwk to encrypt":    {key: es, head: jwk(with("use", "enc"))},
		"jwk as text":       {key: es, head: with("jwk", "{}")},
		"point off curve":   {key: es, head: jwk(with("y", publicJWK(t, other)["y"]))},
		"crit":              {key: es, head: object{"crit": []string{"exp"}, "exp": 1}},
		"b64":               {key: es, head: with("b64", false)},
		"no jti":            {key: es, body: with("jti", nil)},
		"empty jti":         {key: es, body: with("jti", "")},
		"jti too long":      {key: es, body: with("jti", strings.Repeat("j", 257))},
		"jti a number":      {key: es, body: with("jti", 1)},
		"no htm":            {key: es, body: with("htm", nil)},
		"htm POST":          {key: es, body: with("htm", "POST")},
		"htm get":           {key: es, body: with("htm", "get")},
		"no htu":            {key: es, body: with("htu", nil)},
		"htu elsewhere":     {key: es, body: with("htu", "https://billing.example/v1/items")},
		"no iat":            {key: es, body: with("iat", nil)},
		"iat as text":       {key: es, body: with("iat", "1")},
		"iat a minute ago":  {key: es, body: with("iat", now.Add(-time.Minute).Unix())},
		"iat of the future": {key: es, body: with("iat", now.Add(16*time.Second).Unix())},
		"nbf of the future": {key: es, body: with("nbf", now.Add(time.Minute).Unix())},
		"exp of the past":   {key: es, body: with("exp", now.Unix())},
		"no ath":            {key: es, body: with("ath", nil)},
		"ath of another":    {key: es, body: with("ath", "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")},
		"ath padded":        {key: es, body: with("ath", "hpsruAJmsHV4e7YB7oOqmc1fVtNG4nx-Si4w_s9x5qo=")},
		"nonce too long":    {key: es, body: with("nonce", strings.Repeat("n", 257))},
		"too long":          {key: es, body: with("more", strings.Repeat("m", 8<<10))},
		"signature cut":     {key: es, compact: func(s string) string { return s[:len(s)-4] }},
		"padding":           {key: es, compact: func(s string) string { return s + "=" }},
		"two in one":        {key: es, compact: func(s string) string { return s + ", " + s }},
		"empty":             {key: es, compact: func(string) string { return "" }},
		"JSON form":         {key: es, compact: func(s string) string { return `{"payload":"` + s + `"}` }},
	}
	checker := token.ProofChecker{Clock: clock}
	ask := token.Presented{Method: "GET", URL: here, AccessToken: access}
	ask.Proofs = []string{proof{key: es}.write(t)}
	if _, err := checker.Check(ask); err != nil {
		t.Fatalf("the straight one: %v", err)
	}
	for name, p := range bent {
		ask.Proofs = []string{p.write(t)}
		if got, err := checker.Check(ask); codeOf(err) != token.CodeInvalidProof {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	straight := proof{key: es}.write(t)
	for _, headers := range [][]string{nil, {}, {straight, straight}, {straight, ""}} {
		ask.Proofs = headers
		if _, err := checker.Check(ask); codeOf(err) != token.CodeInvalidProof {
			t.Errorf("%d headers: %v", len(headers), err)
		}
	}
}

// S31: an address is the same however it is written, and another if it leads elsewhere.
func TestTargets(t *testing.T) {
	p := newPair(t, token.ES256)
	checker := token.ProofChecker{Clock: clock}
	for htu, want := range map[string]bool{
		here: true, here + "?a=b": true, here + "#f": true, here + "?a=https://evil.example#x": true,
		"HTTPS://ORDERS.example/v1/items": true, "https://orders.example:443/v1/items": true, "https://orders.example:/v1/items": true,
		"https://orders.example/v1/%69tems": true, "https://orders.example/v1/./items": true, "https://orders.example/v0/../v1/items": true,
		"https://orders.example/%2e%2e/v1/items": true,
		"http://orders.example/v1/items":         false, "https://orders.example:80/v1/items": false, "https://orders.example:8443/v1/items": false,
		here + "/": false, "https://orders.example/V1/items": false, "https://orders.example//v1/items": false, "https://orders.example/v1%2fitems": false,
		"https://orders.example./v1/items": false, "https://orders.example.evil.example/v1/items": false, "https://evil.example/v1/items": false,
		"https://orders.example@evil.example/v1/items": false, "https://evil.example@orders.example/v1/items": false,
		"https://evil.example#@orders.example/v1/items": false, "https://evil.example?@orders.example/v1/items": false,
		"https:\\\\orders.example\\v1\\items": false, "https://orders%2eexample/v1/items": false, "//orders.example/v1/items": false, "/v1/items": false, "": false,
		" " + here: false, here + " ": false, "https://orders.example/v1/items%": false, "https://orders.example/v1/%zzitems": false, "https://ordérs.example/v1/items": false,
		"ftp://orders.example/v1/items": false, "https:///v1/items": false, "https://orders.example:44x/v1/items": false,
	} {
		compact := proof{key: p, body: object{"htu": htu}}.write(t)
		_, err := checker.Check(token.Presented{Proofs: []string{compact}, Method: "GET", URL: here, AccessToken: access})
		if (err == nil) != want {
			t.Errorf("%q: %v", htu, err)
		}
	}
}

// Whatever a proof is, checking it ends in a proof that has a key or in a refusal with a code.
func FuzzProof(f *testing.F) {
	f.Add(rfcAtToken, "https://server.example.com/token")
	f.Add(rfcAtService, "https://resource.example.org/protectedresource")
	f.Add("a.b.c", "https://a/%2e%2E/b")
	checker := token.ProofChecker{Clock: at(1562262620)}
	f.Fuzz(func(t *testing.T, compact, address string) {
		got, err := checker.Check(token.Presented{Proofs: []string{compact}, Method: "POST", URL: address})
		if err == nil && !token.ValidThumbprint(got.JKT) || err != nil && codeOf(err) != token.CodeInvalidProof {
			t.Fatal(got, err)
		}
	})
}
