package store

import (
	"context"
	"time"
)

// rubbish is a table of things that end: what to delete at a moment. key is unique.
type rubbish struct {
	table, key, when string
	later            time.Duration // how long after the end a thing is kept
}

// keepStatus is how long a bit outlives its token, for those whose clock is late.
const keepStatus = time.Hour

var rubbishes = []rubbish{
	{table: "tokens", key: "hash", when: "expires <= $1"},
	{table: "statuses", key: "token", when: "expires <= $1", later: keepStatus},
	{table: "tickets", key: "hash", when: "keep_until <= $1"},
	{table: "marks", key: "mark", when: "expires <= $1"},
	{table: "revocations", key: "target", when: "keep_until > 0 AND keep_until <= $1"},
	{table: "attempts", key: "id", when: "expires <= $1"},
	{table: "sessions", key: "id", when: "expires <= $1", later: keepEnded},
	{table: "authorizations", key: "id", when: "expires <= $1"},
	{table: "signing_keys", key: "id", when: "expires > 0 AND expires <= $1"},
}

// Sweep deletes what has expired by now, at most batch (and 1,000) rows of each table, each in a
// commit of its own that waits in line with all others. It returns how many rows are gone;
// while that is not 0 there may be more.
func (db *DB) Sweep(ctx context.Context, now time.Time, batch int) (deleted int, err error) {
	for _, r := range rubbishes {
		var n int64
		p := &pending{list: []statement{{
			sql:   `DELETE FROM ` + r.table + ` WHERE ` + r.key + ` IN (SELECT ` + r.key + ` FROM ` + r.table + ` WHERE ` + r.when + ` LIMIT $2)`,
			args:  []any{micro(now.Add(-r.later)), page(batch)},
			count: &n,
		}}}
		if err := db.submit(ctx, p); err != nil {
			return deleted, err
		}
		deleted += int(n)
	}
	return deleted, nil
}
