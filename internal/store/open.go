package store

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"symbolon.dev"
)

// Options say where the record is kept and who hears of commits.
type Options struct {
	URL   string         // "sqlite:PATH" or "postgres://…" (libpq's form, with its parameters)
	Clock symbolon.Clock // nil = symbolon.Now
	Log   *slog.Logger   // nil = slog.Default()

	// Committed, if not nil, is called for each Commit of this process after it is durable and
	// before it returns, with its changes as they were stored (events numbered). Calls come in
	// commit order, one at a time; on PostgreSQL that holds among Commits with events and
	// among those without. It must not call Commit.
	Committed func([]symbolon.Change)
}

// DB is an open store. Its methods may be called from any goroutine.
type DB struct {
	engine    engine
	clock     symbolon.Clock
	log       *slog.Logger
	committed func([]symbolon.Change)
	hook      sync.Mutex // committed is called under it
	lanes     []*lane
	watchers  watchers

	// veil is held while a batch is written and told to the hook, where this process is the only
	// writer. Whoever follows the events reads under it, and so never hears of a commit before
	// what the hook keeps (revocations in memory, say) knows of it.
	veil sync.RWMutex

	gate   sync.RWMutex // held for reading while a Commit enters a queue
	closed bool
}

// Open opens the store, making it or bringing its schema up to date where needed. It refuses
// one whose schema is too new for this binary.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{clock: o.Clock, log: o.Log, committed: o.Committed}
	if db.clock == nil {
		db.clock = symbolon.Now
	}
	if db.log == nil {
		db.log = slog.Default()
	}
	var err error
	if db.engine, err = openEngine(ctx, o.URL, db.log); err != nil {
		return nil, err
	}
	for range db.engine.lanes() {
		l := &lane{db: db, queue: make(chan *pending, queueLength), done: make(chan struct{})}
		db.lanes = append(db.lanes, l)
		go l.work()
	}
	return db, nil
}

func openEngine(ctx context.Context, url string, log *slog.Logger) (engine, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, strings.TrimPrefix(rest, "//"))
	case "postgres", "postgresql":
		return openPostgres(ctx, url, log)
	}
	return nil, symbolon.Errorf(symbolon.Invalid, "a store is sqlite:PATH or postgres://…, not %q", scheme+":")
}

// Close refuses new Commits, finishes those that wait, and closes the database.
func (db *DB) Close() error {
	db.gate.Lock()
	if db.closed {
		db.gate.Unlock()
		return nil
	}
	db.closed = true
	for _, l := range db.lanes {
		close(l.queue)
	}
	db.gate.Unlock()
	for _, l := range db.lanes {
		<-l.done
	}
	return db.engine.close()
}

// Shared reports whether other replicas may write to the same database.
func (db *DB) Shared() bool { return db.engine.lanes() > 1 }

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.fault(db.engine.ping(ctx)) }

// fault turns an error of the database into one of the house.
func (db *DB) fault(err error) error {
	if err == nil {
		return nil
	}
	var ours *symbolon.Error
	if errors.As(err, &ours) {
		return err
	}
	switch db.engine.trouble(err) {
	case away, crossed:
		return symbolon.Errorf(symbolon.Unavailable, "the store cannot be reached").Because(err)
	}
	return symbolon.Errorf(symbolon.Internal, "the store failed").Because(err)
}
