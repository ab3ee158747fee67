package store

import (
	"context"

	"symbolon.dev"
)

func fillStatus(r rows, s *symbolon.Status) error {
	return r.Scan(&s.Token, &s.List, &s.Index, intoTime{&s.Issued}, intoTime{&s.Expires}, intoJSON{&s.Targets})
}

// Statuses lists the places of a Token Status List that are given, in order. A list is as long as
// whoever gave its places made it.
func (db *DB) Statuses(ctx context.Context, name string) ([]symbolon.Status, error) {
	return list(ctx, db, fillStatus, `SELECT token, list, place, issued, expires, targets FROM statuses WHERE list = $1 ORDER BY place`, name)
}

func listStatus(s symbolon.Status) []statement {
	return []statement{{
		sql: `INSERT INTO statuses (token, list, place, issued, expires, targets) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT DO NOTHING`,
		args: []any{text(s.Token), s.List, int64(s.Index), micro(s.Issued), micro(s.Expires), array(s.Targets)},
		need: 1,
		miss: refuse(symbolon.Conflict, "the place in the status list is taken"),
	}}
}
