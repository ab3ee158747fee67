package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev"
	"symbolon.dev/token"
)

func recipient(t testing.TB, key any, with ...func(*symbolon.Encryption)) (*token.Recipient, error) {
	t.Helper()
	raw, err := jose.JSONWebKey{Key: key, KeyID: "enc-1", Use: "enc"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	e := &symbolon.Encryption{Key: raw}
	for _, change := range with {
		change(e)
	}
	return token.NewRecipient(e)
}

const signed = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"

// S26, RFC 7516: only the resource reads what is encrypted to it.
func TestAnEncryptedTokenIsReadByItsResourceAlone(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, c := range map[string]struct {
		public, private any
		alg             string
	}{"EC": {ec.Public(), ec, token.ECDHES}, "RSA": {rsaKey.Public(), rsaKey, token.RSAOAEP}} {
		to, err := recipient(t, c.public)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := to.Wrap(signed)
		if err != nil || !token.LooksEncrypted(sealed) || strings.Contains(sealed, "e30") {
			t.Fatalf("%s, %v", sealed, err)
		}
		var header map[string]any
		plain, _ := base64.RawURLEncoding.DecodeString(sealed[:strings.IndexByte(sealed, '.')])
		if err := json.Unmarshal(plain, &header); err != nil || header["alg"] != c.alg || header["enc"] != "A256GCM" || header["cty"] != "JWT" || header["kid"] != "enc-1" {
			t.Errorf("%s: %s", name, plain)
		}
		if got, err := token.Unwrap(sealed, c.private); err != nil || got != signed {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		for _, wrong := range []any{other, ec, rsaKey} {
			if wrong != c.private {
				if got, err := token.Unwrap(sealed, wrong); err == nil {
					t.Errorf("%s: another key read %q", name, got)
				}
			}
		}
		for n := range sealed {
			broken := []byte(sealed)
			broken[n] = 'A' + (broken[n]+1)%26
			if n%7 == 0 && string(broken) != sealed {
				if _, err := token.Unwrap(string(broken), c.private); err == nil {
					t.Fatalf("%s: byte %d was changed, and it reads", name, n)
				}
			}
		}
	}
}

func TestAnEncryptionIsDeclaredSoundly(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, made := range map[string]func() (*token.Recipient, error){
		"a private key": func() (*token.Recipient, error) { return recipient(t, ec) },
		"a secret":      func() (*token.Recipient, error) { return recipient(t, []byte("0123456789abcdef0123456789abcdef")) },
		"RSA1_5": func() (*token.Recipient, error) {
			return recipient(t, rsaKey.Public(), func(e *symbolon.Encryption) { e.Algorithm = "RSA1_5" })
		},
		"RSA-OAEP for EC": func() (*token.Recipient, error) {
			return recipient(t, ec.Public(), func(e *symbolon.Encryption) { e.Algorithm = token.RSAOAEP })
		},
		"CBC": func() (*token.Recipient, error) {
			return recipient(t, ec.Public(), func(e *symbolon.Encryption) { e.Content = "A128CBC-HS256" })
		},
		"no key": func() (*token.Recipient, error) { return token.NewRecipient(&symbolon.Encryption{}) },
		"a key for signing": func() (*token.Recipient, error) {
			return recipient(t, ec.Public(), func(e *symbolon.Encryption) { e.Key = []byte(strings.Replace(string(e.Key), `"enc"`, `"sig"`, 1)) })
		},
	} {
		if _, err := made(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// What others encrypt: other algorithms, compression, extensions, something else than a JWS.
func TestOnlyWhatIsDeclaredIsDecrypted(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	make := func(alg jose.KeyAlgorithm, enc jose.ContentEncryption, o *jose.EncrypterOptions, plain string) string {
		e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: ec.Public()}, o)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := e.Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		out, _ := sealed.CompactSerialize()
		return out
	}
	jwt := func() *jose.EncrypterOptions { return new(jose.EncrypterOptions).WithContentType("JWT") }
	if _, err := token.Unwrap(make(jose.ECDH_ES_A256KW, jose.A256GCM, jwt(), signed), ec); err != nil {
		t.Fatal(err)
	}
	zipped := jwt()
	zipped.Compression = jose.DEFLATE
	for name, sealed := range map[string]string{
		"direct agreement": make(jose.ECDH_ES, jose.A256GCM, jwt(), signed),
		"a weaker wrap":    make(jose.ECDH_ES_A128KW, jose.A256GCM, jwt(), signed),
		"another content":  make(jose.ECDH_ES_A256KW, jose.A128GCM, jwt(), signed),
		"compressed":       make(jose.ECDH_ES_A256KW, jose.A256GCM, zipped, signed),
		"no nested JWT":    make(jose.ECDH_ES_A256KW, jose.A256GCM, nil, signed),
		"claims, unsigned": make(jose.ECDH_ES_A256KW, jose.A256GCM, jwt(), `{"sub":"root"}`),
		"crit":             make(jose.ECDH_ES_A256KW, jose.A256GCM, jwt().WithHeader("crit", []string{"x"}).WithHeader("x", 1), signed),
		"too long":         make(jose.ECDH_ES_A256KW, jose.A256GCM, jwt(), signed+strings.Repeat("A", token.DefaultMaxSize)),
		"padded":           make(jose.ECDH_ES_A256KW, jose.A256GCM, jwt(), signed) + "=",
		"nothing":          "", "dots": "....",
	} {
		if got, err := token.Unwrap(sealed, ec); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	to, err := recipient(f, ec.Public())
	if err != nil {
		f.Fatal(err)
	}
	sealed, _ := to.Wrap(signed)
	f.Add(sealed)
	f.Add("a.b.c.d.e")
	f.Fuzz(func(t *testing.T, raw string) {
		if got, err := token.Unwrap(raw, ec); err == nil && (raw != sealed || got != signed) {
			t.Errorf("%q reads as %q", raw, got)
		}
	})
}
