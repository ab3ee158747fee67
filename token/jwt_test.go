package token_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev"
	"symbolon.dev/token"
)

// S25: what we write, go-jose reads, and the other way round.
func TestSignaturesAgreeWithAnotherImplementation(t *testing.T) {
	for _, alg := range token.Algorithms() {
		p := newPair(t, alg)
		v := verifier(jwks(t, p))
		ours := sign(t, p, claims())
		parsed, err := jose.ParseSignedCompact(ours, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.Verify(p.private.Public()); err != nil {
			t.Errorf("%s: go-jose refuses ours: %v", alg, err)
		}
		options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", p.kid)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: p.private}, options)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(claims())
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ := signed.CompactSerialize()
		if _, err := v.Verify(theirs); err != nil {
			t.Errorf("%s: we refuse go-jose's: %v", alg, err)
		}
	}
}

func refused(t *testing.T, name string, err error) {
	t.Helper()
	var known *symbolon.Error
	switch {
	case err == nil:
		t.Errorf("%s: accepted", name)
	case !errors.As(err, &known) || known.Code != "invalid_token":
		t.Errorf("%s: refused as %v", name, err)
	}
}

// S18 S28
func TestClaimsThatAreWrongAreRefused(t *testing.T) {
	p := newPair(t, token.ES256)
	v := verifier(jwks(t, p))
	v.Leeway = 30 * time.Second
	for name, spoil := range map[string]func(*token.Claims){
		"another issuer":         func(c *token.Claims) { c.Issuer = "https://id.example/" },
		"no issuer":              func(c *token.Claims) { c.Issuer = "" },
		"another audience":       func(c *token.Claims) { c.Audience = []string{"https://billing.example"} },
		"no audience":            func(c *token.Claims) { c.Audience = nil },
		"expired":                func(c *token.Claims) { c.Expires = now.Add(-time.Second) },
		"expires now":            func(c *token.Claims) { c.Expires = now },
		"no end":                 func(c *token.Claims) { c.Expires = time.Time{} },
		"not yet":                func(c *token.Claims) { c.NotBefore = now.Add(31 * time.Second) },
		"issued in the future":   func(c *token.Claims) { c.IssuedAt = now.Add(31 * time.Second) },
		"no time of issue":       func(c *token.Claims) { c.IssuedAt = time.Time{} },
		"no subject":             func(c *token.Claims) { c.Subject = "" },
		"no client":              func(c *token.Claims) { c.ClientID = "" },
		"no id":                  func(c *token.Claims) { c.ID = "" },
		"too many actors":        func(c *token.Claims) { c.Actor = chain(9) },
		"an actor with no name":  func(c *token.Claims) { c.Actor = &token.Actor{ClientID: "x"} },
		"a binding without keys": func(c *token.Claims) { c.Confirmation = &token.Confirmation{} },
	} {
		c := claims()
		spoil(c)
		_, err := v.Verify(sign(t, p, c))
		refused(t, name, err)
	}
	for name, vary := range map[string]func(*token.Claims){
		"as it is":          func(*token.Claims) {},
		"several audiences": func(c *token.Claims) { c.Audience = append([]string{"https://billing.example"}, c.Audience...) },
		"a clock ahead":     func(c *token.Claims) { c.IssuedAt = now.Add(30 * time.Second); c.NotBefore = c.IssuedAt },
		"eight actors":      func(c *token.Claims) { c.Actor = chain(8) },
	} {
		c := claims()
		vary(c)
		if _, err := v.Verify(sign(t, p, c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func chain(n int) *token.Actor {
	var a *token.Actor
	for range n {
		a = &token.Actor{Subject: "svc", Actor: a}
	}
	return a
}

// S25: RFC 8725, one attack each.
func TestForgeriesAreRefused(t *testing.T) {
	p, attacker := newPair(t, token.ES256), newPair(t, token.ES256)
	rs, ps := newPair(t, token.RS256), newPair(t, token.PS256)
	v := verifier(jwks(t, p, rs))
	attacker.kid = p.kid
	payloadBytes, _ := json.Marshal(claims())
	payload := string(payloadBytes)
	good := sign(t, p, claims())
	part := strings.Split(good, ".")
	header := `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt"}`
	attackerJWK, _ := json.Marshal(jose.JSONWebKey{Key: attacker.private.Public(), Algorithm: "ES256"})
	rs.alg, ps.kid = token.RS256, rs.kid

	if _, err := v.Verify(forge(t, p, header, payload)); err != nil {
		t.Fatal("the forge makes nothing that passes:", err)
	}
	forgeries := map[string]string{
		"alg none":              compactOf(b64(`{"alg":"none","typ":"at+jwt"}`), part[1], ""),
		"alg none, signed":      forge(t, p, `{"alg":"none","kid":"key_ES256","typ":"at+jwt"}`, payload),
		"alg nOnE":              compactOf(b64(`{"alg":"nOnE","typ":"at+jwt"}`), part[1], part[2]),
		"no alg":                forge(t, p, `{"kid":"key_ES256","typ":"at+jwt"}`, payload),
		"HS256 with public key": hs256(t, rs.private.Public(), payload),
		"another key":           forge(t, attacker, header, payload),
		"key in the header":     forge(t, attacker, `{"alg":"ES256","typ":"at+jwt","jwk":`+string(attackerJWK)+`}`, payload),
		"jku":                   forge(t, attacker, `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt","jku":"https://evil.example/jwks"}`, payload),
		"x5u":                   forge(t, attacker, `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt","x5u":"https://evil.example/x"}`, payload),
		"crit":                  forge(t, p, `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt","crit":["exp"],"exp":1}`, payload),
		"empty crit":            forge(t, p, `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt","crit":[]}`, payload),
		"b64 false":             forge(t, p, `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt","b64":false}`, payload),
		"zip":                   forge(t, p, `{"alg":"ES256","kid":"key_ES256","typ":"at+jwt","zip":"DEF"}`, payload),
		"kid traversal":         forge(t, p, `{"alg":"ES256","kid":"../../dev/null","typ":"at+jwt"}`, payload),
		"kid of another case":   forge(t, p, `{"alg":"ES256","kid":"KEY_ES256","typ":"at+jwt"}`, payload),
		"kid not a string":      forge(t, p, `{"alg":"ES256","kid":["key_ES256"],"typ":"at+jwt"}`, payload),
		"kid of the RSA key":    forge(t, p, `{"alg":"ES256","kid":"key_RS256","typ":"at+jwt"}`, payload),
		"key of another alg":    forge(t, rs, `{"alg":"PS256","kid":"key_RS256","typ":"at+jwt"}`, payload),
		"alg twice":             forge(t, p, `{"alg":"none","alg":"ES256","kid":"key_ES256","typ":"at+jwt"}`, payload),
		"alg twice, escaped":    forge(t, p, `{"al\u0067":"none","alg":"ES256","kid":"key_ES256","typ":"at+jwt"}`, payload),
		"ALG":                   forge(t, p, `{"ALG":"ES256","kid":"key_ES256","typ":"at+jwt"}`, payload),
		"no typ":                forge(t, p, `{"alg":"ES256","kid":"key_ES256"}`, payload),
		"typ of an ID token":    forge(t, p, `{"alg":"ES256","kid":"key_ES256","typ":"JWT"}`, payload),
		"typ of a SET":          forge(t, p, `{"alg":"ES256","kid":"key_ES256","typ":"secevent+jwt"}`, payload),
		"claim twice":           forge(t, p, header, `{"sub":"root",`+payload[1:]),
		"claim twice inside":    forge(t, p, header, payload[:len(payload)-1]+`,"x":[{"a":1,"a":2}]}`),
		"claim of another case": forge(t, p, header, strings.Replace(payload, `"exp"`, `"EXP"`, 1)),
		"payload an array":      forge(t, p, header, `[`+payload+`]`),
		"payload cut off":       forge(t, p, header, payload[:len(payload)-1]),
		"payload and more":      forge(t, p, header, payload+payload),
		"payload not UTF-8":     forge(t, p, header, strings.Replace(payload, "usr_1", "usr\xff1", 1)),
		"lone surrogate":        forge(t, p, header, strings.Replace(payload, "usr_1", `usr\ud800`, 1)),
		"exp a string":          forge(t, p, header, strings.Replace(payload, `"exp":`, `"exp":"9999999999","x":`, 1)),
		"exp absurd":            forge(t, p, header, strings.Replace(payload, `"exp":`, `"exp":1e300,"x":`, 1)),
		"exp negative":          forge(t, p, header, strings.Replace(payload, `"exp":`, `"exp":-1,"x":`, 1)),
		"exp null":              forge(t, p, header, strings.Replace(payload, `"exp":`, `"exp":null,"x":`, 1)),
		"aud a number":          forge(t, p, header, strings.Replace(payload, `"aud":`, `"aud":1,"x":`, 1)),
		"aud a mixed list":      forge(t, p, header, strings.Replace(payload, `"aud":`, `"aud":["https://orders.example",1],"x":`, 1)),
		"unknown binding":       forge(t, p, header, payload[:len(payload)-1]+`,"cnf":{"kid":"x"}}`),
		"nested without end":    forge(t, p, header, payload[:len(payload)-1]+`,"x":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+`}`),
		"members without end":   forge(t, p, header, payload[:len(payload)-1]+members(300)+`}`),
		"too long":              forge(t, p, header, payload[:len(payload)-1]+`,"x":"`+strings.Repeat("x", 16<<10)+`"}`),
		"empty":                 "",
		"dots":                  "..",
		"two parts":             compactOf(part[0], part[1]),
		"four parts":            good + ".x",
		"five parts (JWE)":      good + ".x.y",
		"empty payload":         compactOf(part[0], "", part[2]),
		"no signature":          compactOf(part[0], part[1], ""),
		"padding":               good + "=",
		"padding inside":        compactOf(part[0]+"=", part[1], part[2]),
		"line break":            good[:20] + "\n" + good[20:],
		"line break at the end": good + "\n",
		"carriage return":       good + "\r",
		"space":                 " " + good,
		"NUL":                   good + "\x00",
		"standard alphabet":     compactOf(part[0], part[1], strings.Repeat("+/", 43)),
		"stray bits":            compactOf(part[0], part[1], part[2][:85]+strayBits(part[2][85])),
		"signature cut off":     good[:len(good)-4],
		"signature longer":      good + "AAAA",
		"signature of zeros":    compactOf(part[0], part[1], base64.RawURLEncoding.EncodeToString(make([]byte, 64))),
		"signature in DER":      compactOf(part[0], part[1], derOf(t, p, part[0]+"."+part[1])),
		"JSON serialisation":    `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"an opaque token":       token.NewOpaque(token.PrefixAccess).Reveal(),
	}
	for name, forgery := range forgeries {
		_, err := v.Verify(forgery)
		refused(t, name, err)
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"m` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/7) + `":1`)
	}
	return b.String()
}

// strayBits changes only the bits of a last character that no byte uses.
func strayBits(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)|1])
}

func derOf(t *testing.T, p *pair, input string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	der, err := p.private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(der)
}

func hs256(t *testing.T, public crypto.PublicKey, payload string) string {
	t.Helper()
	secret, err := json.Marshal(jose.JSONWebKey{Key: public})
	if err != nil {
		t.Fatal(err)
	}
	input := b64(`{"alg":"HS256","kid":"key_RS256","typ":"at+jwt"}`) + "." + b64(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// S3: a verifier that was told nothing believes nothing.
func TestAVerifierWithoutIssuerOrAudienceBelievesNothing(t *testing.T) {
	p := newPair(t, token.EdDSA)
	compact := sign(t, p, &token.Claims{Subject: "s", ClientID: "c", ID: "j", IssuedAt: now, Expires: now.Add(time.Hour), Audience: []string{""}})
	_, err := (&token.Verifier{Keys: jwks(t, p), Clock: clock}).Verify(compact)
	refused(t, "no issuer", err)
	compact = sign(t, p, claims())
	_, err = (&token.Verifier{Keys: jwks(t, p), Issuer: "https://id.example", Clock: clock}).Verify(compact)
	refused(t, "no audience", err)
	if _, err := (&token.Verifier{Keys: jwks(t, p), Issuer: "https://id.example", AnyAudience: true, Clock: clock}).Verify(compact); err != nil {
		t.Error("any audience:", err)
	}
	only := verifier(jwks(t, p))
	only.Algorithms = []string{token.ES256}
	_, err = only.Verify(compact)
	refused(t, "an algorithm off the list", err)
	_, err = verifier(nil).Verify(compact)
	refused(t, "no source of keys", err)
	_, err = verifier(token.KeySet{}).Verify(compact)
	refused(t, "no keys", err)
}

func TestTypesAreMediaTypes(t *testing.T) {
	p := newPair(t, token.ES256)
	v := verifier(jwks(t, p))
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"} {
		compact, err := token.Sign(p, typ, claims())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(compact); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	p := newPair(f, token.ES256)
	v := verifier(jwks(f, p))
	good := sign(f, p, claims())
	f.Add(good)
	f.Add(good + ".")
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, compact string) {
		// A signature is malleable in theory (n-s), so equal input, not equal text, is what is proved.
		if _, err := v.Verify(compact); err == nil && compact[:len(good)-86] != good[:len(good)-86] {
			t.Fatalf("forged %q", compact)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range []string{token.ES256, token.EdDSA} {
		b.Run(alg, func(b *testing.B) {
			p, c := newPair(b, alg), claims()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = token.Sign(p, token.TypeAccessToken, c)
			}
		})
	}
	b.Run("raw ES256", func(b *testing.B) {
		p := newPair(b, token.ES256)
		digest := sha256.Sum256(nil)
		for b.Loop() {
			_, _ = p.private.Sign(nil, digest[:], crypto.SHA256)
		}
	})
	b.Run("encoding alone", func(b *testing.B) {
		c := claims()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = token.Sign(silent{}, token.TypeAccessToken, c)
		}
	})
}

// silent signs nothing, so that a benchmark shows what is not the signature.
type silent struct{}

func (silent) KeyID() string               { return "key_0123456789" }
func (silent) Algorithm() string           { return token.ES256 }
func (silent) Sign([]byte) ([]byte, error) { return make([]byte, 64), nil }

func BenchmarkVerify(b *testing.B) {
	for _, alg := range token.Algorithms() {
		b.Run(alg, func(b *testing.B) {
			p := newPair(b, alg)
			v, compact := verifier(jwks(b, p)), sign(b, p, claims())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(compact); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
