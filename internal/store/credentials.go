package store

import (
	"context"

	"symbolon.dev"
)

const credentialColumns = `id, user_id, kind, name, handle, data, created, last_used`

func fillCredential(r rows, c *symbolon.Credential) error {
	return r.Scan(&c.ID, &c.User, &c.Kind, &c.Name, intoBlob{&c.Handle}, intoBlob{&c.Data}, intoTime{&c.Created}, intoTime{&c.LastUsed})
}

// Credentials lists a person's authenticators, oldest first.
func (db *DB) Credentials(ctx context.Context, user symbolon.UserID) ([]symbolon.Credential, error) {
	return list(ctx, db, fillCredential, `SELECT `+credentialColumns+` FROM credentials WHERE user_id = $1
		ORDER BY created, id`, text(user))
}

// CredentialByHandle finds an authenticator by its own look-up key.
func (db *DB) CredentialByHandle(ctx context.Context, handle []byte) (*symbolon.Credential, error) {
	return one(ctx, db, "credential", fillCredential, `SELECT `+credentialColumns+` FROM credentials WHERE handle = $1`, blob(handle))
}

// putCredential never moves a credential to another person.
func putCredential(c symbolon.Credential) []statement {
	return []statement{{
		sql: `INSERT INTO credentials (` + credentialColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, handle = excluded.handle,
			data = excluded.data, created = excluded.created, last_used = excluded.last_used
			WHERE credentials.user_id = excluded.user_id`,
		args:  []any{text(c.ID), text(c.User), c.Kind, c.Name, blob(c.Handle), blob(c.Data), micro(c.Created), micro(c.LastUsed)},
		need:  1,
		miss:  refuse(symbolon.Conflict, "the credential belongs to another person"),
		taken: "the authenticator is registered already",
	}}
}

func deleteCredential(c symbolon.DeleteCredential) []statement {
	return []statement{{
		sql:  `DELETE FROM credentials WHERE id = $1 AND user_id = $2`,
		args: []any{text(c.ID), text(c.User)}, need: 1, miss: refuse(symbolon.NotFound, "no such credential"),
	}}
}

func fillConsent(r rows, c *symbolon.Consent) error {
	return r.Scan(&c.User, &c.Client, &c.Resource, intoJSON{&c.Scopes}, intoTime{&c.At}, intoJSON{&c.Declined}, intoJSON{&c.Details})
}

// Consents lists what a person has allowed, by client and resource.
func (db *DB) Consents(ctx context.Context, user symbolon.UserID) ([]symbolon.Consent, error) {
	return list(ctx, db, fillConsent, `SELECT user_id, client, resource, scopes, at, declined, details FROM consents WHERE user_id = $1
		ORDER BY client, resource`, text(user))
}

func putConsent(c symbolon.Consent) []statement {
	return []statement{{
		sql: `INSERT INTO consents (user_id, client, resource, scopes, at, declined, details)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (user_id, client, resource) DO UPDATE SET scopes = excluded.scopes, at = excluded.at,
			declined = excluded.declined, details = excluded.details`,
		args: []any{text(c.User), text(c.Client), text(c.Resource), array(c.Scopes), micro(c.At), array(c.Declined), array(c.Details)},
	}}
}
