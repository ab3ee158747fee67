package store

import (
	"context"

	"symbolon.dev"
)

const keyColumns = `id, alg, private, created, active, retired, expires`

func fillKey(r rows, k *symbolon.SigningKey) error {
	return r.Scan(&k.ID, &k.Alg, intoBlob{&k.Private}, intoTime{&k.Created}, intoTime{&k.Active}, intoTime{&k.Retired}, intoTime{&k.Expires})
}

// Keys lists the signing keys, oldest first.
func (db *DB) Keys(ctx context.Context) ([]symbolon.SigningKey, error) {
	return list(ctx, db, fillKey, `SELECT `+keyColumns+` FROM signing_keys ORDER BY created, id`)
}

func putKey(k symbolon.SigningKey) []statement {
	return []statement{{
		sql: `INSERT INTO signing_keys (` + keyColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET alg = excluded.alg, private = excluded.private, created = excluded.created,
			active = excluded.active, retired = excluded.retired, expires = excluded.expires`,
		args: []any{text(k.ID), k.Alg, blob(k.Private), micro(k.Created), micro(k.Active), micro(k.Retired), micro(k.Expires)},
	}}
}
