package store_test

import (
	"context"
	"sync/atomic"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

// S20: nobody who follows the events hears of a commit before the hook has.
func TestAnEventIsNotSeenBeforeTheHookKnowsOfIt(t *testing.T) {
	var known atomic.Int64
	db := storetest.SQLite(t, func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			for _, c := range changes {
				if e, ok := c.(symbolon.Event); ok {
					known.Store(e.Seq)
				}
			}
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	followed := make(chan int64)
	go func() {
		var last int64
		for ctx.Err() == nil {
			events, err := db.EventsAfter(context.Background(), last, 100)
			if err != nil {
				t.Error(err)
				break
			}
			for _, e := range events {
				if last = e.Seq; last > known.Load() {
					t.Errorf("event %d was seen when the hook knew of %d", last, known.Load())
				}
			}
		}
		followed <- last
	}()
	for range 300 {
		if err := db.Commit(context.Background(), symbolon.Event{Type: symbolon.KeyRotated}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if <-followed == 0 {
		t.Error("nothing was followed")
	}
}
