package token

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
)

// TypeProof is the typ of a DPoP proof (RFC 9449 §4.2).
const TypeProof = "dpop+jwt"

// Names of RFC 9449: header fields, the authentication scheme, and error codes.
const (
	HeaderProof = "Dpop"       // DPoP, as net/http writes it
	HeaderNonce = "Dpop-Nonce" // DPoP-Nonce, likewise
	SchemeDPoP  = "DPoP"

	CodeInvalidProof = "invalid_dpop_proof" // §5, §7.1
	CodeUseNonce     = "use_dpop_nonce"     // §8, §9
)

// How far the iat of a proof may be from now. FAPI 2.0 §5.3.2.1 wants 10 seconds of the future
// to be taken and 60 to be refused.
const (
	ProofAge   = time.Minute
	ProofAhead = 15 * time.Second
)

// algEd25519 is what newer clients write for the only EdDSA that there is here (RFC 9864 §2.2).
const algEd25519 = "Ed25519"

// Bounds of a proof, in bytes.
const (
	maxProof = 8 << 10
	maxJTI   = 256
	maxNonce = 256
)

// ProofChecker checks DPoP proofs at one server (RFC 9449 §4.3), all but their replay: whoever
// checks asks a memory ([Replays], or a store) for [Proof.Key] afterwards.
type ProofChecker struct {
	Nonces *Nonces        // of this server; nil = nonces mean nothing here
	Clock  symbolon.Clock // default [symbolon.Now]
}

// Presented is a request as far as a proof speaks of it.
type Presented struct {
	Proofs        []string // all values of the DPoP header
	Method        string
	URL           string // that the client used, from configuration: Host and forwarded headers can lie
	AccessToken   string // that is presented with the proof; "" = none is
	NonceRequired bool
	Algorithms    []string // default all of [Algorithms]
}

// Proof is a proof that holds.
type Proof struct {
	JKT   string        // thumbprint of its key
	Key   symbolon.Hash // what a replay of it has in common with it: jkt and jti
	Until time.Time     // it is refused from then on, so it need not be remembered longer
	Renew string        // a nonce for the client to use from now on; "" = it may keep its own
}

// NonceWanted is the cause of a refusal with the code use_dpop_nonce.
type NonceWanted struct{ Nonce string } // to be sent as DPoP-Nonce

func (*NonceWanted) Error() string { return "the proof has no current nonce of this server" }

func badProof(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Unauthenticated, CodeInvalidProof, format, args...)
}

// Check refuses with kind Unauthenticated and code invalid_dpop_proof, or use_dpop_nonce with a
// [*NonceWanted] as cause.
func (c *ProofChecker) Check(q Presented) (*Proof, error) {
	if len(q.Proofs) != 1 {
		return nil, badProof("there must be one DPoP header with one proof, not %d", len(q.Proofs))
	}
	claims, jkt, err := openProof(q.Proofs[0], q.Algorithms)
	if err != nil {
		return nil, err
	}
	now := symbolon.Now
	if c.Clock != nil {
		now = c.Clock
	}
	if err := claims.fit(&q, now()); err != nil {
		return nil, err
	}
	renew, err := c.nonce(claims.nonce, q.NonceRequired)
	if err != nil {
		return nil, err
	}
	return &Proof{JKT: jkt, Key: symbolon.HashOf("dpop " + jkt + " " + claims.jti),
		Until: claims.iat.Add(ProofAge + ProofAhead), Renew: renew}, nil
}

func (c *ProofChecker) nonce(given string, required bool) (renew string, err error) {
	if c.Nonces == nil || given == "" && !required {
		return "", nil
	}
	good, old := c.Nonces.judge(given)
	switch fresh := c.Nonces.New(); {
	case !good:
		return "", symbolon.Refuse(symbolon.Unauthenticated, CodeUseNonce,
			"the proof needs the nonce that the DPoP-Nonce header gives").Because(&NonceWanted{fresh})
	case old:
		return fresh, nil
	}
	return "", nil
}

// proofClaims is the payload of RFC 9449 §4.2.
type proofClaims struct {
	jti, htm, htu, ath, nonce string
	iat, nbf, exp             time.Time
}

// openProof checks what a proof says of itself: form, key and signature.
func openProof(compact string, algorithms []string) (c proofClaims, jkt string, err error) {
	if len(compact) > maxProof {
		return c, "", badProof("the proof is longer than %d bytes", maxProof)
	}
	p, err := split(compact)
	if err != nil {
		return c, "", badProof("the proof is not one compact JWS").Because(err)
	}
	if algorithms == nil {
		algorithms = Algorithms()
	}
	alg, key, err := proofHeader(p.header, algorithms)
	if err != nil {
		return c, "", err
	}
	if !verified(alg, key, p.input, p.signature) {
		return c, "", badProof("the signature of the proof is wrong")
	}
	if jkt, err = Thumbprint(key); err != nil {
		return c, "", badProof("the key of the proof is not one that can be used").Because(err)
	}
	c, err = parseProofClaims(p.payload)
	return c, jkt, err
}

// proofHeader gives the algorithm and the key that a proof brings. The key is of the proof's own
// making, so it proves nothing but that its holder signed: what counts is what is bound to it.
func proofHeader(data []byte, algorithms []string) (alg string, key crypto.PublicKey, err error) {
	members, err := parseObject(data)
	if err != nil {
		return "", nil, badProof("the header of the proof is malformed").Because(err)
	}
	h, err := parseHeader(data)
	if err != nil {
		return "", nil, badProof("the header of the proof is malformed, or asks for an extension").Because(err)
	}
	if h.typ != TypeProof {
		return "", nil, badProof("the typ of the proof must be %s", TypeProof)
	}
	if h.alg == algEd25519 {
		h.alg = EdDSA
	}
	if !known(h.alg) || !slices.Contains(algorithms, h.alg) {
		return "", nil, badProof("the proof must be signed with one of %s", strings.Join(algorithms, ", "))
	}
	for _, m := range members {
		if m.name == "jwk" {
			jwk, ok := parseKey(m.raw, "sig")
			if !ok || (jwk.alg != "" && jwk.alg != h.alg) || !Fits(h.alg, jwk.key) {
				return "", nil, badProof("the jwk of the proof must be a public key, and nothing more, that fits its alg")
			}
			return h.alg, jwk.key, nil
		}
	}
	return "", nil, badProof("the proof has no jwk")
}

func parseProofClaims(data []byte) (c proofClaims, err error) {
	members, err := parseObject(data)
	if err != nil {
		return c, badProof("the claims of the proof are malformed").Because(err)
	}
	for _, m := range members {
		if err := c.set(m); err != nil {
			return c, badProof("the claim %s of the proof is malformed", m.name).Because(err)
		}
	}
	switch {
	case c.jti == "" || len(c.jti) > maxJTI:
		return c, badProof("the proof must have a jti of 1 to %d bytes", maxJTI)
	case len(c.nonce) > maxNonce:
		return c, badProof("the nonce of the proof is over %d bytes", maxNonce)
	case c.iat.IsZero():
		return c, badProof("the proof has no iat")
	}
	return c, nil
}

func (c *proofClaims) set(m member) (err error) {
	switch m.name {
	case "jti":
		c.jti, err = text(m.raw)
	case "htm":
		c.htm, err = text(m.raw)
	case "htu":
		c.htu, err = text(m.raw)
	case "ath":
		c.ath, err = text(m.raw)
	case "nonce":
		c.nonce, err = text(m.raw)
	case "iat":
		c.iat, err = numericDate(m.raw)
	case "nbf":
		c.nbf, err = numericDate(m.raw)
	case "exp":
		c.exp, err = numericDate(m.raw)
	}
	return err
}

// fit holds a proof against the request and the moment.
func (c *proofClaims) fit(q *Presented, now time.Time) error {
	switch {
	case c.htm != q.Method:
		return badProof("the htm of the proof is not the method of the request")
	case !sameTarget(c.htu, q.URL):
		return badProof("the htu of the proof is not the address of the request")
	case !now.Before(c.iat.Add(ProofAge)):
		return badProof("the proof is older than %s, by its iat", ProofAge)
	case c.iat.After(now.Add(ProofAhead)), c.nbf.After(now.Add(ProofAhead)):
		return badProof("the proof is of the future, by its iat or nbf")
	case !c.exp.IsZero() && !now.Before(c.exp):
		return badProof("the proof has expired, by its exp")
	case q.AccessToken != "" && !hashes(q.AccessToken, c.ath):
		return badProof("the ath of the proof is not the hash of the access token")
	}
	return nil
}

// hashes: ath is the SHA-256 of the token's ASCII, in base64url (RFC 9449 §4.2).
func hashes(accessToken, ath string) bool {
	sum := sha256.Sum256([]byte(accessToken))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(ath)) == 1
}
