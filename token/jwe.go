package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev"
)

// Ways to encrypt a JWT to a resource (RFC 7516): nothing else is made or read. There is no
// compression, so a small token cannot become a large one.
const (
	ECDHES    = "ECDH-ES+A256KW" // RFC 7518 §4.6
	RSAOAEP   = "RSA-OAEP-256"   // RFC 7518 §4.3
	A256GCM   = "A256GCM"        // RFC 7518 §5.3
	nestedJWT = "JWT"            // cty: RFC 7519 §5.2
)

// Recipient is whom JWTs are encrypted to.
type Recipient struct {
	encrypter jose.Encrypter
}

// NewRecipient reads a declared encryption. The error is of kind Invalid and says what does not fit.
func NewRecipient(e *symbolon.Encryption) (*Recipient, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(e.Key); err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "the key is not a JWK").Because(err)
	}
	if !key.IsPublic() || !key.Valid() || (key.Use != "" && key.Use != "enc") {
		return nil, symbolon.Errorf(symbolon.Invalid, "the key must be a public one for encryption")
	}
	alg, err := keyManagement(key.Key, e.Algorithm)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != "" && key.Algorithm != alg {
		return nil, symbolon.Errorf(symbolon.Invalid, "the key is for %s, not for %s", key.Algorithm, alg)
	}
	if e.Content != "" && e.Content != A256GCM {
		return nil, symbolon.Errorf(symbolon.Invalid, "content is encrypted with %s alone", A256GCM)
	}
	options := new(jose.EncrypterOptions).WithContentType(nestedJWT)
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: key.Key, KeyID: key.KeyID}, options)
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "the key cannot be encrypted to").Because(err)
	}
	return &Recipient{encrypter}, nil
}

// keyManagement is the algorithm that goes with a public key.
func keyManagement(key any, wanted string) (string, error) {
	var fits string
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		fits = ECDHES
	case *rsa.PublicKey:
		if soundRSA(k) {
			fits = RSAOAEP
		}
	}
	if fits == "" || wanted != "" && wanted != fits {
		return "", symbolon.Errorf(symbolon.Invalid, "the key must be an EC key for %s or an RSA key of %d to %d bits for %s", ECDHES, minRSABits, maxRSABits, RSAOAEP)
	}
	return fits, nil
}

// Wrap encrypts a compact JWS.
func (r *Recipient) Wrap(compact string) (string, error) {
	sealed, err := r.encrypter.Encrypt([]byte(compact))
	if err != nil {
		return "", err
	}
	return sealed.CompactSerialize()
}

// Unwrap decrypts a JWE to the compact JWS inside, which is yet to be verified. The key is an
// *ecdsa.PrivateKey or *rsa.PrivateKey; it decides the algorithm. Errors are of kind
// Unauthenticated with code invalid_token.
func Unwrap(compact string, key crypto.PrivateKey) (string, error) {
	if err := plainJWE(compact); err != nil {
		return "", err
	}
	alg := jose.ECDH_ES_A256KW
	if _, ok := key.(*rsa.PrivateKey); ok {
		alg = jose.RSA_OAEP_256
	}
	sealed, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{alg}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return "", malformed("the token is not encrypted as it should be").Because(err)
	}
	plain, err := sealed.Decrypt(key)
	if err != nil {
		return "", malformed("the token cannot be decrypted")
	}
	if strings.Count(string(plain), ".") != 2 {
		return "", malformed("the encrypted token does not hold a signed one")
	}
	return string(plain), nil
}

// plainJWE looks at the outside of a JWE: its size, its alphabet, and that its header asks for
// nothing that is not known here.
func plainJWE(compact string) error {
	if len(compact) > DefaultMaxSize {
		return malformed("the token is longer than %d bytes", DefaultMaxSize)
	}
	parts := strings.Split(compact, ".")
	if len(parts) != 5 {
		return malformed("the token is not a compact JWE")
	}
	for _, part := range parts {
		if _, err := strict.DecodeString(part); err != nil || part == "" || strings.ContainsAny(part, "\r\n") {
			return malformed("the token is not a compact JWE")
		}
	}
	header, _ := strict.DecodeString(parts[0])
	members, err := parseObject(header)
	if err != nil {
		return err
	}
	nested := false
	for _, m := range members {
		switch m.name {
		case "alg", "enc", "epk", "apu", "apv", "kid", "typ":
		case "cty":
			cty, err := text(m.raw)
			if err != nil {
				return err
			}
			nested = strings.EqualFold(cty, nestedJWT)
		default:
			return malformed("the token asks for an extension that is not known here")
		}
	}
	if !nested {
		return malformed("the encrypted token does not hold a signed one")
	}
	return nil
}

// LooksEncrypted reports whether raw has the five parts of a JWE.
func LooksEncrypted(raw string) bool { return strings.Count(raw, ".") == 4 }
