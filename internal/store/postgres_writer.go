package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresWriter sends the statements of a batch down the wire at once and then reads the answers,
// so that a batch costs a few round trips however many Commits are in it.
type postgresWriter struct {
	conn  *pgx.Conn
	fresh bool // a transaction has begun and run nothing
}

// lockWait bounds how long a batch waits for another's row. It gives up long before PostgreSQL would
// look for a deadlock; the Commits in it are then tried one by one, with few locks each. It
// counts from the first statement on: the head of the log is waited for without it.
const lockWait = "SET LOCAL lock_timeout = 100"

func (e *postgresEngine) writer(ctx context.Context) (writer, error) {
	conn, err := pgx.ConnectConfig(ctx, e.config.ConnConfig)
	if err != nil {
		return nil, err
	}
	if err := durable(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return &postgresWriter{conn: conn}, nil
}

// durable makes COMMIT wait for the disk where the server's default is not to. Whoever configured a
// stronger promise (remote_apply) keeps it.
func durable(ctx context.Context, conn *pgx.Conn) error {
	var level string
	if err := conn.QueryRow(ctx, "SHOW synchronous_commit").Scan(&level); err != nil {
		return err
	}
	if level == "off" {
		_, err := conn.Exec(ctx, "SET synchronous_commit = on")
		return err
	}
	return nil
}

func (w *postgresWriter) query(ctx context.Context, text string, args ...any) (rows, error) {
	return w.conn.Query(ctx, text, args...)
}

func (w *postgresWriter) exec(ctx context.Context, text string) error {
	if text == "BEGIN" {
		text, w.fresh = "BEGIN ISOLATION LEVEL READ COMMITTED", true
	}
	tag, err := w.conn.Exec(ctx, text)
	if err == nil && text == "COMMIT" && tag.String() != "COMMIT" {
		return errors.New("the transaction had failed before: " + tag.String())
	}
	return err
}

func (w *postgresWriter) run(ctx context.Context, list []statement) ([]int64, error) {
	batch := &pgx.Batch{}
	first := w.fresh
	if first {
		batch.Queue(lockWait)
		w.fresh = false
	}
	for _, s := range list {
		batch.Queue(s.sql, s.args...)
	}
	results := w.conn.SendBatch(ctx, batch)
	affected, err := tags(results, batch.Len())
	if first && len(affected) > 0 {
		affected = affected[1:]
	}
	if closing := results.Close(); err == nil {
		err = closing
	}
	return affected, err
}

func tags(results pgx.BatchResults, n int) ([]int64, error) {
	affected := make([]int64, 0, n)
	for range n {
		tag, err := results.Exec()
		if err != nil {
			return affected, err
		}
		affected = append(affected, tag.RowsAffected())
	}
	return affected, nil
}

func (w *postgresWriter) alive() bool { return !w.conn.IsClosed() }

func (w *postgresWriter) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.conn.Close(ctx)
}

// trouble goes by SQLSTATE (PostgreSQL, appendix A).
func (e *postgresEngine) trouble(err error) trouble {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return stateTrouble(said.Code)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &connecting), errors.As(err, &network),
		strings.Contains(err.Error(), "conn closed"), strings.Contains(err.Error(), "closed pool"):
		return away
	}
	return broken
}

func stateTrouble(state string) trouble {
	switch state {
	case "23505": // unique_violation
		return taken
	case "40001", "40P01", "55P03": // serialization_failure, deadlock_detected, lock_not_available
		return crossed
	case "25006", "57P01", "57P02", "57P03", "57P05": // read-only; shutting down, crashed, starting, idle too long
		return away
	}
	switch state[:min(2, len(state))] {
	case "08", "53": // connection; no disk, memory or connections left
		return away
	}
	return broken
}

// listen wakes for every notification, whenever it has missed some, and each second besides.
func (e *postgresEngine) listen(ctx context.Context, wake func()) {
	go func() {
		for ctx.Err() == nil {
			if err := e.hear(ctx, wake); err != nil && ctx.Err() == nil {
				e.log.Warn("not told of events by PostgreSQL; polling", "error", err)
			}
			pause(ctx, pollEvery)
		}
	}()
	for ctx.Err() == nil {
		pause(ctx, pollEvery)
		wake()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hear listens on one connection until it is lost.
func (e *postgresEngine) hear(ctx context.Context, wake func()) error {
	conn, err := pgx.ConnectConfig(ctx, e.config.ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		wake()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
