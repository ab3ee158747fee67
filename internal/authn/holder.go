package authn

import (
	"context"
	"encoding/json"

	"github.com/go-webauthn/webauthn/webauthn"

	"symbolon.dev"
)

// holder is a person with their passkeys, as the library wants to see one.
type holder struct {
	user        *symbolon.User
	rows        []symbolon.Credential
	credentials []webauthn.Credential
}

func (h *holder) WebAuthnID() []byte                         { return []byte(h.user.ID) }
func (h *holder) WebAuthnName() string                       { return h.user.Login }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func (h *holder) WebAuthnDisplayName() string {
	if h.user.Name != "" {
		return h.user.Name
	}
	return h.user.Login
}

func (h *holder) stored(handle []byte) *symbolon.Credential {
	for i := range h.rows {
		if string(h.rows[i].Handle) == string(handle) {
			return &h.rows[i]
		}
	}
	return nil
}

func (p *Passkeys) holder(ctx context.Context, id symbolon.UserID) (*holder, error) {
	user, err := p.store.User(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := p.store.Credentials(ctx, id)
	if err != nil {
		return nil, err
	}
	h := &holder{user: user}
	for _, row := range all {
		if row.Kind != KindPasskey {
			continue
		}
		opened, err := p.opened(row)
		if err != nil {
			return nil, err
		}
		h.rows, h.credentials = append(h.rows, row), append(h.credentials, *opened)
	}
	return h, nil
}

// sealed puts a credential's data into its row, bound to the row's ids.
func (p *Passkeys) sealed(row symbolon.Credential, c *webauthn.Credential) (symbolon.Credential, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return row, err
	}
	row.Data = p.vault.Seal(credentialPurpose, plain, boundTo(row))
	return row, nil
}

func (p *Passkeys) opened(row symbolon.Credential) (*webauthn.Credential, error) {
	plain, err := p.vault.Open(credentialPurpose, row.Data, boundTo(row))
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Internal, "a passkey's record cannot be read").Because(err)
	}
	c := new(webauthn.Credential)
	return c, json.Unmarshal(plain, c)
}

func boundTo(row symbolon.Credential) []byte {
	return []byte(string(row.User) + "\x00" + string(row.ID) + "\x00" + string(row.Handle))
}
