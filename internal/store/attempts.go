package store

import (
	"context"

	"symbolon.dev"
)

// Attempts counts the failures under a key that have not expired.
func (db *DB) Attempts(ctx context.Context, key string) (int, error) {
	found, err := list(ctx, db, number, `SELECT count(*) FROM attempts WHERE subject = $1 AND expires > $2`,
		printable(key), micro(db.clock()))
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return int(found[0]), nil
}

func attempt(c symbolon.Attempt) []statement {
	return []statement{{
		sql:  `INSERT INTO attempts (subject, at, expires) VALUES ($1, $2, $3)`,
		args: []any{printable(c.Key), micro(c.At), micro(c.Expires)},
	}}
}

func clearAttempts(key string) []statement {
	return []statement{{sql: `DELETE FROM attempts WHERE subject = $1`, args: []any{printable(key)}}}
}
