package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"symbolon.dev"
)

// errMissed says that a statement affected fewer rows than it must.
var errMissed = errors.New("a change does not hold")

const (
	patience   = 10 * time.Second      // how long a Commit that loses races for locks is tried
	retryPause = 25 * time.Millisecond // and how long between, at least
)

// write commits a batch and answers each Commit in it. A connection that was lost before the
// COMMIT is replaced, once: nothing had happened.
func (l *lane) write(ctx context.Context, batch []*pending) {
	connected := l.conn != nil
	err := l.together(ctx, batch)
	if err != nil && connected && l.conn == nil && !doubtful(err) {
		err = l.together(ctx, batch)
	}
	if err != nil && (errors.Is(err, errMissed) || l.db.engine.trouble(err) == taken) {
		err = l.apart(ctx, batch)
	}
	switch {
	case err == nil:
	case l.db.engine.trouble(err) == crossed:
		l.oneByOne(ctx, batch)
		return
	default:
		for _, p := range batch {
			p.err = l.db.fault(err)
		}
	}
	l.answer(batch...)
}

// together is the happy path: everything in one transaction, no savepoints.
func (l *lane) together(ctx context.Context, batch []*pending) error {
	return l.transaction(ctx, batch, func(h *head) error {
		var list []statement
		for _, p := range batch {
			list = append(list, p.list...)
			more, err := h.append(p)
			if err != nil {
				return err
			}
			list = append(list, more...)
		}
		return l.run(ctx, append(list, h.store(l.db.engine)...))
	})
}

// apart is one transaction with each Commit behind a savepoint, so that those which do not hold are
// undone and told why.
func (l *lane) apart(ctx context.Context, batch []*pending) error {
	return l.transaction(ctx, batch, func(h *head) error {
		for _, p := range batch {
			before := *h
			if p.err = l.behindSavepoint(ctx, p, h); p.err == nil {
				continue
			}
			*h = before
			if !l.conn.alive() || l.db.engine.trouble(p.err) == crossed {
				return p.err
			}
			p.err = l.db.fault(p.err)
			if err := l.conn.exec(ctx, "ROLLBACK TO SAVEPOINT one"); err != nil {
				return err
			}
		}
		return l.run(ctx, h.store(l.db.engine))
	})
}

func (l *lane) behindSavepoint(ctx context.Context, p *pending, h *head) error {
	if err := l.conn.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	more, err := h.append(p)
	if err != nil {
		return err
	}
	for _, s := range append(append([]statement(nil), p.list...), more...) {
		err := l.run(ctx, []statement{s})
		switch {
		case errors.Is(err, errMissed):
			return s.miss(ctx, l.conn)
		case err != nil && l.db.engine.trouble(err) == taken:
			return symbolon.Errorf(symbolon.Conflict, "%s", s.taken).Because(err)
		case err != nil:
			return err
		}
	}
	return l.conn.exec(ctx, "RELEASE SAVEPOINT one")
}

// oneByOne gives each Commit its own transaction, so that it holds few locks. One that still crosses
// another's is put aside: those behind it need not wait for whoever holds its row.
func (l *lane) oneByOne(ctx context.Context, batch []*pending) {
	for _, p := range batch {
		p.err = nil
		err := l.apart(ctx, []*pending{p})
		if err != nil && l.db.engine.trouble(err) == crossed && l.putAside(p) {
			continue
		}
		if err != nil {
			p.err = l.db.fault(err)
		}
		l.answer(p)
	}
}

// putAside has a Commit tried again after a while, unless it has been tried long enough.
func (l *lane) putAside(p *pending) bool {
	now := time.Now()
	if p.giveUp.IsZero() {
		p.giveUp = now.Add(patience)
	}
	if now.After(p.giveUp) {
		return false
	}
	l.late = append(l.late, p)
	l.retry = now.Add(retryPause + rand.N(retryPause))
	return true
}

// transaction runs body between BEGIN and COMMIT. When it returns an error, nothing is left
// behind; what cannot be known is an Unavailable "outcome_unknown".
func (l *lane) transaction(ctx context.Context, batch []*pending, body func(*head) error) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	h, err := l.head(ctx, batch)
	if err == nil {
		err = body(h)
	}
	if err != nil {
		if rollback := l.conn.exec(ctx, "ROLLBACK"); rollback != nil {
			l.drop()
		}
		return err
	}
	if err := l.conn.exec(ctx, "COMMIT"); err != nil {
		return l.doubt(ctx, err)
	}
	return nil
}

// begin begins; a connection that turns out to be dead is replaced once.
func (l *lane) begin(ctx context.Context) (err error) {
	for range 2 {
		if l.conn == nil {
			if l.conn, err = l.db.engine.writer(ctx); err != nil {
				l.conn = nil
				return err
			}
		}
		if err = l.conn.exec(ctx, "BEGIN"); err == nil {
			return nil
		}
		if l.conn.alive() {
			return err
		}
		l.drop()
	}
	return err
}

func (l *lane) drop() {
	l.conn.close()
	l.conn = nil
}

// doubt handles a COMMIT that failed. If the connection lives, the database said no.
func (l *lane) doubt(ctx context.Context, err error) error {
	if l.conn.alive() {
		if rollback := l.conn.exec(ctx, "ROLLBACK"); rollback != nil && l.db.engine.trouble(rollback) == away {
			l.drop()
		}
		return err
	}
	l.drop()
	return symbolon.Refuse(symbolon.Unavailable, outcomeUnknown, "the store was lost during a commit").Because(err)
}

const outcomeUnknown = "outcome_unknown"

func doubtful(err error) bool {
	var e *symbolon.Error
	return errors.As(err, &e) && e.Code == outcomeUnknown
}

// run runs statements and checks what each achieved.
func (l *lane) run(ctx context.Context, list []statement) error {
	if len(list) == 0 {
		return nil
	}
	affected, err := l.conn.run(ctx, list)
	for i, n := range affected {
		if n < list[i].need { //nolint:gosec // one number for each statement
			return errMissed
		}
		if count := list[i].count; count != nil { //nolint:gosec // likewise
			*count = n
		}
	}
	return err
}
