package store_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

// callers is how many wait for a commit at once, for each processor.
const callers = 128

var engines = map[string]func(testing.TB, ...func(*store.Options)) *store.DB{
	"sqlite": storetest.SQLite, "postgres": storetest.Postgres,
}

func newToken(now time.Time) symbolon.Token {
	id := symbolon.NewTokenID()
	return symbolon.Token{
		Hash: symbolon.HashOf(string(id)), ID: id, Kind: symbolon.AccessToken, Client: "orders",
		Issued: now, Expires: now.Add(10 * time.Minute), Data: bytes.Repeat([]byte{0xa5}, 300),
	}
}

// One durable opaque token for each operation.
func BenchmarkIssueToken(b *testing.B) {
	for name, open := range engines {
		b.Run(name, func(b *testing.B) {
			commitBench(b, open(b), func(now time.Time) []symbolon.Change {
				return []symbolon.Change{symbolon.IssueToken{Token: newToken(now)}}
			})
		})
	}
}

// A change with its event, as every transition is.
func BenchmarkTransition(b *testing.B) {
	for name, open := range engines {
		b.Run(name, func(b *testing.B) {
			commitBench(b, open(b), func(now time.Time) []symbolon.Change {
				id := symbolon.NewTokenID()
				return []symbolon.Change{
					symbolon.Revoke{Revocation: symbolon.Revocation{Target: string(id), Until: now.Add(time.Hour)}},
					symbolon.Event{Type: symbolon.TokenRevoked, Actor: "usr_1", Token: id, Client: "orders", RequestID: "req_1"},
				}
			})
		})
	}
}

func commitBench(b *testing.B, db *store.DB, make func(time.Time) []symbolon.Change) {
	now := symbolon.Now()
	b.SetParallelism(callers)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := db.Commit(context.Background(), make(now)...); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func BenchmarkTokenByHash(b *testing.B) {
	for name, open := range engines {
		b.Run(name, func(b *testing.B) {
			db, now := open(b), symbolon.Now()
			hashes := make([]symbolon.Hash, 10_000)
			changes := make([]symbolon.Change, len(hashes))
			for i := range hashes {
				token := newToken(now)
				hashes[i], changes[i] = token.Hash, symbolon.IssueToken{Token: token}
			}
			if err := db.Commit(context.Background(), changes...); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := db.Token(context.Background(), hashes[i%len(hashes)]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
