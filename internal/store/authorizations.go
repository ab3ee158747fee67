package store

import (
	"context"

	"symbolon.dev"
)

const authorizationColumns = `id, user_id, client, session_id, resources, scopes, acr, amr, auth_time, created, expires, details, userinfo`

func fillAuthorization(r rows, a *symbolon.Authorization) error {
	return r.Scan(&a.ID, &a.User, &a.Client, &a.Session, intoJSON{&a.Resources}, intoJSON{&a.Scopes}, &a.ACR, intoJSON{&a.AMR},
		intoTime{&a.AuthTime}, intoTime{&a.Created}, intoTime{&a.Expires}, intoJSON{&a.Details}, intoJSON{&a.Userinfo})
}

// Authorization finds what a person gave a client.
func (db *DB) Authorization(ctx context.Context, id symbolon.AuthorizationID) (*symbolon.Authorization, error) {
	return one(ctx, db, "authorization", fillAuthorization,
		`SELECT `+authorizationColumns+` FROM authorizations WHERE id = $1`, text(id))
}

// AuthorizationsOf lists what a person gave, newest first.
func (db *DB) AuthorizationsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Authorization, error) {
	return list(ctx, db, fillAuthorization, `SELECT `+authorizationColumns+` FROM authorizations WHERE user_id = $1
		ORDER BY created DESC, id`, text(user))
}

// putAuthorization never gives an authorization to another person or client.
func putAuthorization(a symbolon.Authorization) []statement {
	return []statement{{
		sql: `INSERT INTO authorizations (` + authorizationColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (id) DO UPDATE SET session_id = excluded.session_id, resources = excluded.resources,
			scopes = excluded.scopes, acr = excluded.acr, amr = excluded.amr, auth_time = excluded.auth_time,
			created = excluded.created, expires = excluded.expires, details = excluded.details, userinfo = excluded.userinfo
			WHERE authorizations.user_id = excluded.user_id AND authorizations.client = excluded.client`,
		args: []any{text(a.ID), text(a.User), text(a.Client), text(a.Session), array(a.Resources), array(a.Scopes), text(a.ACR),
			array(a.AMR), micro(a.AuthTime), micro(a.Created), micro(a.Expires), array(a.Details), array(a.Userinfo)},
		need: 1,
		miss: refuse(symbolon.Conflict, "the authorization belongs to another"),
	}}
}
