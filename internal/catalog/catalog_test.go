package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

const issuer = "https://id.example"

const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func open(t testing.TB) (*catalog.Catalog, *store.DB) {
	t.Helper()
	db := storetest.SQLite(t)
	return reopen(t, db), db
}

func reopen(t testing.TB, db *store.DB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(context.Background(), db, catalog.Options{Issuer: issuer, Clock: symbolon.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func edit(kind, id, doc string) catalog.Edit {
	return catalog.Edit{Kind: kind, ID: id, Doc: json.RawMessage(doc), Was: catalog.Whatever}
}

func put(t testing.TB, c *catalog.Catalog, edits ...catalog.Edit) {
	t.Helper()
	if err := c.Put(context.Background(), "root", "req_1", edits...); err != nil {
		t.Fatal(err)
	}
}

func confidential(id, more string) catalog.Edit {
	return edit(symbolon.KindClient, id, `{"client_id":"`+id+`","secrets":[{"sha256":"`+sum+`"}]`+more+`}`)
}

func rule(id, text string) catalog.Edit {
	doc, _ := json.Marshal(symbolon.Policy{ID: symbolon.PolicyID(id), Text: text})
	return edit(symbolon.KindPolicy, id, string(doc))
}

func kindOf(err error) symbolon.Kind {
	var known *symbolon.Error
	if !errors.As(err, &known) {
		return symbolon.Internal
	}
	return known.Kind
}

func eventsOf(t *testing.T, db *store.DB) []symbolon.Event {
	t.Helper()
	events, err := db.EventsAfter(context.Background(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestANewStoreBeginsWithEditablePolicies(t *testing.T) { // S3, S5
	c, db := open(t)
	objects, err := db.Objects(context.Background(), catalog.Kinds...)
	if err != nil || len(objects) != 5 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	before := len(eventsOf(t, db))
	if again := reopen(t, db); again.Current().Version != c.Current().Version || len(eventsOf(t, db)) != before {
		t.Error("opening again changes something")
	}
	for _, o := range objects {
		put(t, c, catalog.Edit{Kind: o.Kind, ID: o.ID, Delete: true, Was: o.Version})
	}
	if got := len(reopen(t, db).Current().Policy.Rules()); got != 0 {
		t.Errorf("%d policies came back", got)
	}
}

func TestSeededPoliciesPermitFewThings(t *testing.T) { // S2, S3, S5
	c, _ := open(t)
	put(t, c, confidential("edge", `,"broker":true`), confidential("orders", ""), confidential("billing", ""),
		confidential("ops", `,"groups":["administrators"]`),
		edit(symbolon.KindResource, "orders", `{"identifier":"https://orders.example","server":"orders"}`),
		edit(symbolon.KindResource, "billing", `{"identifier":"https://billing.example","server":"billing"}`),
		edit(symbolon.KindResource, "wiki", `{"identifier":"https://wiki.example","kind":"app","upstream":{"url":"http://127.0.0.1:1"}}`))
	s := c.Current()
	service := func(id symbolon.ClientID) policy.Entity {
		found, _ := s.Client(id)
		return s.ServiceEntity(found)
	}
	resource := func(id symbolon.ResourceID) policy.Entity {
		found, _ := s.Resource(id)
		return s.ResourceEntity(found)
	}
	ann := s.UserEntity(&symbolon.User{ID: "usr_ann"})
	root := s.UserEntity(&symbolon.User{ID: "usr_root", Groups: []symbolon.GroupID{"administrators"}})
	none := map[string]any{}
	login := func(acr symbolon.ACR) map[string]any { return map[string]any{"acr": acr, "auth_age": 5} }
	exchange := func(from string) map[string]any {
		return map[string]any{"subject_kind": "user", "subject": "usr_ann", "from": []string{from}, "level": 1}
	}
	authorize := map[string]any{"client": "orders", "acr": "phr"}
	web := map[string]any{"method": "GET", "path": "/", "client": "edge", "acr": "phr"}
	admin := policy.AdministrationOf
	cases := []struct {
		who    policy.Entity
		action string
		on     policy.Entity
		with   map[string]any
		want   policy.Effect
	}{
		{ann, "login", policy.Entity{UID: policy.UID{Type: policy.Service, ID: string(catalog.Account)}}, login("aal1"), policy.Allow},
		{ann, "login", service("orders"), login("phr"), policy.Deny},
		{ann, "access", resource("wiki"), web, policy.Deny},
		{ann, "authorize", resource("orders"), authorize, policy.Deny},
		{ann, "users.read", admin("users.read"), login("phr"), policy.Deny},
		{root, "users.write", admin("users.write"), login("phr"), policy.Allow},
		{root, "users.write", admin("users.write"), login("aal1"), policy.Challenge},
		{root, "access", resource("wiki"), web, policy.Deny},
		{service("ops"), "keys.rotate", admin("keys.rotate"), none, policy.Allow},
		{service("ops"), "declared.write", admin("declared.write"), none, policy.Allow},
		{service("ops"), "issue", resource("admin"), none, policy.Allow},
		{service("ops"), "issue", resource("orders"), none, policy.Deny},
		{service("orders"), "issue", resource("admin"), none, policy.Deny},
		{service("orders"), "issue", resource("billing"), none, policy.Deny},
		{service("orders"), "introspect", resource("orders"), none, policy.Allow},
		{service("orders"), "introspect", resource("billing"), none, policy.Deny},
		{service("orders"), "exchange", resource("orders"), exchange("orders"), policy.Allow},
		{service("orders"), "exchange", resource("billing"), exchange("orders"), policy.Deny}, // needs a policy that names billing
		{service("orders"), "exchange", resource("orders"), exchange("billing"), policy.Deny},
		{service("orders"), "exchange", resource("admin"), exchange("orders"), policy.Deny},
		{service("orders"), "snapshot.read", admin("snapshot.read"), none, policy.Deny},
		{service("orders"), "signals", admin("signals"), none, policy.Deny},
		{service("edge"), "introspect", resource("wiki"), none, policy.Allow},
		{service("edge"), "introspect", resource("orders"), none, policy.Deny},
		{service("edge"), "introspect", resource("admin"), none, policy.Deny},
		{service("edge"), "exchange", resource("wiki"), exchange("wiki"), policy.Allow},
		{service("edge"), "exchange", resource("wiki"), exchange("orders"), policy.Deny},
		{service("edge"), "exchange", resource("orders"), exchange("wiki"), policy.Deny},
		{service("edge"), "issue", resource("admin"), none, policy.Allow},
		{service("edge"), "issue", resource("signals"), none, policy.Allow},
		{service("edge"), "signals", admin("signals"), none, policy.Allow},
		{service("edge"), "snapshot.read", admin("snapshot.read"), none, policy.Allow},
		{service("edge"), "ledger.write", admin("ledger.write"), none, policy.Allow},
		{service("edge"), "users.read", admin("users.read"), none, policy.Deny},
		{service("edge"), "audit.read", admin("audit.read"), none, policy.Deny},
	}
	for _, q := range cases {
		got := s.Policy.Decide(policy.Request{Principal: q.who, Action: q.action, Resource: q.on, Context: q.with})
		if got.Effect != q.want {
			t.Errorf("%v %s %v: %s (%s), want %s", q.who.UID, q.action, q.on.UID, got.Effect, got.Reason, q.want)
		}
	}
}

func TestARefusedChangeLeavesNothingBehind(t *testing.T) { // S4
	c, db := open(t)
	before, events := c.Current(), len(eventsOf(t, db))
	err := c.Put(context.Background(), "root", "", confidential("good", ""), rule("broken", "permit (principal"))
	if kindOf(err) != symbolon.Invalid || !strings.Contains(err.Error(), "policy broken:1:") {
		t.Fatalf("got %v", err)
	}
	if c.Current() != before || len(eventsOf(t, db)) != events {
		t.Error("something changed")
	}
	if _, ok := reopen(t, db).Current().Client("good"); ok {
		t.Error("half of it was kept")
	}
}
