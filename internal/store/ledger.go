package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"symbolon.dev"
)

const ledgerColumns = `hour, kind, effect, subject, client, resource, action, policies, version, reason, count, first_at, last_at, request`

func fillLedger(r rows, e *symbolon.LedgerEntry) error {
	return r.Scan(intoTime{&e.Hour}, &e.Kind, &e.Effect, &e.Subject, &e.Client, &e.Resource, &e.Action, intoJSON{&e.Policies},
		&e.Version, &e.Reason, &e.Count, intoTime{&e.First}, intoTime{&e.Last}, &e.Request)
}

// AddLedger adds counts: entries with the same inputs in the same hour become one.
func (db *DB) AddLedger(ctx context.Context, entries []symbolon.LedgerEntry) error {
	p := &pending{}
	for _, e := range entries {
		p.list = append(p.list, addLedger(e))
	}
	return db.submit(ctx, p)
}

func addLedger(e symbolon.LedgerEntry) statement {
	for _, s := range []*string{&e.Subject, &e.Client, &e.Resource, &e.Action, &e.Reason, &e.Request} {
		*s = printable(*s)
	}
	key := ledgerKey(e)
	return statement{
		sql: `INSERT INTO ledger (` + ledgerColumns + `, entry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
			ON CONFLICT (entry) DO UPDATE SET count = ledger.count + excluded.count,
			first_at = CASE WHEN excluded.first_at < ledger.first_at THEN excluded.first_at ELSE ledger.first_at END,
			request = CASE WHEN excluded.last_at >= ledger.last_at THEN excluded.request ELSE ledger.request END,
			last_at = CASE WHEN excluded.last_at > ledger.last_at THEN excluded.last_at ELSE ledger.last_at END`,
		args: []any{micro(e.Hour), e.Kind, e.Effect, e.Subject, e.Client, e.Resource, e.Action, array(e.Policies), e.Version, e.Reason,
			e.Count, micro(e.First), micro(e.Last), e.Request, key[:]},
	}
}

// ledgerKey names an entry by its canonical inputs.
func ledgerKey(e symbolon.LedgerEntry) symbolon.Hash {
	inputs, _ := json.Marshal([]any{micro(e.Hour), e.Kind, e.Effect, e.Subject, e.Client, e.Resource, e.Action,
		array(e.Policies), e.Version, e.Reason}) // integers and strings always marshal
	return sha256.Sum256(inputs)
}

// SearchLedger lists what matches, the newest hour first; at most 1,000.
func (db *DB) SearchLedger(ctx context.Context, q symbolon.LedgerQuery) ([]symbolon.LedgerEntry, error) {
	w := where{}
	w.ifText(`kind = `, q.Kind)
	w.ifText(`effect = `, q.Effect)
	w.ifText(`subject = `, q.Subject)
	w.ifText(`client = `, q.Client)
	w.ifText(`resource = `, q.Resource)
	w.ifTime(`hour >= `, q.From)
	w.ifTime(`hour < `, q.To)
	return list(ctx, db, fillLedger, `SELECT `+ledgerColumns+` FROM ledger`+w.text()+
		` ORDER BY hour DESC, last_at DESC, entry LIMIT `+w.put(page(q.Limit)), w.args...)
}
