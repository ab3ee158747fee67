package ledger

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"symbolon.dev"
)

func fixed() time.Time { return time.Date(2026, 5, 4, 10, 30, 0, 0, time.UTC) }

// S3: every refusal is recorded, and a ledger that cannot be written loses none of them.
func TestEqualEntriesAreCountedAndAFailedBatchIsKept(t *testing.T) {
	var sent []symbolon.LedgerEntry
	fail := true
	l := New(func(_ context.Context, batch []symbolon.LedgerEntry) error {
		if fail {
			return errors.New("down")
		}
		sent = append(sent, batch...)
		return nil
	}, fixed, slog.New(slog.DiscardHandler))
	for i := range 5 {
		l.Add(symbolon.LedgerEntry{Kind: "access", Effect: "deny", Subject: "usr_1", Request: "req_" + strconv.Itoa(i)})
	}
	l.Add(symbolon.LedgerEntry{Kind: "access", Effect: "deny", Subject: "usr_2"})
	l.Flush(context.Background())
	fail = false
	l.Flush(context.Background())
	if len(sent) != 2 {
		t.Fatalf("sent %d entries, want 2", len(sent))
	}
	for _, e := range sent {
		if e.Subject == "usr_1" && (e.Count != 5 || e.Request != "req_4" || !e.Hour.Equal(fixed().Truncate(time.Hour))) {
			t.Errorf("%+v", e)
		}
	}
	l.Flush(context.Background())
	if len(sent) != 2 {
		t.Error("an empty batch was sent")
	}
}

// S44: a flood of distinct callers costs bounded memory, and is still counted.
func TestMemoryIsBounded(t *testing.T) {
	total := int64(0)
	l := New(func(_ context.Context, batch []symbolon.LedgerEntry) error {
		if len(batch) > maxDistinct+1 {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, e := range batch {
			total += e.Count
		}
		return nil
	}, fixed, slog.New(slog.DiscardHandler))
	for i := range 3 * maxDistinct {
		l.Add(symbolon.LedgerEntry{Kind: "access", Effect: "deny", Subject: strconv.Itoa(i)})
	}
	l.Flush(context.Background())
	if total != 3*maxDistinct {
		t.Errorf("counted %d of %d", total, 3*maxDistinct)
	}
}

func BenchmarkAdd(b *testing.B) {
	l := New(func(context.Context, []symbolon.LedgerEntry) error { return nil }, fixed, slog.New(slog.DiscardHandler))
	e := symbolon.LedgerEntry{Kind: "access", Effect: "allow", Subject: "usr_1", Client: "broker", Resource: "wiki", Action: "access", Policies: []string{"p"}, Version: "v"}
	b.ReportAllocs()
	for b.Loop() {
		l.Add(e)
	}
}

// A batch that waited is older than what was counted meanwhile; together they are one entry whose
// times are in order.
func TestAKeptBatchDoesNotTurnTimeAround(t *testing.T) {
	now, fail := fixed(), true
	var sent []symbolon.LedgerEntry
	var l *Ledger
	l = New(func(_ context.Context, batch []symbolon.LedgerEntry) error {
		if fail {
			fail, now = false, now.Add(time.Minute)
			l.Add(symbolon.LedgerEntry{Kind: "access", Effect: "deny", Request: "req_new"})
			return errors.New("down")
		}
		sent = batch
		return nil
	}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	l.Add(symbolon.LedgerEntry{Kind: "access", Effect: "deny", Request: "req_old"})
	l.Flush(context.Background())
	l.Flush(context.Background())
	if len(sent) != 1 || sent[0].Count != 2 || !sent[0].First.Equal(fixed()) || !sent[0].Last.Equal(now) || sent[0].Request != "req_new" {
		t.Errorf("%+v", sent)
	}
}
