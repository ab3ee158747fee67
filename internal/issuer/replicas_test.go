package issuer_test

import (
	"sync"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

// replicas are two issuers over one PostgreSQL database. They hear nothing of each other.
func replicas(t testing.TB) (here, there *world) {
	url, vault := storetest.PostgresURL(t), must(key.NewVault(key.NewMaster()))
	one := func() *world {
		w := &world{t: t, now: noon()}
		w.db = storetest.Open(t, url, storetest.Clock(w.clock), func(o *store.Options) {
			o.Committed = func(changes []symbolon.Change) {
				if w.Issuer != nil {
					w.Committed(changes)
				}
			}
		})
		w.furnish(vault, true)
		return w
	}
	here = one()
	here.declare(declared...)
	here.person()
	there = one()
	there.user = here.user
	return here, there
}

// S15, S20: what one replica issues the other opens; what one revokes is dead at the other as soon
// as the commit has returned, without any news having travelled.
func TestARevocationHoldsAtEveryReplicaAtOnce(t *testing.T) {
	here, there := replicas(t)
	var work sync.WaitGroup
	for kind := range 4 {
		for _, resource := range []string{"orders", "billing"} {
			work.Go(func() {
				for range 5 {
					issued := here.forPerson("portal", resource)
					if !there.active(issued.Raw) {
						t.Errorf("%s: the other replica does not know a new token", resource)
					}
					if err := revokeBy(here, kind, issued); err != nil {
						t.Error(err)
					}
					if there.active(issued.Raw) {
						t.Errorf("%s: way %d of revoking left it active at the other replica", resource, kind)
					}
				}
			})
		}
	}
	work.Wait()
}

// S11: no replica remembers who somebody was.
func TestAPersonIsTheSameAtEveryReplica(t *testing.T) {
	here, there := replicas(t)
	issued := here.forPerson("broker", "wiki")
	there.answer("broker", issued.Raw)
	here.user.Groups = []symbolon.GroupID{"banned"}
	here.check(here.db.Commit(ctx, symbolon.PutUser{User: *here.user}))
	if got := there.answer("broker", issued.Raw)["groups"].([]any); len(got) != 1 || got[0] != "banned" {
		t.Errorf("groups %v", got)
	}
	here.user.Disabled = true
	here.check(here.db.Commit(ctx, symbolon.PutUser{User: *here.user}))
	if there.active(issued.Raw) {
		t.Error("a disabled person's token is active at the other replica")
	}
}

// A client that is disabled at one replica is so at the other, before that has heard of it.
func TestADisabledClientIsDisabledEverywhere(t *testing.T) {
	here, there := replicas(t)
	for _, resource := range []string{"orders", "billing"} {
		issued := here.forPerson("portal", resource)
		here.declare(client("portal", func(c *symbolon.Client) { c.Disabled = true }))
		if there.active(issued.Raw) {
			t.Errorf("%s: active", resource)
		}
		here.declare(client("portal"))
		if there.active(issued.Raw) {
			t.Errorf("%s: active again", resource)
		}
	}
}
