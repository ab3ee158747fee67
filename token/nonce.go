package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"

	"symbolon.dev"
)

// NonceLife is how long a nonce is good. A client is given the next one from half of it on.
const NonceLife = 5 * time.Minute

// Nonces makes and knows the nonces of one server (RFC 9449 §8, §9), without remembering any: a
// nonce is the time at which it was made, and a MAC over it. All replicas with the same key take
// each other's; a server with another key takes none of them.
type Nonces struct {
	mac   func(message []byte) symbolon.Hash
	clock symbolon.Clock
}

// NewNonces takes a MAC whose key is used for nothing else; see [NonceMAC].
func NewNonces(mac func(message []byte) symbolon.Hash, clock symbolon.Clock) *Nonces {
	return &Nonces{mac, clock}
}

// NonceMAC is an HMAC under a key that is derived from a secret for one server's nonces. The
// error is of kind Invalid, for a secret that is no secret.
func NonceMAC(secret symbolon.Secret, server string) (func(message []byte) symbolon.Hash, error) {
	const least = 32 // characters; fewer cannot hold 128 bits in any usual writing
	if len(secret.Reveal()) < least {
		return nil, symbolon.Errorf(symbolon.Invalid, "a key for nonces needs at least %d characters of random text", least)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "symbolon dpop nonce v1 "+server, sha256.Size)
	return func(message []byte) symbolon.Hash {
		mac := hmac.New(sha256.New, key)
		mac.Write(message)
		return symbolon.Hash(mac.Sum(nil))
	}, err
}

const (
	nonceTime = 8 // bytes
	nonceMAC  = 16
)

// New is the nonce of this second.
func (n *Nonces) New() string {
	raw := make([]byte, nonceTime, nonceTime+nonceMAC)
	binary.BigEndian.PutUint64(raw, uint64(n.clock().Unix()))
	sum := n.mac(raw)
	return base64.RawURLEncoding.EncodeToString(append(raw, sum[:nonceMAC]...))
}

// judge: good if it was made here, or at another replica, within [NonceLife]; old if the next one
// should be given.
func (n *Nonces) judge(nonce string) (good, old bool) {
	raw := decode(nonce)
	if len(raw) != nonceTime+nonceMAC {
		return false, false
	}
	sum := n.mac(raw[:nonceTime])
	if subtle.ConstantTimeCompare(sum[:nonceMAC], raw[nonceTime:]) != 1 {
		return false, false
	}
	age := n.clock().Sub(time.Unix(int64(binary.BigEndian.Uint64(raw)), 0))
	return age > -ProofAhead && age < NonceLife, age >= NonceLife/2
}
