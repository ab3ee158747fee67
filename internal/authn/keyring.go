package authn

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"symbolon.dev"
)

// Passkey is what its owner sees of one.
type Passkey struct {
	ID       symbolon.CredentialID
	Name     string
	Model    string // of the authenticator, as it says itself; "" = unknown
	Synced   bool   // may be on several devices
	Created  time.Time
	LastUsed time.Time
}

const (
	maxPasskeys = 20 // of one person
	maxKeyName  = 64 // characters
)

// BeginAdd asks a browser to make a passkey for a person; those they have are excluded, so that
// one authenticator holds one. Denied for a disabled person, TooMany after 20.
func (p *Passkeys) BeginAdd(ctx context.Context, user symbolon.UserID) (Ceremony, error) {
	holder, err := p.addable(ctx, user)
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := p.web.BeginRegistration(holder,
		webauthn.WithCredentialParameters(webauthn.CredentialParametersRecommendedL3()),
		webauthn.WithExclusions(webauthn.Credentials(holder.credentials).CredentialDescriptors()),
		webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
	if err != nil {
		return Ceremony{}, err
	}
	return p.ceremony(forAdd, user, options.Response, data)
}

func (p *Passkeys) addable(ctx context.Context, user symbolon.UserID) (*holder, error) {
	holder, err := p.holder(ctx, user)
	if err != nil {
		return nil, err
	}
	if holder.user.Disabled {
		return nil, errDisabled()
	}
	if len(holder.rows) >= maxPasskeys {
		return nil, symbolon.Errorf(symbolon.TooMany, "a person has at most %d passkeys; remove one first", maxPasskeys)
	}
	return holder, nil
}

// FinishAdd judges an answer to [Passkeys.BeginAdd] (a RegistrationResponseJSON) and keeps the
// new passkey, in one commit with by.With. The caller has made sure that the person may: by
// [Authn.Manage], or by an enrolment in by.With. It is not a login. Name "" takes the model's, or
// words for the browser. Invalid if the answer is wrong; Conflict if it, the authenticator or the
// enrolment was used before.
func (p *Passkeys) FinishAdd(ctx context.Context, from Caller, user symbolon.UserID, state string, response []byte, name string, by By) (*Passkey, error) {
	holder, err := p.addable(ctx, user)
	if err != nil {
		return nil, err
	}
	asked, made, err := p.readMade(holder, state, response)
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "this passkey could not be added; try again").Because(detailed(err))
	}
	if name == "" {
		name = nameFor(made, from.Agent)
	}
	if err := checkKeyName(name); err != nil {
		return nil, err
	}
	row, err := p.sealed(symbolon.Credential{
		ID: symbolon.NewCredentialID(), User: user, Kind: KindPasskey, Name: name, Handle: made.ID, Created: p.clock(),
	}, made)
	if err != nil {
		return nil, err
	}
	added := p.event(symbolon.CredentialAdded, user, row.ID, by, map[string]any{
		"kind": KindPasskey, "synced": made.Flags.BackupEligible, "model": modelOf(made),
	})
	err = p.store.Commit(ctx, append(by.With, asked.spent(), symbolon.PutCredential{Credential: row}, added)...)
	return described(row, made), err
}

func (p *Passkeys) readMade(h *holder, state string, response []byte) (*pending, *webauthn.Credential, error) {
	asked, err := p.open(forAdd, state)
	if err != nil {
		return nil, nil, err
	}
	if asked.User != h.user.ID {
		return nil, nil, errors.New("the ceremony was begun for another person")
	}
	answer, err := parseCreation(response)
	if err != nil {
		return nil, nil, err
	}
	made, err := p.web.CreateCredential(h, asked.Data, answer)
	if err != nil {
		return nil, nil, err
	}
	if found := made.Extensions.RK; found != nil && !*found {
		return nil, nil, errors.New("the passkey is not discoverable")
	}
	return asked, made, nil
}

func parseCreation(response []byte) (*protocol.ParsedCredentialCreationData, error) {
	if len(response) > maxAnswer {
		return nil, errors.New("the answer is too long")
	}
	return protocol.ParseCredentialCreationResponseBytes(response)
}

// List gives a person's passkeys, oldest first.
func (p *Passkeys) List(ctx context.Context, user symbolon.UserID) ([]Passkey, error) {
	holder, err := p.holder(ctx, user)
	if err != nil {
		return nil, err
	}
	list := make([]Passkey, len(holder.rows))
	for i := range list {
		list[i] = *described(holder.rows[i], &holder.credentials[i])
	}
	return list, nil
}

func described(row symbolon.Credential, c *webauthn.Credential) *Passkey {
	return &Passkey{
		ID: row.ID, Name: row.Name, Model: modelOf(c), Synced: c.Flags.BackupEligible, Created: row.Created, LastUsed: row.LastUsed,
	}
}

// Rename gives a passkey another name of 1 to 64 characters. NotFound unless it is the person's.
func (p *Passkeys) Rename(ctx context.Context, user symbolon.UserID, id symbolon.CredentialID, name string, by By) error {
	if err := checkKeyName(name); err != nil {
		return err
	}
	holder, row, err := p.owned(ctx, user, id)
	if err != nil {
		return err
	}
	renamed := *row
	renamed.Name = name
	return p.store.Commit(ctx, append(by.With, symbolon.DeleteCredential{ID: id, User: holder.user.ID},
		symbolon.PutCredential{Credential: renamed}, p.event(symbolon.CredentialRenamed, user, id, by, nil))...)
}

// Remove takes a passkey away. NotFound unless it is the person's; Conflict if it is their last
// way in and they do it themselves.
func (p *Passkeys) Remove(ctx context.Context, user symbolon.UserID, id symbolon.CredentialID, by By) error {
	holder, _, err := p.owned(ctx, user, id)
	if err != nil {
		return err
	}
	left := len(holder.rows) - 1
	if holder.user.PasswordHash != "" {
		left++
	}
	if err := lastWayIn(holder.user, by, left); err != nil {
		return err
	}
	return p.store.Commit(ctx, append(by.With, symbolon.DeleteCredential{ID: id, User: user},
		p.event(symbolon.CredentialRemoved, user, id, by, map[string]any{"kind": KindPasskey}))...)
}

func (p *Passkeys) owned(ctx context.Context, user symbolon.UserID, id symbolon.CredentialID) (*holder, *symbolon.Credential, error) {
	holder, err := p.holder(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	for i := range holder.rows {
		if holder.rows[i].ID == id {
			return holder, &holder.rows[i], nil
		}
	}
	return nil, nil, symbolon.Errorf(symbolon.NotFound, "there is no such passkey")
}

func checkKeyName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxKeyName || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return symbolon.Errorf(symbolon.Invalid, "a passkey's name has 1 to %d characters", maxKeyName)
	}
	return nil
}
