// Package authntest is a passkey authenticator and browser in software, for tests that want the
// real thing verified: it makes true ES256 keys, attestation objects and assertions (WebAuthn
// Level 3 §6), in the JSON forms that browsers speak. Its fields can be bent between calls to
// make every kind of wrong answer.
package authntest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Authenticator holds passkeys. It answers like a platform authenticator whose owner always
// agrees.
type Authenticator struct {
	Origin         string // of the page, as the browser writes it into the client data
	RPID           string // whose hash the authenticator signs; the browser would insist on the page's
	UserPresent    bool
	UserVerified   bool
	BackupEligible bool
	BackedUp       bool
	CrossOrigin    bool
	AAGUID         [16]byte
	Counter        uint32 // of the next signature
	Step           uint32 // what each signature adds to Counter; 0 = a synced passkey's constant 0

	Keys []Key // newest last; tests may copy a Key to another Authenticator
}

// Key is one discoverable credential.
type Key struct {
	ID      []byte
	User    []byte // the user handle
	Private *ecdsa.PrivateKey
}

// New makes an authenticator in a browser that shows a page of origin, e.g.
// "http://id.localhost:8080". The relying party id is the origin's host.
func New(origin string) *Authenticator {
	rpID := origin
	if u, err := url.Parse(origin); err == nil {
		rpID = u.Hostname()
	}
	return &Authenticator{Origin: origin, RPID: rpID, UserPresent: true, UserVerified: true, Counter: 1, Step: 1}
}

type b64 []byte

func (b b64) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
}

func (b *b64) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

type descriptor struct {
	ID b64 `json:"id"`
}

type response struct {
	ID         b64            `json:"id"`
	RawID      b64            `json:"rawId"`
	Type       string         `json:"type"`
	Attachment string         `json:"authenticatorAttachment"`
	Response   map[string]any `json:"response"`
	Extensions map[string]any `json:"clientExtensionResults"`
}

// Errors of a browser that finds nothing to do.
var (
	ErrExcluded = errors.New("InvalidStateError: the authenticator holds one of the excluded credentials")
	ErrNoKey    = errors.New("NotAllowedError: the authenticator holds none of the credentials")
)

// Create answers navigator.credentials.create: PublicKeyCredentialCreationOptionsJSON in,
// RegistrationResponseJSON out.
func (a *Authenticator) Create(options []byte) ([]byte, error) {
	var asked struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID b64 `json:"id"`
		} `json:"user"`
		Exclude []descriptor `json:"excludeCredentials"`
	}
	if err := json.Unmarshal(options, &asked); err != nil {
		return nil, err
	}
	if _, held := a.pick(asked.Exclude); held && len(asked.Exclude) > 0 {
		return nil, ErrExcluded
	}
	made, err := newKey(asked.User.ID)
	if err != nil {
		return nil, err
	}
	a.Keys = append(a.Keys, made)
	object, err := a.attest(made)
	a.Counter += a.Step
	if err != nil {
		return nil, err
	}
	return json.Marshal(response{
		ID: made.ID, RawID: made.ID, Type: "public-key", Attachment: "platform",
		Response: map[string]any{
			"clientDataJSON": b64(a.clientData("webauthn.create", asked.Challenge)), "attestationObject": b64(object),
			"transports": []string{"internal"},
		},
		Extensions: map[string]any{"credProps": map[string]any{"rk": true}},
	})
}

// Get answers navigator.credentials.get: PublicKeyCredentialRequestOptionsJSON in,
// AuthenticationResponseJSON out. It uses the newest key that is allowed.
func (a *Authenticator) Get(options []byte) ([]byte, error) {
	var asked struct {
		Challenge string       `json:"challenge"`
		Allow     []descriptor `json:"allowCredentials"`
	}
	if err := json.Unmarshal(options, &asked); err != nil {
		return nil, err
	}
	used, held := a.pick(asked.Allow)
	if !held {
		return nil, ErrNoKey
	}
	client, data := a.clientData("webauthn.get", asked.Challenge), a.authenticatorData(nil)
	a.Counter += a.Step
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, used.Private, digest[:])
	if err != nil {
		return nil, err
	}
	return json.Marshal(response{
		ID: used.ID, RawID: used.ID, Type: "public-key", Attachment: "platform",
		Response: map[string]any{
			"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(used.User),
		},
		Extensions: map[string]any{},
	})
}

// pick finds the newest key of a list; an empty list allows all.
func (a *Authenticator) pick(list []descriptor) (Key, bool) {
	for i := len(a.Keys) - 1; i >= 0; i-- {
		if len(list) == 0 {
			return a.Keys[i], true
		}
		for _, d := range list {
			if bytes.Equal(d.ID, a.Keys[i].ID) {
				return a.Keys[i], true
			}
		}
	}
	return Key{}, false
}

func newKey(user []byte) (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return Key{ID: id, User: user, Private: private}, err
}

func (a *Authenticator) clientData(kind, challenge string) []byte {
	data, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.CrossOrigin})
	return data
}

// authenticatorData is §6.1: hash of the RP id, flags, counter, and for a new key its data.
func (a *Authenticator) authenticatorData(attested []byte) []byte {
	hash := sha256.Sum256([]byte(a.RPID))
	var flags byte
	for bit, set := range map[byte]bool{0: a.UserPresent, 2: a.UserVerified, 3: a.BackupEligible, 4: a.BackedUp, 6: attested != nil} {
		if set {
			flags |= 1 << bit
		}
	}
	data := append(hash[:], flags)
	return append(binary.BigEndian.AppendUint32(data, a.Counter), attested...)
}

// attest is §6.5 with the attestation format "none": model, id and public key of the new key.
func (a *Authenticator) attest(made Key) ([]byte, error) {
	public, err := made.Private.PublicKey.ECDH()
	if err != nil {
		return nil, err
	}
	point := public.Bytes() // 4, x, y
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		return nil, err
	}
	attested := binary.BigEndian.AppendUint16(bytes.Clone(a.AAGUID[:]), uint16(len(made.ID)))
	attested = append(append(attested, made.ID...), cose...)
	return webauthncbor.Marshal(map[string]any{
		"fmt": "none", "attStmt": map[string]any{}, "authData": a.authenticatorData(attested),
	})
}
