// Package storetest gives fresh stores to tests of the house and holds the one conformance suite
// that every engine must pass.
//
// A fake store does not exist: tests of other rooms use [SQLite], the real thing in a directory that
// goes away, and make it fail with [Break] or [Faulty].
package storetest

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/store"
)

// SQLite opens a fresh store that ends with the test. Change its options with with.
func SQLite(t testing.TB, with ...func(*store.Options)) *store.DB {
	t.Helper()
	return Open(t, "sqlite:"+filepath.Join(t.TempDir(), "symbolon.db"), with...)
}

// Open opens a store that closes with the test.
func Open(t testing.TB, url string, with ...func(*store.Options)) *store.DB {
	t.Helper()
	o := store.Options{URL: url}
	for _, change := range with {
		change(&o)
	}
	db, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	urls.Store(db, url)
	t.Cleanup(func() {
		urls.Delete(db)
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// Clock sets the clock of a store.
func Clock(clock symbolon.Clock) func(*store.Options) {
	return func(o *store.Options) { o.Clock = clock }
}

var urls sync.Map // *store.DB → its URL

// Break makes every read and write of a table of an SQLite store fail, until mend is called.
func Break(t testing.TB, db *store.DB, table string) (mend func()) {
	t.Helper()
	rename := func(from, to string) {
		url, _ := urls.Load(db)
		raw, err := sql.Open("sqlite", url.(string)[len("sqlite:"):])
		if err == nil {
			_, err = raw.Exec("ALTER TABLE " + from + " RENAME TO " + to)
			_ = raw.Close()
		}
		if err != nil {
			t.Fatalf("break %s: %v", table, err)
		}
	}
	rename(table, table+"_broken")
	return func() { rename(table+"_broken", table) }
}

// Faulty is a store whose next Commits can be made to fail.
type Faulty struct {
	*store.DB
	mu     sync.Mutex
	errors []error
}

// FailNext makes the next Commit fail with err. Calls queue up.
func (f *Faulty) FailNext(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, err)
}

// Commit fails as it was told to, or commits.
func (f *Faulty) Commit(ctx context.Context, changes ...symbolon.Change) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.DB.Commit(ctx, changes...)
}

func (f *Faulty) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errors) == 0 {
		return nil
	}
	err := f.errors[0]
	f.errors = f.errors[1:]
	return err
}
