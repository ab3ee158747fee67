package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"

	"symbolon.dev"
)

const (
	maxKeySetSize = 256 << 10
	maxKeys       = 100
)

// KeySet holds the public keys of a JWKS (RFC 7517 §5). The zero KeySet has none. It does not
// change once made.
type KeySet struct{ keys []publicKey }

type publicKey struct {
	kid, alg string // alg "" = any that fits
	key      crypto.PublicKey
}

// ParseJWKS reads a JWKS. Keys of unknown type or use, weak ones, and any that carry a private
// or symmetric part are left out; a set that is malformed or too large is an error of kind Invalid.
func ParseJWKS(data []byte) (KeySet, error) { return parseKeys(data, "sig") }

func parseKeys(data []byte, use string) (KeySet, error) {
	if len(data) > maxKeySetSize {
		return KeySet{}, symbolon.Errorf(symbolon.TooMany, "the key set is larger than %d bytes", maxKeySetSize)
	}
	raws, err := rawKeys(data)
	if err != nil {
		return KeySet{}, symbolon.Errorf(symbolon.Invalid, "the key set is malformed").Because(err)
	}
	if len(raws) > maxKeys {
		return KeySet{}, symbolon.Errorf(symbolon.TooMany, "the key set has more than %d keys", maxKeys)
	}
	var set KeySet
	for _, raw := range raws {
		if key, ok := parseKey(raw, use); ok {
			set.keys = append(set.keys, key)
		}
	}
	return set, nil
}

// Len is the number of usable keys.
func (s KeySet) Len() int { return len(s.keys) }

// Key implements [KeySource]. Several keys that would serve are an error: guessing among them
// would let the token choose.
func (s KeySet) Key(kid, alg string) (crypto.PublicKey, error) {
	var found crypto.PublicKey
	for _, k := range s.keys {
		if (kid != "" && k.kid != kid) || (k.alg != "" && k.alg != alg) || !Fits(alg, k.key) {
			continue
		}
		if found != nil {
			return nil, malformed("more than one key could have signed the token")
		}
		found = k.key
	}
	if found == nil {
		return nil, symbolon.Refuse(symbolon.NotFound, "invalid_token", "no trusted key could have signed the token")
	}
	return found, nil
}

func rawKeys(data []byte) ([][]byte, error) {
	members, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(members, func(m member) bool { return m.name == "keys" })
	if at < 0 {
		return nil, malformed("the JWKS has no list of keys")
	}
	return elements(members[at].raw)
}

// parseKey reads one JWK for a use; ok is false for whatever cannot verify a signature here.
func parseKey(raw []byte, use string) (key publicKey, ok bool) {
	members, err := parseObject(raw)
	if err != nil {
		return key, false
	}
	field := make(map[string]string, len(members))
	for _, m := range members {
		switch m.name {
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k": // private and symmetric parts
			return key, false
		case "key_ops":
			if ops, err := list(m.raw); err != nil || !slices.Contains(ops, "verify") {
				return key, false
			}
		default:
			if value, err := text(m.raw); err == nil {
				field[m.name] = value
			}
		}
	}
	if given := field["use"]; given != use && (given != "" || use != "sig") {
		return key, false
	}
	key = publicKey{kid: field["kid"], alg: field["alg"], key: material(field)}
	return key, key.key != nil && key.serves()
}

// serves reports whether there is an algorithm that the key may be used with.
func (k publicKey) serves() bool {
	return slices.ContainsFunc(Algorithms(), func(alg string) bool {
		return (k.alg == "" || k.alg == alg) && Fits(alg, k.key)
	})
}

func material(field map[string]string) crypto.PublicKey {
	switch field["kty"] + " " + field["crv"] {
	case "EC P-256":
		return ecKey(elliptic.P256(), field)
	case "EC P-384":
		return ecKey(elliptic.P384(), field)
	case "OKP Ed25519":
		if x := decode(field["x"]); len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x)
		}
	case "RSA ":
		return rsaKey(field)
	}
	return nil
}

func ecKey(curve elliptic.Curve, field map[string]string) crypto.PublicKey {
	size := (curve.Params().BitSize + 7) / 8
	x, y := decode(field["x"]), decode(field["y"])
	if len(x) != size || len(y) != size {
		return nil
	}
	point := append(append([]byte{4}, x...), y...) // uncompressed (SEC 1 §2.3.3)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil
	}
	return key
}

func rsaKey(field map[string]string) crypto.PublicKey {
	n, e := decode(field["n"]), decode(field["e"])
	if len(n) == 0 || len(n) > maxRSABits/8 || len(e) == 0 || len(e) > 4 {
		return nil
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e).Int64()
	if roca(modulus) {
		return nil
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent)}
}

// decode reads strict base64url; nil for anything else.
func decode(s string) []byte {
	for i := range len(s) {
		if !base64URL(s[i]) {
			return nil
		}
	}
	b, err := strict.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
