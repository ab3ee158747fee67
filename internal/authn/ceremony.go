package authn

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"symbolon.dev"
)

// Ceremony is a WebAuthn question to a browser. Options are the JSON that the browser's
// PublicKeyCredential.parseRequestOptionsFromJSON or parseCreationOptionsFromJSON takes; State
// comes back unchanged with the answer, within five minutes, once.
type Ceremony struct {
	Options json.RawMessage `json:"options"`
	State   string          `json:"state"`
}

const (
	ceremonyLifetime = 5 * time.Minute
	ceremonyPurpose  = "ceremony"
	maxState         = 32 << 10
)

// What a ceremony is for; the answer to one is no answer to the other.
const (
	forLogin = "login"
	forAdd   = "add"
)

// pending is what State holds, sealed: anybody may begin, so the store keeps nothing until an
// answer turns out to be right.
type pending struct {
	For     string               `json:"f"`
	User    symbolon.UserID      `json:"u,omitempty"` // "" = whoever answers
	Expires time.Time            `json:"e"`
	Data    webauthn.SessionData `json:"d"`
}

func (p *Passkeys) ceremony(what string, user symbolon.UserID, options any, data *webauthn.SessionData) (Ceremony, error) {
	public, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	state, err := json.Marshal(pending{For: what, User: user, Expires: p.clock().Add(ceremonyLifetime), Data: *data})
	if err != nil {
		return Ceremony{}, err
	}
	sealed := p.vault.Seal(ceremonyPurpose, state, []byte(what))
	return Ceremony{Options: public, State: base64.RawURLEncoding.EncodeToString(sealed)}, nil
}

// open reads a state that we made for this purpose. Its error is for the log.
func (p *Passkeys) open(what, state string) (*pending, error) {
	if len(state) > maxState {
		return nil, symbolon.Errorf(symbolon.Invalid, "too long")
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(state)
	if err != nil {
		return nil, err
	}
	plain, err := p.vault.Open(ceremonyPurpose, sealed, []byte(what))
	if err != nil {
		return nil, err
	}
	found := new(pending)
	if err := json.Unmarshal(plain, found); err != nil {
		return nil, err
	}
	if found.For != what || !p.clock().Before(found.Expires) {
		return nil, symbolon.Errorf(symbolon.Invalid, "the challenge has expired")
	}
	return found, nil
}

// spent is the mark that makes a second answer to the same challenge a Conflict, on any replica.
func (c *pending) spent() symbolon.Change {
	return symbolon.MarkOnce{Key: symbolon.HashOf("challenge/" + c.Data.Challenge), Expires: c.Expires.Add(time.Minute)}
}
