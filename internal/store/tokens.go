package store

import (
	"context"

	"symbolon.dev"
)

const tokenColumns = `hash, id, kind, authorization_id, session_id, user_id, client, issued, expires, used, data`

func fillToken(r rows, t *symbolon.Token) error {
	return r.Scan(intoHash{&t.Hash}, &t.ID, &t.Kind, &t.Authorization, &t.Session, &t.User, &t.Client,
		intoTime{&t.Issued}, intoTime{&t.Expires}, intoTime{&t.Used}, intoBlob{&t.Data})
}

// Token finds an opaque token by the hash of what was presented. It may have expired.
func (db *DB) Token(ctx context.Context, hash symbolon.Hash) (*symbolon.Token, error) {
	return one(ctx, db, "token", fillToken, `SELECT `+tokenColumns+` FROM tokens WHERE hash = $1`, hash[:])
}

func issueToken(t symbolon.Token) []statement {
	return []statement{{
		sql: `INSERT INTO tokens (` + tokenColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (hash) DO NOTHING`,
		args: []any{t.Hash[:], text(t.ID), text(t.Kind), text(t.Authorization), text(t.Session), text(t.User), text(t.Client),
			micro(t.Issued), micro(t.Expires), micro(t.Used), blob(t.Data)},
		need: 1,
		miss: refuse(symbolon.Conflict, "the token is there already"),
	}}
}

func useToken(c symbolon.UseToken) []statement {
	return []statement{{
		sql:  `UPDATE tokens SET used = $2 WHERE hash = $1 AND used = 0`,
		args: []any{c.Hash[:], micro(c.At)}, need: 1,
		miss: unless("token", "the token has been used already", `SELECT 1 FROM tokens WHERE hash = $1`, c.Hash[:]),
	}}
}
