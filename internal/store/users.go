package store

import (
	"context"
	"encoding/json"

	"symbolon.dev"
)

const userColumns = `id, login, name, email, organisation, department, employment, groups, attributes,
	password_hash, disabled, created, updated`

func fillUser(r rows, u *symbolon.User) error {
	return r.Scan(&u.ID, &u.Login, &u.Name, &u.Email, &u.Organisation, &u.Department, &u.Employment, intoJSON{&u.Groups},
		intoJSON{&u.Attributes}, &u.PasswordHash, intoFlag{&u.Disabled}, intoTime{&u.Created}, intoTime{&u.Updated})
}

// User finds a person by id.
func (db *DB) User(ctx context.Context, id symbolon.UserID) (*symbolon.User, error) {
	return one(ctx, db, "user", fillUser, `SELECT `+userColumns+` FROM users WHERE id = $1`, text(id))
}

// UserByLogin finds a person by login, whatever its case.
func (db *DB) UserByLogin(ctx context.Context, login string) (*symbolon.User, error) {
	return one(ctx, db, "user", fillUser, `SELECT `+userColumns+` FROM users WHERE login_folded = $1`, fold(login))
}

// Users lists people by login, those after the given one; at most 1,000.
func (db *DB) Users(ctx context.Context, after string, limit int) ([]symbolon.User, error) {
	return list(ctx, db, fillUser, `SELECT `+userColumns+` FROM users WHERE login_folded > $1
		ORDER BY login_folded LIMIT $2`, fold(after), page(limit))
}

func putUser(u symbolon.User) ([]statement, error) {
	attributes, err := json.Marshal(u.Attributes)
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "an attribute of %s is not JSON", u.ID).Because(err)
	}
	if len(u.Attributes) == 0 {
		attributes = []byte("{}")
	}
	return []statement{{
		sql: `INSERT INTO users (` + userColumns + `, login_folded)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
			ON CONFLICT (id) DO UPDATE SET login = excluded.login, name = excluded.name, email = excluded.email,
			organisation = excluded.organisation, department = excluded.department, employment = excluded.employment,
			groups = excluded.groups, attributes = excluded.attributes, password_hash = excluded.password_hash,
			disabled = excluded.disabled, created = excluded.created, updated = excluded.updated,
			login_folded = excluded.login_folded`,
		args: []any{text(u.ID), u.Login, u.Name, u.Email, text(u.Organisation), u.Department, u.Employment, array(u.Groups),
			string(attributes), u.PasswordHash, flag(u.Disabled), micro(u.Created), micro(u.Updated), fold(u.Login)},
		taken: "the login belongs to another",
	}}, nil
}

func deleteUser(id symbolon.UserID) []statement {
	return []statement{
		{sql: `DELETE FROM users WHERE id = $1`, args: []any{text(id)}, need: 1, miss: refuse(symbolon.NotFound, "no such user")},
		{sql: `DELETE FROM credentials WHERE user_id = $1`, args: []any{text(id)}},
		{sql: `DELETE FROM consents WHERE user_id = $1`, args: []any{text(id)}},
	}
}
