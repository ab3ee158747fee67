package store

import (
	"context"

	"symbolon.dev"
)

const streamColumns = `id, client, delivery, endpoint, events, description, status, acked, created, last_seen`

func fillStream(r rows, s *symbolon.Stream) error {
	return r.Scan(&s.ID, &s.Client, &s.Delivery, &s.Endpoint, intoJSON{&s.Events}, &s.Description, &s.Status, &s.Cursor,
		intoTime{&s.Created}, intoTime{&s.LastSeen})
}

// Streams lists the subscriptions, oldest first.
func (db *DB) Streams(ctx context.Context) ([]symbolon.Stream, error) {
	return list(ctx, db, fillStream, `SELECT `+streamColumns+` FROM streams ORDER BY created, id`)
}

// Stream finds one subscription.
func (db *DB) Stream(ctx context.Context, id symbolon.StreamID) (*symbolon.Stream, error) {
	return one(ctx, db, "stream", fillStream, `SELECT `+streamColumns+` FROM streams WHERE id = $1`, text(id))
}

// putStream never moves a subscription to another client.
func putStream(s symbolon.Stream) []statement {
	return []statement{{
		sql: `INSERT INTO streams (` + streamColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (id) DO UPDATE SET delivery = excluded.delivery, endpoint = excluded.endpoint,
			events = excluded.events, description = excluded.description, status = excluded.status,
			created = excluded.created
			WHERE streams.client = excluded.client`,
		args: []any{text(s.ID), text(s.Client), s.Delivery, s.Endpoint, array(s.Events), s.Description, s.Status, s.Cursor,
			micro(s.Created), micro(s.LastSeen)},
		need: 1,
		miss: refuse(symbolon.Conflict, "the stream belongs to another client"),
	}}
}

func ackStream(c symbolon.AckStream) []statement {
	return []statement{{
		sql: `UPDATE streams SET acked = CASE WHEN acked < $2 THEN $2 ELSE acked END,
			last_seen = CASE WHEN last_seen < $3 THEN $3 ELSE last_seen END WHERE id = $1`,
		args: []any{text(c.ID), c.Cursor, micro(c.At)}, need: 1, miss: refuse(symbolon.NotFound, "no such stream"),
	}}
}

func deleteStream(id symbolon.StreamID) []statement {
	return []statement{{
		sql:  `DELETE FROM streams WHERE id = $1`,
		args: []any{text(id)}, need: 1, miss: refuse(symbolon.NotFound, "no such stream"),
	}}
}
