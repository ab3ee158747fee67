package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

// childEnv turns the test binary into a process that commits until it is killed.
const childEnv = "SYMBOLON_STORE_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		child(url)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child prints the id of each token once its commit is acknowledged. Every second one is revoked
// in the same commit, which has an event.
func child(url string) {
	db, err := store.Open(context.Background(), store.Options{URL: url})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	var wait sync.WaitGroup
	for w := range 16 {
		wait.Go(func() {
			for {
				token := newToken(symbolon.Now())
				token.Hash = symbolon.HashOf(string(token.ID))
				changes := []symbolon.Change{symbolon.IssueToken{Token: token}}
				if w%2 == 0 {
					changes = append(changes, symbolon.Event{Type: symbolon.TokenRevoked, Token: token.ID},
						symbolon.Revoke{Revocation: symbolon.Revocation{Target: string(token.ID)}})
				}
				if err := db.Commit(context.Background(), changes...); err != nil {
					return
				}
				fmt.Println(token.ID)
			}
		})
	}
	wait.Wait()
}

// S20, S44: kill -9 at any moment loses nothing that was acknowledged, and leaves no half of a commit.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := url(t)
			var acknowledged []symbolon.TokenID
			for range 5 {
				acknowledged = append(acknowledged, killAfter(t, url, 1+rand.IntN(800))...)
				nothingIsLost(t, url, acknowledged)
			}
			t.Logf("%d commits acknowledged before five kills, all found", len(acknowledged))
		})
	}
}

// killAfter runs a child, kills it once it has acknowledged n, and returns all it acknowledged.
func killAfter(t *testing.T, url string, n int) []symbolon.TokenID {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []symbolon.TokenID
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // a line cut short was not acknowledged
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, symbolon.TokenID(line[:len(line)-1]))
		if len(ids) == n {
			_ = cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil || len(ids) < n {
		t.Fatalf("the child ended by itself after %d of %d", len(ids), n)
	}
	return ids
}

func nothingIsLost(t *testing.T, url string, acknowledged []symbolon.TokenID) {
	t.Helper()
	ctx, found := context.Background(), 0
	db, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range acknowledged {
		if _, err := db.Token(ctx, symbolon.HashOf(string(id))); err != nil {
			t.Errorf("%s was acknowledged and is lost: %v", id, err)
		}
	}
	var seq int64
	var chain symbolon.Hash
	for {
		events, err := db.EventsAfter(ctx, seq, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		if err := event.Verify(events, chain); err != nil || events[0].Seq != seq+1 {
			t.Fatalf("the log after %d: %v", seq, err)
		}
		for _, e := range events {
			if _, err := db.Token(ctx, symbolon.HashOf(string(e.Token))); err != nil {
				t.Errorf("half a commit: event %d without its token", e.Seq)
			}
			if marks, err := db.Revocations(ctx, string(e.Token)); err != nil || len(marks) != 1 {
				t.Errorf("half a commit: event %d without its revocation", e.Seq)
			}
		}
		seq, chain = events[len(events)-1].Seq, events[len(events)-1].Chain
		found += len(events)
	}
	if all, err := db.AllRevocations(ctx); err != nil || len(all) != found {
		t.Errorf("%d revocations for %d events: %v", len(all), found, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
