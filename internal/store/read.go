package store

import (
	"context"

	"symbolon.dev"
)

// maxPage bounds every list that a caller pages through.
const maxPage = 1000

func page(limit int) int64 {
	if limit <= 0 || limit > maxPage {
		return maxPage
	}
	return int64(limit)
}

// all reads every row of a query. fill scans one row.
func all[T any](ctx context.Context, q querier, fill func(rows, *T) error, sql string, args ...any) ([]T, error) {
	if !spoken(args) {
		return nil, nil // what cannot be written cannot be found
	}
	found, err := q.query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var list []T
	for found.Next() {
		var item T
		if err := fill(found, &item); err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, found.Err()
}

// list is all, with errors of the house.
func list[T any](ctx context.Context, db *DB, fill func(rows, *T) error, sql string, args ...any) ([]T, error) {
	found, err := all(ctx, db.engine, fill, sql, args...)
	return found, db.fault(err)
}

// one reads a single row; what names the thing if there is none.
func one[T any](ctx context.Context, db *DB, what string, fill func(rows, *T) error, sql string, args ...any) (*T, error) {
	found, err := all(ctx, db.engine, fill, sql, args...)
	if err != nil {
		return nil, db.fault(err)
	}
	if len(found) == 0 {
		return nil, absent(what)
	}
	return &found[0], nil
}

func absent(what string) error { return symbolon.Errorf(symbolon.NotFound, "no such %s", what) }

// number reads one integer.
func number(r rows, n *int64) error { return r.Scan(n) }

// refuse is the explanation of a statement that can fail in one way only.
func refuse(kind symbolon.Kind, message string) func(context.Context, querier) error {
	return func(context.Context, querier) error { return symbolon.Errorf(kind, "%s", message) }
}

// unless explains a miss: NotFound if the query finds nothing, Conflict with the message if it does.
func unless(what, message, sql string, args ...any) func(context.Context, querier) error {
	return func(ctx context.Context, q querier) error {
		found, err := all(ctx, q, number, sql, args...)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return absent(what)
		}
		return symbolon.Errorf(symbolon.Conflict, "%s", message)
	}
}
