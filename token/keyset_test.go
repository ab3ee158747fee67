package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev/token"
)

func set(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

func jwkOf(t testing.TB, key any, kid, alg string) string {
	t.Helper()
	data, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// S25: no weak, private or symmetric key gets in.
func TestUnfitKeysAreLeftOut(t *testing.T) {
	ec, rs := newPair(t, token.ES256), newPair(t, token.RS256)
	public := rs.private.Public().(*rsa.PublicKey)
	ecPublic := jwkOf(t, ec.private.Public(), "k", "ES256")
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaWith := func(n *big.Int, e []byte) string {
		return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q}`, base64.RawURLEncoding.EncodeToString(n.Bytes()), base64.RawURLEncoding.EncodeToString(e))
	}
	short := new(big.Int).SetBit(new(big.Int).Rsh(public.N, 1024), 0, 1)
	point := ec.private.Public().(*ecdsa.PublicKey)
	uncompressed, _ := point.Bytes()
	x, y := uncompressed[1:33], append([]byte(nil), uncompressed[33:]...)
	y[31] ^= 1
	for name, unfit := range map[string]string{
		"private EC":      jwkOf(t, ec.private, "k", "ES256"),
		"private RSA":     jwkOf(t, rs.private, "k", "RS256"),
		"symmetric":       `{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}`,
		"RSA as HS256":    strings.Replace(jwkOf(t, public, "k", "RS256"), "RS256", "HS256", 1),
		"EC as RS256":     strings.Replace(ecPublic, "ES256", "RS256", 1),
		"RSA 1024":        rsaWith(short, []byte{1, 0, 1}),
		"RSA 16384":       rsaWith(new(big.Int).SetBit(big.NewInt(1), 16383, 1), []byte{1, 0, 1}),
		"RSA even N":      rsaWith(new(big.Int).Lsh(public.N, 1), []byte{1, 0, 1}),
		"exponent 1":      rsaWith(public.N, []byte{1}),
		"exponent 2":      rsaWith(public.N, []byte{2}),
		"exponent even":   rsaWith(public.N, []byte{1, 0, 0}),
		"exponent huge":   rsaWith(public.N, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}),
		"exponent none":   rsaWith(public.N, nil),
		"P-521":           jwkOf(t, p521.Public(), "k", "ES512"),
		"off the curve":   fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, b64(string(x)), b64(string(y))),
		"short X":         fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, b64(string(x[1:])), b64(string(y))),
		"short Ed25519":   `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`,
		"Ed448":           `{"kty":"OKP","crv":"Ed448","x":"AAAA"}`,
		"X25519":          `{"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`,
		"for encryption":  strings.Replace(ecPublic, `{`, `{"use":"enc",`, 1),
		"for signing":     strings.Replace(ecPublic, `{`, `{"key_ops":["sign"],`, 1),
		"of unknown type": `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`,
		"not an object":   `"x"`,
	} {
		got, err := token.ParseJWKS(set(unfit, ecPublic))
		if err != nil || got.Len() != 1 {
			t.Errorf("%s: %d keys (%v), want only the good one", name, got.Len(), err)
		}
	}
}

func TestAKeySetThatIsMalformedOrTooLargeIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing": nil, "not JSON": []byte("keys"), "no list": []byte(`{"keys":{}}`), "no keys": []byte(`{}`), "a list": []byte(`[]`),
		"too many": set(strings.Repeat(`{},`, 100) + `{}`), "too large": set(`"` + strings.Repeat("x", 256<<10) + `"`),
		"kid twice": set(`{"kty":"EC","kid":"a","kid":"b"}`),
		"too deep":  set(strings.Repeat("[", 40) + strings.Repeat("]", 40)),
	} {
		if _, err := token.ParseJWKS(data); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// S25: the token never chooses among keys.
func TestAKeyIsFoundByItsExactNameOrAsTheOnlyOne(t *testing.T) {
	one, two := newPair(t, token.ES256), newPair(t, token.ES256)
	two.kid = "key_2"
	nameless := newPair(t, token.EdDSA)
	keys := jwks(t, one, two, nameless)
	for _, c := range []struct {
		kid, alg string
		found    bool
	}{
		{"key_ES256", token.ES256, true}, {"key_2", token.ES256, true}, {"key_EdDSA", token.EdDSA, true}, {"", token.EdDSA, true},
		{"", token.ES256, false}, {"key_3", token.ES256, false}, {"key_2", token.EdDSA, false}, {"key_2", "", false}, {"key_2", "none", false},
	} {
		if _, err := keys.Key(c.kid, c.alg); (err == nil) != c.found {
			t.Errorf("kid %q, alg %q: %v", c.kid, c.alg, err)
		}
	}
	two.kid = one.kid
	if _, err := jwks(t, one, two).Key(one.kid, token.ES256); err == nil {
		t.Error("one of two keys with one name was chosen")
	}
}

func FuzzParseJWKS(f *testing.F) {
	f.Add(set(jwkOf(f, newPair(f, token.ES256).private.Public(), "k", "ES256")))
	f.Add(set(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := token.ParseJWKS(data)
		if err != nil && keys.Len() > 0 {
			t.Fatal("keys in spite of an error")
		}
		for _, alg := range token.Algorithms() {
			if key, err := keys.Key("", alg); err == nil && !token.Fits(alg, key) {
				t.Fatalf("%T does not fit %s", key, alg)
			}
		}
	})
}
