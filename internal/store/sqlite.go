package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine has one connection that writes and a pool of those that read. All are in WAL mode,
// so readers and the writer do not wait for each other.
type sqliteEngine struct {
	write *sql.DB
	read  *sql.DB
	texts sync.Map // SQL text → *sql.Stmt of read
}

// Of the writer: synchronous=FULL waits for the disk at each commit. The log is copied back
// into the file after 4,000 pages (16 MB).
const (
	writerPragmas = "_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=wal_autocheckpoint(4000)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-8000)"
	readerPragmas = "_pragma=busy_timeout(10000)&_pragma=query_only(1)&_pragma=temp_store(MEMORY)"
)

func openSQLite(ctx context.Context, path string) (*sqliteEngine, error) {
	if path == "" {
		return nil, errors.New("sqlite: the path is missing")
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	e := &sqliteEngine{}
	var err error
	if e.write, err = sql.Open("sqlite", file+"?"+writerPragmas); err != nil {
		return nil, err
	}
	e.write.SetMaxOpenConns(1)
	if err := migrate(ctx, e.write, goose.DialectSQLite3, "sqlite"); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), e.write.Close())
	}
	if e.read, err = sql.Open("sqlite", file+"?"+readerPragmas); err != nil {
		return nil, errors.Join(err, e.write.Close())
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	e.read.SetMaxOpenConns(readers)
	e.read.SetMaxIdleConns(readers)
	return e, nil
}

// makePrivate makes the file, and directories that are missing, for this user alone. SQLite gives
// its log files the mode of the database.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// query reads by key or in bounded pages, so it is not worth a goroutine that could interrupt it:
// the driver starts one for each context that can be cancelled.
func (e *sqliteEngine) query(ctx context.Context, text string, args ...any) (rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	calm := context.WithoutCancel(ctx)
	known, ok := e.texts.Load(text)
	if !ok {
		stmt, err := e.read.PrepareContext(calm, text)
		if err != nil {
			return nil, err
		}
		var lost bool
		if known, lost = e.texts.LoadOrStore(text, stmt); lost {
			_ = stmt.Close()
		}
	}
	found, err := known.(*sql.Stmt).QueryContext(calm, args...) //nolint:rowserrcheck // whoever reads the rows asks
	if err != nil {
		return nil, err
	}
	return sqlRows{found}, nil
}

type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }

func (e *sqliteEngine) lanes() int            { return 1 }
func (e *sqliteEngine) headSQL() string       { return "SELECT seq, chain FROM event_head" }
func (e *sqliteEngine) announce() []statement { return nil }

func (e *sqliteEngine) listen(ctx context.Context, _ func()) { <-ctx.Done() }

func (e *sqliteEngine) ping(ctx context.Context) error { return e.read.PingContext(ctx) }
func (e *sqliteEngine) close() error                   { return errors.Join(e.read.Close(), e.write.Close()) }

func (e *sqliteEngine) trouble(err error) trouble {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) ||
		strings.Contains(err.Error(), "database is closed") {
		return away
	}
	var coded *sqlite.Error
	if !errors.As(err, &coded) {
		return broken
	}
	switch coded.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return taken
	}
	switch coded.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return away
	}
	return broken
}

func (e *sqliteEngine) writer(ctx context.Context) (writer, error) {
	conn, err := e.write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &sqliteWriter{conn: conn, texts: map[string]*sql.Stmt{}}, nil
}

// sqliteWriter keeps every statement prepared. It takes no caller's context: what has begun to be
// written is finished.
type sqliteWriter struct {
	conn  *sql.Conn
	texts map[string]*sql.Stmt
}

func (w *sqliteWriter) prepared(text string) (*sql.Stmt, error) {
	if stmt := w.texts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), text)
	if err == nil {
		w.texts[text] = stmt
	}
	return stmt, err
}

func (w *sqliteWriter) query(_ context.Context, text string, args ...any) (rows, error) {
	stmt, err := w.prepared(text)
	if err != nil {
		return nil, err
	}
	found, err := stmt.QueryContext(context.Background(), args...) //nolint:rowserrcheck // whoever reads the rows asks
	if err != nil {
		return nil, err
	}
	return sqlRows{found}, nil
}

// exec is for transactions. BEGIN takes the write lock at once: a transaction that
// began by reading could not be upgraded while another process writes.
func (w *sqliteWriter) exec(_ context.Context, text string) error {
	if text == "BEGIN" {
		text = "BEGIN IMMEDIATE"
	}
	stmt, err := w.prepared(text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

func (w *sqliteWriter) run(_ context.Context, list []statement) ([]int64, error) {
	affected := make([]int64, 0, len(list))
	for _, s := range list {
		stmt, err := w.prepared(s.sql)
		if err != nil {
			return affected, err
		}
		result, err := stmt.ExecContext(context.Background(), s.args...)
		if err != nil {
			return affected, err
		}
		n, _ := result.RowsAffected() // this driver always knows
		affected = append(affected, n)
	}
	return affected, nil
}

func (w *sqliteWriter) alive() bool { return true }

func (w *sqliteWriter) close() {
	for _, stmt := range w.texts {
		_ = stmt.Close()
	}
	_ = w.conn.Close()
}
