package store

import "context"

// statement is one SQL text and what it must achieve. Placeholders are $1, $2, …
type statement struct {
	sql   string
	args  []any
	need  int64                                      // rows it must affect at least
	taken string                                     // what to tell if it breaks a unique index other than the one it upserts on
	miss  func(ctx context.Context, q querier) error // says why it affected fewer; set where need is
	count *int64                                     // if not nil: how many rows it affected, once it has run
}

// querier reads. What it sees depends on where it stands: a writer sees its own transaction.
type querier interface {
	query(ctx context.Context, sql string, args ...any) (rows, error)
}

type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// engine is what differs between SQLite and PostgreSQL.
type engine interface {
	querier // outside of any transaction
	lanes() int
	writer(ctx context.Context) (writer, error)
	headSQL() string       // reads the event head and holds it until the commit
	announce() []statement // tells other replicas, at the commit, that there are events
	listen(ctx context.Context, wake func())
	trouble(err error) trouble
	ping(ctx context.Context) error
	close() error
}

// writer is the one connection of a lane. It is used by one goroutine.
type writer interface {
	querier
	exec(ctx context.Context, sql string) error
	// run runs statements in order and says how many rows each affected, up to the first error.
	run(ctx context.Context, list []statement) ([]int64, error)
	alive() bool
	close()
}

// trouble sorts the errors of a database by what can be done about them.
type trouble int

const (
	broken  trouble = iota // a bug or damage
	taken                  // a unique index says no
	crossed                // lost a race for locks; trying again helps
	away                   // the database cannot be reached, or is out of room
)
