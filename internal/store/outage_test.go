package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"symbolon.dev"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

// S44: when PostgreSQL drops every connection, again and again, each answer is still true, and the
// store goes on by itself.
func TestPostgresDropsConnections(t *testing.T) {
	url := storetest.PostgresURL(t)
	db := storetest.Open(t, url)
	ctx, stop := context.WithCancel(context.Background())
	woken := make(chan struct{}, 1)
	watching := make(chan error, 1)
	go func() {
		watching <- db.Watch(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()

	admin, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	answers := map[symbolon.Hash]error{}
	for w := range 16 {
		wait.Go(func() {
			for range 60 {
				token := newToken(symbolon.Now())
				changes := []symbolon.Change{symbolon.IssueToken{Token: token}}
				if w%2 == 0 {
					changes = append(changes, symbolon.Event{Type: symbolon.TokenRevoked, Token: token.ID})
				}
				err := db.Commit(ctx, changes...)
				mu.Lock()
				answers[token.Hash] = err
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	for running := true; running; {
		_, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			running = false
		default:
		}
	}
	lost, unknown := 0, 0
	for hash, answer := range answers {
		_, missing := found(db, hash)
		switch {
		case answer == nil && missing != nil:
			t.Errorf("acknowledged and lost: %v", missing)
		case answer == nil:
		case storetest.KindOf(answer) != symbolon.Unavailable:
			t.Errorf("answered %v", answer)
		case unknownOutcome(answer):
			unknown++
		default:
			lost++
			if missing == nil {
				t.Errorf("there, although answered %v", answer)
			}
		}
	}
	t.Logf("%d commits, %d refused, %d of unknown outcome", len(answers), lost, unknown)

	if err := db.Commit(ctx, symbolon.Event{Type: symbolon.LoginFailed}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := admin.Close(ctx); err != nil {
		t.Error(err)
	}
	<-woken
	stop()
	if err := <-watching; err != nil {
		t.Error(err)
	}
}

// found reads a token; a connection that was dropped while idle may cost a try or two.
func found(db *store.DB, hash symbolon.Hash) (token *symbolon.Token, err error) {
	for range 50 {
		if token, err = db.Token(context.Background(), hash); err == nil || storetest.KindOf(err) == symbolon.NotFound {
			break
		}
	}
	return token, err
}

// Somebody who holds a row from outside delays only those who need it.
func TestPostgresHeldRow(t *testing.T) {
	url := storetest.PostgresURL(t)
	db, ctx := storetest.Open(t, url), context.Background()
	held, free := newToken(symbolon.Now()), newToken(symbolon.Now())
	if err := db.Commit(ctx, symbolon.IssueToken{Token: held}, symbolon.IssueToken{Token: free}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "SELECT 1 FROM tokens WHERE hash = $1 FOR UPDATE", held.Hash[:]); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() { answer <- db.Commit(ctx, symbolon.UseToken{Hash: held.Hash, At: time.Now()}) }()
	for range 20 { // some of them in one batch with it, some behind it
		if err := db.Commit(ctx, symbolon.IssueToken{Token: newToken(symbolon.Now())}); err != nil {
			t.Error(err)
		}
	}
	if err := db.Commit(ctx, symbolon.UseToken{Hash: free.Hash, At: time.Now()}); err != nil {
		t.Error(err)
	}
	select {
	case err := <-answer:
		t.Errorf("answered while the row was held: %v", err)
	default:
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("once the row was free: %v", err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Error(err)
	}
}

// S3, S44: a store that fails says so; it never says that something is not there.
func TestBrokenTableIsNotAnAbsentRow(t *testing.T) {
	db, ctx := storetest.SQLite(t), context.Background()
	token := newToken(symbolon.Now())
	if err := db.Commit(ctx, symbolon.IssueToken{Token: token}); err != nil {
		t.Fatal(err)
	}
	mend := storetest.Break(t, db, "tokens")
	for name, err := range map[string]error{
		"read":   second(db.Token(ctx, token.Hash)),
		"write":  db.Commit(ctx, symbolon.UseToken{Hash: token.Hash}),
		"shared": db.Commit(ctx, symbolon.Attempt{Key: "x", Expires: symbolon.Now().Add(time.Hour)}, symbolon.UseToken{Hash: token.Hash}),
	} {
		if err == nil || storetest.KindOf(err) != symbolon.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	mend()
	if n, err := db.Attempts(ctx, "x"); n != 0 || err != nil {
		t.Errorf("half a commit stayed: %d, %v", n, err)
	}
	if err := db.Commit(ctx, symbolon.UseToken{Hash: token.Hash, At: symbolon.Now()}); err != nil {
		t.Errorf("mended: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// A test of another room can make the next commit fail.
func TestFaulty(t *testing.T) {
	faulty, ctx := storetest.Faulty{DB: storetest.SQLite(t)}, context.Background()
	want := fmt.Errorf("as told")
	faulty.FailNext(want)
	if err := faulty.Commit(ctx, symbolon.ClearAttempts{Key: "x"}); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	if err := faulty.Commit(ctx, symbolon.ClearAttempts{Key: "x"}); err != nil {
		t.Errorf("got %v", err)
	}
}

func unknownOutcome(err error) bool {
	var known *symbolon.Error
	return errors.As(err, &known) && known.Code == "outcome_unknown"
}
