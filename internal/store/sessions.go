package store

import (
	"context"
	"time"

	"symbolon.dev"
)

// keepEnded is how long a session that is over stays in a person's own list.
const keepEnded = 24 * time.Hour

const sessionColumns = `id, user_id, secret, acr, amr, auth_time, agent, created, last_seen, expires, idle, ended`

// overSince finds the sessions that were not over yet at $2.
const notOverAt2 = `(ended = 0 OR ended > $2) AND expires > $2 AND last_seen + idle > $2`

func fillSession(r rows, s *symbolon.Session) error {
	return r.Scan(&s.ID, &s.User, intoHash{&s.Secret}, &s.ACR, intoJSON{&s.AMR}, intoTime{&s.AuthTime}, &s.Agent, intoTime{&s.Created},
		intoTime{&s.LastSeen}, intoTime{&s.Expires}, intoPeriod{&s.Idle}, intoTime{&s.Ended})
}

// Session finds a session by id, also one that is over.
func (db *DB) Session(ctx context.Context, id symbolon.SessionID) (*symbolon.Session, error) {
	return one(ctx, db, "session", fillSession, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1`, text(id))
}

// SessionBySecret finds a session by the hash of its cookie, also one that is over.
func (db *DB) SessionBySecret(ctx context.Context, secret symbolon.Hash) (*symbolon.Session, error) {
	return one(ctx, db, "session", fillSession, `SELECT `+sessionColumns+` FROM sessions WHERE secret = $1`, secret[:])
}

// SessionsOf lists a person's sessions that live or were over within the last day, newest first.
func (db *DB) SessionsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Session, error) {
	return list(ctx, db, fillSession, `SELECT `+sessionColumns+` FROM sessions WHERE user_id = $1 AND `+notOverAt2+`
		ORDER BY created DESC, id`, text(user), micro(db.clock().Add(-keepEnded)))
}

// Sessions lists everybody's live sessions by id, those after the given one; at most 1,000.
func (db *DB) Sessions(ctx context.Context, after string, limit int) ([]symbolon.Session, error) {
	return list(ctx, db, fillSession, `SELECT `+sessionColumns+` FROM sessions WHERE id > $1 AND ended = 0 AND `+notOverAt2+`
		ORDER BY id LIMIT $3`, after, micro(db.clock()), page(limit))
}

func putSession(s symbolon.Session) []statement {
	return []statement{{
		sql: `INSERT INTO sessions (` + sessionColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, secret = excluded.secret, acr = excluded.acr,
			amr = excluded.amr, auth_time = excluded.auth_time, agent = excluded.agent, created = excluded.created,
			last_seen = excluded.last_seen, expires = excluded.expires, idle = excluded.idle, ended = excluded.ended
			WHERE sessions.ended = 0`,
		args: []any{text(s.ID), text(s.User), s.Secret[:], text(s.ACR), array(s.AMR), micro(s.AuthTime), printable(s.Agent),
			micro(s.Created), micro(s.LastSeen), micro(s.Expires), s.Idle.Microseconds(), micro(s.Ended)},
		need:  1,
		miss:  refuse(symbolon.Conflict, "the session has ended"),
		taken: "the session's secret is in use",
	}}
}

func touchSession(c symbolon.TouchSession) []statement {
	return []statement{{
		sql:  `UPDATE sessions SET last_seen = $2 WHERE id = $1 AND last_seen < $2`,
		args: []any{text(c.ID), micro(c.At)},
	}}
}

func endSession(c symbolon.EndSession) []statement {
	return []statement{{
		sql:  `UPDATE sessions SET ended = $2 WHERE id = $1 AND ended = 0`,
		args: []any{text(c.ID), micro(c.At)}, need: 1,
		miss: unless("session", "the session has ended already", `SELECT 1 FROM sessions WHERE id = $1`, text(c.ID)),
	}}
}
