package store

import (
	"context"
	"encoding/json"

	"symbolon.dev"
)

func fillObject(r rows, o *symbolon.Object) error {
	var doc string
	err := r.Scan(&o.Kind, &o.ID, &o.Version, &doc, intoTime{&o.Updated})
	o.Doc = json.RawMessage(doc)
	return err
}

// Objects lists declared objects of the kinds, or of all kinds if none is named, by kind and id.
func (db *DB) Objects(ctx context.Context, kinds ...string) ([]symbolon.Object, error) {
	where, args := "", []any(nil)
	if len(kinds) > 0 {
		where, args = placeholders(1, kinds)
		where = `WHERE kind IN (` + where + `)`
	}
	return list(ctx, db, fillObject, `SELECT kind, id, version, doc, updated FROM objects `+where+` ORDER BY kind, id`, args...)
}

// Object finds one declared object.
func (db *DB) Object(ctx context.Context, kind, id string) (*symbolon.Object, error) {
	return one(ctx, db, kind, fillObject,
		`SELECT kind, id, version, doc, updated FROM objects WHERE kind = $1 AND id = $2`, kind, id)
}

func putObject(c symbolon.PutObject) []statement {
	o := c.Object
	s := statement{
		sql:  `UPDATE objects SET version = version + 1, doc = $3, updated = $4 WHERE kind = $1 AND id = $2 AND version = $5`,
		args: []any{o.Kind, o.ID, string(o.Doc), micro(o.Updated), c.Was},
		need: 1,
		miss: refuse(symbolon.Conflict, o.Kind+" "+o.ID+" has changed meanwhile"),
	}
	if c.Was == 0 {
		s.sql = `INSERT INTO objects (kind, id, version, doc, updated) VALUES ($1, $2, 1, $3, $4) ON CONFLICT (kind, id) DO NOTHING`
		s.args = s.args[:4]
		s.miss = refuse(symbolon.Conflict, o.Kind+" "+o.ID+" is there already")
	}
	return []statement{s}
}

func deleteObject(c symbolon.DeleteObject) []statement {
	return []statement{{
		sql:  `DELETE FROM objects WHERE kind = $1 AND id = $2`,
		args: []any{c.Kind, c.ID}, need: 1, miss: refuse(symbolon.NotFound, "no such "+c.Kind),
	}}
}
