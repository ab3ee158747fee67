package token

import "crypto"

// TypeClientAuthentication is the explicit type of an assertion by which a client
// authenticates (RFC 7523bis).
const TypeClientAuthentication = "client-authentication+jwt"

// UnprovenClaims reads the claims of a compact JWS and checks nothing that it says: it tells
// whose key to look for, before [Verifier.Payload] says whether the words are that key's.
// Errors are those of a malformed token.
func UnprovenClaims(compact string, maxSize int) (*Claims, error) {
	if len(compact) > maxSize {
		return nil, malformed("the token is longer than %d bytes", maxSize)
	}
	parts, err := split(compact)
	if err != nil {
		return nil, err
	}
	if _, err := parseHeader(parts.header); err != nil {
		return nil, err
	}
	claims := new(Claims)
	if err := claims.UnmarshalJSON(parts.payload); err != nil {
		return nil, err
	}
	return claims, nil
}

// KeyFunc is a [KeySource] made of a function.
type KeyFunc func(kid, alg string) (crypto.PublicKey, error)

// Key calls the function.
func (f KeyFunc) Key(kid, alg string) (crypto.PublicKey, error) { return f(kid, alg) }

// ParseBundle reads a SPIFFE bundle, which is a JWKS whose keys say which kind of SVID they
// are for: those of use, such as "jwt-svid". Its errors are those of [ParseJWKS].
func ParseBundle(data []byte, use string) (KeySet, error) { return parseKeys(data, use) }
