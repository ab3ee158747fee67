package storetest

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/store"
)

// Run is the conformance suite. url makes an empty database and gives its URL; two stores on
// one URL are two replicas.
func Run(t *testing.T, url func(testing.TB) string) {
	for name, test := range map[string]func(*bench){
		"Users": users, "Credentials": credentials, "Consents": consents,
		"Sessions": sessions, "SessionLists": sessionLists, "Authorizations": authorizations,
		"Tokens": tokens, "Tickets": tickets, "Waiting": waiting, "Statuses": statuses, "Marks": marks, "Revocations": revocations, "Attempts": attempts,
		"Objects": objects, "Keys": keys, "Streams": streams,
		"Atomic": atomic, "OnlyTheGuiltyFail": onlyTheGuiltyFail, "Hook": hook, "Cancelled": cancelled, "Closing": closing,
		"HostileText": hostileText, "BrokenData": brokenData,
		"Events": events, "EventData": eventData, "EventSearch": eventSearch, "Watch": watch,
		"Ledger": ledger, "Sweep": sweep, "SweepBatches": sweepBatches,
		"SingleUse": singleUse, "LogOfTwoReplicas": logOfTwoReplicas, "CrossedLocks": crossedLocks, "ReadYourWrites": readYourWrites,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bench{T: t, url: url(t), now: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)}
			b.DB = b.open()
			test(b)
		})
	}
}

// SQLiteURL gives the URL of a database in a directory that goes away.
func SQLiteURL(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "symbolon.db")
}

// bench is one test's store, and its clock, which stands still.
type bench struct {
	*testing.T
	*store.DB
	url string
	now time.Time
}

func (b *bench) open(with ...func(*store.Options)) *store.DB {
	b.Helper()
	return Open(b.T, b.url, append(with, Clock(func() time.Time { return b.now }))...)
}

var ctx = context.Background()

func (b *bench) commit(changes ...symbolon.Change) {
	b.Helper()
	if err := b.Commit(ctx, changes...); err != nil {
		b.Fatalf("commit: %v", err)
	}
}

// refused commits what must fail with a kind.
func (b *bench) refused(kind symbolon.Kind, changes ...symbolon.Change) {
	b.Helper()
	b.fails(b.Commit(ctx, changes...), kind)
}

func (b *bench) fails(err error, kind symbolon.Kind) {
	b.Helper()
	if KindOf(err) != kind || err == nil {
		b.Fatalf("want an error of kind %d, got %v", kind, err)
	}
}

// KindOf is the kind of an error of the house; Internal for any other.
func KindOf(err error) symbolon.Kind {
	var e *symbolon.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return symbolon.Internal
}

// got checks what was read.
func got[T any](b *bench, want T) func(T, error) {
	return func(found T, err error) {
		b.Helper()
		if err != nil {
			b.Fatalf("read: %v", err)
		}
		if !reflect.DeepEqual(found, want) {
			b.Fatalf("\ngot  %+v\nwant %+v", found, want)
		}
	}
}

// none checks that there is nothing to read.
func none[T any](b *bench) func(*T, error) {
	return func(found *T, err error) {
		b.Helper()
		if found != nil {
			b.Fatalf("found %+v", found)
		}
		b.fails(err, symbolon.NotFound)
	}
}

func list[T any](items ...T) []T { return items }
