package store

import (
	"context"
	"time"

	"symbolon.dev"
)

const ticketColumns = `hash, kind, user_id, authorization_id, expires, used, data`

func fillTicket(r rows, t *symbolon.Ticket) error {
	return r.Scan(intoHash{&t.Hash}, &t.Kind, &t.User, &t.Authorization, intoTime{&t.Expires}, intoTime{&t.Used}, intoBlob{&t.Data})
}

// Ticket finds something single-use by its hash, used or expired ones too.
func (db *DB) Ticket(ctx context.Context, hash symbolon.Hash) (*symbolon.Ticket, error) {
	return one(ctx, db, "ticket", fillTicket, `SELECT `+ticketColumns+` FROM tickets WHERE hash = $1`, hash[:])
}

// Waiting lists what clients have asked a person who is elsewhere, newest first, at most 100: the
// unused backchannel tickets of the person that end after now. Some may be answered already.
func (db *DB) Waiting(ctx context.Context, user symbolon.UserID, now time.Time) ([]symbolon.Ticket, error) {
	return list(ctx, db, fillTicket, `SELECT `+ticketColumns+` FROM tickets
		WHERE kind = 'backchannel' AND user_id = $1 AND expires > $2 AND used = 0 ORDER BY expires DESC, hash LIMIT 100`, text(user), micro(now))
}

// keepUsed is how long a used ticket outlives its end, so that a late replay still undoes what the
// first use gave.
const keepUsed = 24 * time.Hour

func issueTicket(t symbolon.Ticket) []statement {
	return []statement{{
		sql: `INSERT INTO tickets (` + ticketColumns + `, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $5)
			ON CONFLICT (hash) DO NOTHING`,
		args: []any{t.Hash[:], text(t.Kind), text(t.User), text(t.Authorization), micro(t.Expires), micro(t.Used), blob(t.Data)},
		need: 1,
		miss: refuse(symbolon.Conflict, "the ticket is there already"),
	}}
}

func useTicket(c symbolon.UseTicket) []statement {
	return []statement{{
		sql: `UPDATE tickets SET used = $3, authorization_id = $4, keep_until = expires + $5
			WHERE hash = $1 AND kind = $2 AND used = 0`,
		args: []any{c.Hash[:], text(c.Kind), micro(c.At), text(c.Authorization), keepUsed.Microseconds()}, need: 1,
		miss: unless("ticket", "the ticket has been used already",
			`SELECT 1 FROM tickets WHERE hash = $1 AND kind = $2`, c.Hash[:], text(c.Kind)),
	}}
}

// markOnce lets a mark come again once the earlier one has expired, swept or not.
func markOnce(c symbolon.MarkOnce, now time.Time) []statement {
	return []statement{{
		sql: `INSERT INTO marks (mark, expires) VALUES ($1, $2)
			ON CONFLICT (mark) DO UPDATE SET expires = excluded.expires WHERE marks.expires <= $3`,
		args: []any{c.Key[:], micro(c.Expires), micro(now)}, need: 1,
		miss: refuse(symbolon.Conflict, "it has come before"),
	}}
}
