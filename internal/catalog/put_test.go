package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/store/storetest"
)

func told(events []symbolon.Event) []string {
	var list []string
	for _, e := range events {
		list = append(list, fmt.Sprint(e.Type, " ", e.Data["kind"], " ", e.Data["id"], " ", e.Client, e.Resource))
	}
	return list
}

func TestAChangeIsOneTransactionWithItsNews(t *testing.T) { // S4, S20
	c, db := open(t)
	before := len(eventsOf(t, db))
	put(t, c, neighbours()...)
	news := eventsOf(t, db)[before:]
	want := []string{"object.changed organisation acme ", "object.changed group staff ", "object.changed group finance ",
		"object.changed client orders orders", "object.changed resource orders orders"}
	if got := told(news); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, e := range news {
		if e.Actor != "root" || e.RequestID != "req_1" || e.ID == "" || e.At.IsZero() || fmt.Sprint(e.Data["version"]) != "1" {
			t.Errorf("got %+v", e)
		}
	}
	version := c.Current().Version
	put(t, c, neighbours()...) // as it is already
	if got := len(eventsOf(t, db)); got != before+len(want) || c.Current().Version != version {
		t.Error("an edit that changes nothing leaves a trace")
	}
}

func TestAClientThatIsTurnedOffLosesWhatItHas(t *testing.T) { // S20, S21
	ctx := context.Background()
	c, db := open(t)
	put(t, c, confidential("a", ""), confidential("b", ""), confidential("c", `,"disabled":true`))
	before := len(eventsOf(t, db))
	put(t, c, confidential("a", `,"disabled":true`), catalog.Edit{Kind: symbolon.KindClient, ID: "b", Delete: true, Was: 1},
		confidential("c", `,"disabled":true,"client_name":"C"`))
	var off []string
	for _, e := range eventsOf(t, db)[before:] {
		if e.Type == symbolon.ClientDisabled {
			off = append(off, string(e.Client))
		}
	}
	slices.Sort(off)
	if strings.Join(off, "") != "ab" {
		t.Errorf("turned off: %v", off)
	}
	marks, err := db.Revocations(ctx, "a", "b", "c")
	if err != nil || len(marks) != 2 {
		t.Fatalf("got %v, %v", marks, err)
	}
	for _, mark := range marks {
		if mark.Before.IsZero() || !mark.Until.After(mark.Before) {
			t.Errorf("what comes after %s is on again must live: %+v", mark.Target, mark)
		}
	}
	if _, ok := c.Current().Client("b"); ok {
		t.Error("b is still there")
	}
}

func TestAnEditOfAnotherVersionIsAConflict(t *testing.T) { // S15
	ctx := context.Background()
	c, _ := open(t)
	put(t, c, confidential("a", ""))
	fresh := confidential("a", `,"client_name":"A"`)
	for was, want := range map[int64]symbolon.Kind{0: symbolon.Conflict, 2: symbolon.Conflict} {
		fresh.Was = was
		if err := c.Put(ctx, "root", "", fresh); kindOf(err) != want {
			t.Errorf("was %d: got %v", was, err)
		}
	}
	fresh.Was = 1
	put(t, c, fresh)
	if err := c.Put(ctx, "root", "", catalog.Edit{Kind: "client", ID: "a", Delete: true, Was: 1}); kindOf(err) != symbolon.Conflict {
		t.Errorf("a deletion of an old version: %v", err)
	}
	if err := c.Put(ctx, "root", "", catalog.Edit{Kind: "client", ID: "nobody", Delete: true, Was: catalog.Whatever}); kindOf(err) != symbolon.NotFound {
		t.Errorf("a deletion of nothing: %v", err)
	}
	if err := c.Put(ctx, "root", "", confidential("z", ""), confidential("z", "")); kindOf(err) != symbolon.Invalid {
		t.Errorf("two edits of one thing: %v", err)
	}
}

// Two replicas whose changes exclude each other: one of them is told so.
func TestReplicasCannotBreakTheCatalogTogether(t *testing.T) { // S15
	ctx := context.Background()
	for range 10 {
		db := storetest.SQLite(t)
		one, two := reopen(t, db), reopen(t, db)
		put(t, one, edit(symbolon.KindGroup, "staff", `{}`))
		var wait sync.WaitGroup
		var errs [2]error
		wait.Go(func() {
			errs[0] = one.Put(ctx, "one", "", catalog.Edit{Kind: "group", ID: "staff", Delete: true, Was: catalog.Whatever})
		})
		wait.Go(func() {
			errs[1] = two.Put(ctx, "two", "", rule("p", `permit (principal in Group::"staff", action == Action::"access", resource);`))
		})
		wait.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("one must win: %v, %v", errs[0], errs[1])
		}
		for _, c := range []*catalog.Catalog{one, two, reopen(t, db)} {
			if err := c.Reload(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if one.Current().Version != two.Current().Version {
			t.Error("the replicas differ")
		}
	}
}

// Changes that do not touch each other all pass, from however many replicas.
func TestIndependentChangesAllPass(t *testing.T) { // S15
	db := storetest.SQLite(t)
	replicas := []*catalog.Catalog{reopen(t, db), reopen(t, db), reopen(t, db)}
	var wait sync.WaitGroup
	for i := range 9 {
		wait.Go(func() {
			err := replicas[i%3].Put(context.Background(), "root", "", confidential(fmt.Sprint("c", i), ""))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := len(reopen(t, db).Current().Clients()); got != 9 {
		t.Errorf("%d clients", got)
	}
}

// counted counts what is read.
type counted struct {
	catalog.Store
	objects int
}

func (c *counted) Objects(ctx context.Context, kinds ...string) ([]symbolon.Object, error) {
	found, err := c.Store.Objects(ctx, kinds...)
	c.objects += len(found)
	return found, err
}

func TestReloadingWhatIsUnchangedIsCheap(t *testing.T) { // S15
	ctx := context.Background()
	_, db := open(t)
	store := &counted{Store: db}
	c, err := catalog.Open(ctx, store, catalog.Options{Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	store.objects = 0
	now := c.Current()
	if err := c.Reload(ctx); err != nil || store.objects != 1 || c.Current() != now {
		t.Errorf("%d objects read, %v", store.objects, err)
	}
	put(t, reopen(t, db), confidential("a", ""))
	if err := c.Reload(ctx); err != nil || c.Current() == now {
		t.Errorf("the change of another replica is not seen: %v", err)
	}
}

func TestABrokenStoreKeepsTheLastSnapshot(t *testing.T) { // S3, S44
	ctx := context.Background()
	c, db := open(t)
	now := c.Current()
	mend := storetest.Break(t, db, "objects")
	if err := c.Reload(ctx); err == nil {
		t.Error("a broken store reloads")
	}
	if err := c.Put(ctx, "root", "", confidential("a", "")); err == nil {
		t.Error("a broken store takes a change")
	}
	mend()
	if c.Current() != now {
		t.Error("the snapshot in force is gone")
	}
	faulty := &storetest.Faulty{DB: db}
	c, err := catalog.Open(ctx, faulty, catalog.Options{Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	faulty.FailNext(symbolon.Errorf(symbolon.Unavailable, "disk full"))
	if err := c.Put(ctx, "root", "", confidential("a", "")); kindOf(err) != symbolon.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, ok := c.Current().Client("a"); ok {
		t.Error("what was not committed is in force")
	}
}
