package store

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"symbolon.dev"
)

func fillEvent(r rows, e *symbolon.Event) error {
	var body string
	if err := r.Scan(&body, intoHash{&e.Chain}); err != nil {
		return err
	}
	return json.Unmarshal([]byte(body), e)
}

// EventsAfter lists the events that follow seq, in order; at most 1,000. They are all there:
// none with a smaller number becomes visible later.
func (db *DB) EventsAfter(ctx context.Context, seq int64, limit int) ([]symbolon.Event, error) {
	db.veil.RLock()
	defer db.veil.RUnlock()
	return list(ctx, db, fillEvent, `SELECT body, chain FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, page(limit))
}

// EventHead is the number of the last event, 0 if there is none.
func (db *DB) EventHead(ctx context.Context) (int64, error) {
	db.veil.RLock()
	defer db.veil.RUnlock()
	found, err := list(ctx, db, number, `SELECT seq FROM event_head`)
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// SearchEvents lists what matches, the newest first; at most 1,000.
func (db *DB) SearchEvents(ctx context.Context, q symbolon.EventQuery) ([]symbolon.Event, error) {
	w := where{}
	from, seq := `events e`, `e.seq`
	if q.Subject != "" {
		// SQLite keeps the order of a CROSS JOIN: by subject first, in the order of the numbers.
		from, seq = `event_subjects s CROSS JOIN events e`, `s.seq`
		w.and(`e.seq = s.seq AND s.subject = `, q.Subject)
	}
	w.in(`e.type`, q.Types)
	w.ifText(`e.actor = `, q.Actor)
	w.ifTime(`e.at >= `, q.From)
	w.ifTime(`e.at < `, q.To)
	if q.Before > 0 {
		w.and(seq+` < `, q.Before)
	}
	return list(ctx, db, fillEvent, `SELECT e.body, e.chain FROM `+from+w.text()+
		` ORDER BY `+seq+` DESC LIMIT `+w.put(page(q.Limit)), w.args...)
}

// where builds a condition with numbered placeholders.
type where struct {
	parts []string
	args  []any
}

func (w *where) put(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) and(condition string, value any) {
	w.parts = append(w.parts, condition+w.put(value))
}

func (w *where) ifText(condition, value string) {
	if value != "" {
		w.and(condition, value)
	}
}

func (w *where) ifTime(condition string, value time.Time) {
	if !value.IsZero() {
		w.and(condition, micro(value))
	}
}

func (w *where) in(column string, values []symbolon.EventType) {
	if len(values) == 0 {
		return
	}
	marks, args := placeholders(len(w.args)+1, values)
	w.parts = append(w.parts, column+` IN (`+marks+`)`)
	w.args = append(w.args, args...)
}

func (w *where) text() string {
	if len(w.parts) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.parts, ` AND `)
}

// settle gives an event the form in which it will be read back, so that its link stays true: an id
// and a time if it has none, microseconds, clean text, and Data as JSON knows it (numbers are
// float64).
func (db *DB) settle(e symbolon.Event) (symbolon.Event, error) {
	if e.ID == "" {
		e.ID = symbolon.NewEventID()
	}
	if e.At.IsZero() {
		e.At = db.clock()
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Seq, e.Chain = 0, symbolon.Hash{}
	body, err := json.Marshal(e)
	if err != nil {
		return e, symbolon.Errorf(symbolon.Invalid, "an event's data is not JSON").Because(err)
	}
	var settled symbolon.Event
	if err := json.Unmarshal(bytes.ReplaceAll(body, []byte(`\u0000`), []byte(`\ufffd`)), &settled); err != nil {
		return e, symbolon.Errorf(symbolon.Invalid, "an event's data is not JSON").Because(err)
	}
	return settled, nil
}

// head is the end of the log while a transaction holds it.
type head struct {
	seq   int64
	chain symbolon.Hash
	moved bool
}

// head reads the end of the log, if anybody in the batch has events.
func (l *lane) head(ctx context.Context, batch []*pending) (*head, error) {
	for _, p := range batch {
		if len(p.events) == 0 {
			continue
		}
		found, err := all(ctx, l.conn, func(r rows, h *head) error { return r.Scan(&h.seq, intoHash{&h.chain}) }, l.db.engine.headSQL())
		if err != nil {
			return nil, err
		}
		return &found[0], nil
	}
	return &head{}, nil
}

// append numbers and links the events of a Commit.
func (h *head) append(p *pending) ([]statement, error) {
	var list []statement
	for _, i := range p.events {
		e := p.changes[i].(symbolon.Event)
		e.Seq = h.seq + 1
		link, err := e.Link(h.chain)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		e.Chain = link
		h.seq, h.chain, h.moved = e.Seq, link, true
		p.changes[i] = e
		list = append(list, statement{
			sql:  `INSERT INTO events (seq, at, type, actor, body, chain) VALUES ($1, $2, $3, $4, $5, $6)`,
			args: []any{e.Seq, micro(e.At), text(e.Type), e.Actor, string(body), link[:]},
		}, index(e))
	}
	return list, nil
}

// index files an event under each id that it names.
func index(e symbolon.Event) statement {
	sql := make([]byte, 0, 160)
	sql = append(sql, `INSERT INTO event_subjects (seq, subject) VALUES `...)
	args := []any{e.Seq}
	seen := make(map[string]bool, 9)
	for _, id := range []string{text(e.ID), text(e.User), text(e.Session), text(e.Client), text(e.Resource), text(e.Authorization),
		text(e.Token), text(e.Credential), e.RequestID} {
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		if len(args) > 1 {
			sql = append(sql, `, `...)
		}
		args = append(args, id)
		sql = append(strconv.AppendInt(append(sql, `($1, $`...), int64(len(args)), 10), ')')
	}
	return statement{sql: string(sql), args: args}
}

// store moves the head to where the batch has brought it, and lets other replicas know.
func (h *head) store(e engine) []statement {
	if !h.moved {
		return nil
	}
	moved := statement{sql: `UPDATE event_head SET seq = $1, chain = $2`, args: []any{h.seq, h.chain[:]}}
	return append([]statement{moved}, e.announce()...)
}
