package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"symbolon.dev"
)

// postgresEngine reads through a pool; each lane and each watcher has a connection of its own.
type postgresEngine struct {
	config *pgxpool.Config
	pool   *pgxpool.Pool
	log    *slog.Logger
}

const (
	channel     = "symbolon_events" // what replicas NOTIFY each other on
	connectWait = 10 * time.Second
	pollEvery   = time.Second // for events, should a notification be lost
)

func openPostgres(ctx context.Context, url string, log *slog.Logger) (*postgresEngine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err // it hides the password itself
	}
	if err := mustEncrypt(config); err != nil {
		return nil, err
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = max(8, 2*int32(runtime.GOMAXPROCS(0)))
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectWait
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "symbolon"
	}
	e := &postgresEngine{config: config, log: log}
	if e.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := e.migrate(ctx); err != nil {
		e.pool.Close()
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return e, nil
}

// mustEncrypt refuses a connection over a network that is in the clear, or might become so.
func mustEncrypt(config *pgxpool.Config) error {
	c := config.ConnConfig
	clear := c.TLSConfig == nil && !local(c.Host)
	for _, f := range c.Fallbacks {
		clear = clear || f.TLSConfig == nil && !local(f.Host)
	}
	if clear {
		return symbolon.Errorf(symbolon.Invalid,
			"postgres: the way to %s is not encrypted; add sslmode=verify-full (and sslrootcert=FILE) to the URL", c.Host)
	}
	return nil
}

// local is a socket in the file system, or this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// migrate holds an advisory lock, so that replicas which start together do not both do it.
func (e *postgresEngine) migrate(ctx context.Context) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(e.pool)
	return errors.Join(migrate(ctx, db, goose.DialectPostgres, "postgres", goose.WithSessionLocker(locker)), db.Close())
}

func (e *postgresEngine) lanes() int { return 2 }

// headSQL locks the row: the next to append, of whatever replica, waits until this one's events
// are visible, and then sees their numbers.
func (e *postgresEngine) headSQL() string { return "SELECT seq, chain FROM event_head FOR UPDATE" }

// announce is one notification for a batch. PostgreSQL delivers it when the batch is visible.
func (e *postgresEngine) announce() []statement {
	return []statement{{sql: "SELECT pg_notify('" + channel + "', '')"}}
}

func (e *postgresEngine) query(ctx context.Context, text string, args ...any) (rows, error) {
	return e.pool.Query(ctx, text, args...)
}

func (e *postgresEngine) ping(ctx context.Context) error { return e.pool.Ping(ctx) }

func (e *postgresEngine) close() error {
	e.pool.Close()
	return nil
}
