package token

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
)

// Values of the typ header, which keep tokens of one use from passing as another (RFC 8725 §3.11).
const (
	TypeAccessToken   = "at+jwt"                  // RFC 9068
	TypeIDToken       = "JWT"                     // OpenID Connect Core 1.0 §2
	TypeIntrospection = "token-introspection+jwt" // RFC 9701
	TypeSecurityEvent = "secevent+jwt"            // RFC 8417
	TypeLogout        = "logout+jwt"              // OpenID Connect Back-Channel Logout 1.0 §2.4
)

// Signer makes JWS signatures with one key.
type Signer interface {
	KeyID() string
	Algorithm() string
	// Sign signs the JWS signing input; an ECDSA signature is R‖S of fixed width (RFC 7518 §3.4).
	Sign(signingInput []byte) (signature []byte, err error)
}

// KeySource finds public keys that are already trusted. With an empty kid it answers only if
// exactly one key could serve alg. An error of kind NotFound means there is none.
type KeySource interface {
	Key(kid, alg string) (crypto.PublicKey, error)
}

// Sign makes a compact JWS of claims: a [*Claims], or anything that encoding/json knows.
func Sign(s Signer, typ string, claims any) (string, error) {
	payload, err := encode(claims)
	if err != nil {
		return "", err
	}
	o := openObject(make([]byte, 0, 128))
	o.text("alg", s.Algorithm())
	o.text("kid", s.KeyID())
	o.text("typ", typ)
	header := o.close()
	size := base64.RawURLEncoding.EncodedLen(len(header)) + 1 + base64.RawURLEncoding.EncodedLen(len(payload))
	compact := make([]byte, 0, size+1+88) // an ES256 or Ed25519 signature is 86 characters
	compact = base64.RawURLEncoding.AppendEncode(compact, header)
	compact = base64.RawURLEncoding.AppendEncode(append(compact, '.'), payload)
	signature, err := s.Sign(compact)
	if err != nil {
		return "", err
	}
	return string(base64.RawURLEncoding.AppendEncode(append(compact, '.'), signature)), nil
}

func encode(claims any) ([]byte, error) {
	if c, ok := claims.(*Claims); ok {
		return c.MarshalJSON()
	}
	return json.Marshal(claims)
}

// DefaultMaxSize is the longest compact token that a [Verifier] looks at.
const DefaultMaxSize = 16 << 10

// Verifier says which tokens are believed. Keys, Issuer and Audience must be given; the zero
// values of the rest are the strict ones.
type Verifier struct {
	Keys        KeySource
	Algorithms  []string       // default all of [Algorithms]
	Types       []string       // values of typ, default at+jwt
	AnyType     bool           // no typ is asked for: only a tool that looks at a token's form may do so
	Issuer      string         // iss, exactly
	Audience    string         // must be among aud
	AnyAudience bool           // no audience is asked for: only the issuer itself may look at other people's tokens
	Leeway      time.Duration  // how far the issuer's clock may be ahead; an end is never stretched
	Clock       symbolon.Clock // default [symbolon.Now]
	MaxSize     int            // bytes, default [DefaultMaxSize]
}

// Verify checks signature, type, issuer, audience and times, and for at+jwt that what RFC 9068
// §2.2 requires is there. Errors are of kind Unauthenticated with code invalid_token (RFC 6750
// §3.1), or whatever Keys failed with.
func (v *Verifier) Verify(compact string) (*Claims, error) {
	typ, payload, err := v.open(compact)
	if err != nil {
		return nil, err
	}
	claims := new(Claims)
	if err := claims.UnmarshalJSON(payload); err != nil {
		return nil, err
	}
	if err := v.judge(claims); err != nil {
		return nil, err
	}
	if sameType(typ, TypeAccessToken) && !complete(claims) {
		return nil, malformed("the access token lacks one of sub, client_id, iat and jti")
	}
	return claims, nil
}

// Payload checks size, form, algorithm, type and signature, and returns the payload. It judges
// no claim at all.
func (v *Verifier) Payload(compact string) ([]byte, error) {
	_, payload, err := v.open(compact)
	return payload, err
}

func complete(c *Claims) bool {
	return c.Subject != "" && c.ClientID != "" && c.ID != "" && !c.IssuedAt.IsZero()
}

func (v *Verifier) judge(c *Claims) error {
	now := symbolon.Now
	if v.Clock != nil {
		now = v.Clock
	}
	at := now()
	switch {
	case v.Issuer == "" || c.Issuer != v.Issuer:
		return malformed("the token is of another issuer")
	case !v.AnyAudience && (v.Audience == "" || !slices.Contains(c.Audience, v.Audience)):
		return malformed("the token is for another audience")
	case c.Expires.IsZero():
		return malformed("the token has no end")
	case !at.Before(c.Expires):
		return malformed("the token has expired")
	case at.Add(v.Leeway).Before(c.NotBefore):
		return malformed("the token is not valid yet")
	case at.Add(v.Leeway).Before(c.IssuedAt):
		return malformed("the token was issued in the future")
	}
	return nil
}

func (v *Verifier) open(compact string) (typ string, payload []byte, err error) {
	limit := v.MaxSize
	if limit == 0 {
		limit = DefaultMaxSize
	}
	if len(compact) > limit {
		return "", nil, malformed("the token is longer than %d bytes", limit)
	}
	parts, err := split(compact)
	if err != nil {
		return "", nil, err
	}
	head, err := parseHeader(parts.header)
	if err != nil {
		return "", nil, err
	}
	if err := v.admit(head); err != nil {
		return "", nil, err
	}
	if v.Keys == nil {
		return "", nil, malformed("there is no key that could have signed the token")
	}
	key, err := v.Keys.Key(head.kid, head.alg)
	if err != nil {
		return "", nil, err
	}
	if !Fits(head.alg, key) || !verified(head.alg, key, parts.input, parts.signature) {
		return "", nil, malformed("the signature of the token is wrong")
	}
	return head.typ, parts.payload, nil
}

func (v *Verifier) admit(h header) error {
	algorithms, types := v.Algorithms, v.Types
	if len(algorithms) == 0 {
		algorithms = Algorithms()
	}
	if len(types) == 0 {
		types = []string{TypeAccessToken}
	}
	if !known(h.alg) || !slices.Contains(algorithms, h.alg) {
		return malformed("the token is signed with an algorithm that is not accepted")
	}
	if !v.AnyType && !slices.ContainsFunc(types, func(t string) bool { return sameType(t, h.typ) }) {
		return malformed("the token is of a type that is not accepted")
	}
	return nil
}

// sameType compares media types as RFC 7515 §4.1.9 has it: without case, "application/" implied.
func sameType(a, b string) bool {
	const implied = "application/"
	if len(b) > len(implied) && strings.EqualFold(b[:len(implied)], implied) {
		b = b[len(implied):]
	}
	return strings.EqualFold(a, b)
}

type header struct{ alg, kid, typ string }

func parseHeader(data []byte) (header, error) {
	members, err := parseObject(data)
	if err != nil {
		return header{}, err
	}
	var h header
	for _, m := range members {
		switch m.name {
		case "alg":
			h.alg, err = text(m.raw)
		case "kid":
			h.kid, err = text(m.raw)
		case "typ":
			h.typ, err = text(m.raw)
		case "crit", "b64", "zip":
			err = malformed("the token asks for an extension that is not known here")
		}
		if err != nil {
			return header{}, err
		}
	}
	return h, nil
}

// parts are those of a compact JWS, decoded.
type parts struct {
	input                      []byte // of the signature
	header, payload, signature []byte
}

// strict refuses padding and bits after the last byte; [split] refuses the line breaks that
// the decoder would skip.
var strict = base64.RawURLEncoding.Strict()

func split(compact string) (p parts, err error) {
	for i := range len(compact) {
		if c := compact[i]; c != '.' && !base64URL(c) {
			return p, malformed("the token is not a compact JWS")
		}
	}
	first, last := strings.IndexByte(compact, '.'), strings.LastIndexByte(compact, '.')
	if first <= 0 || strings.Count(compact, ".") != 2 {
		return p, malformed("the token is not a compact JWS")
	}
	p.input = []byte(compact[:last])
	for _, part := range []struct {
		to   *[]byte
		from string
	}{{&p.header, compact[:first]}, {&p.payload, compact[first+1 : last]}, {&p.signature, compact[last+1:]}} {
		if *part.to, err = strict.DecodeString(part.from); err != nil || len(*part.to) == 0 {
			return p, malformed("the token is not a compact JWS")
		}
	}
	return p, nil
}

func base64URL(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
