package issuer_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

const iss = "https://id.example"

var ctx = context.Background()

// world is an issuer over a real store, with a small company in its catalog: the app wiki behind
// a broker, the services orders and billing, and the client portal that people log in to.
type world struct {
	*issuer.Issuer
	t       testing.TB
	db      *store.DB
	catalog *catalog.Catalog
	ring    *key.Ring
	vault   *key.Vault
	now     *atomic.Int64
	ledger  *ledger
	user    *symbolon.User
}

// ledger counts entries.
type ledger struct{ entries atomic.Int64 }

func (l *ledger) Add(symbolon.LedgerEntry) { l.entries.Add(1) }

func (w *world) clock() time.Time     { return time.UnixMicro(w.now.Load()).UTC() }
func (w *world) pass(d time.Duration) { w.now.Add(d.Microseconds()) }

var declared = []any{
	&symbolon.Organisation{ID: "acme"}, &symbolon.Group{ID: "engineers"}, &symbolon.Group{ID: "banned"},
	client("broker", func(c *symbolon.Client) { c.Broker = true }),
	client("orders", func(c *symbolon.Client) { c.Organisation = "acme" }),
	client("billing"),
	client("portal"),
	client("stranger"),
	&symbolon.Resource{ID: "wiki", Identifier: "https://wiki.example", Kind: "app", Scopes: scopes("read", "write"),
		Upstream: &symbolon.Upstream{URL: "http://127.0.0.1:1"}},
	&symbolon.Resource{ID: "orders", Identifier: "https://orders.example", Server: "orders", Scopes: scopes("read", "write", "ship"),
		Token: symbolon.TokenRule{Claims: []string{"department", "login", "office"}}, Upstream: &symbolon.Upstream{URL: "http://127.0.0.1:2"}},
	&symbolon.Resource{ID: "billing", Identifier: "https://billing.example", Server: "billing", Scopes: scopes("read", "pay"),
		Token:    symbolon.TokenRule{Format: "jwt", Lifetime: symbolon.Duration(3 * time.Minute), Claims: []string{"employment"}},
		Upstream: &symbolon.Upstream{URL: "http://127.0.0.1:3"}},
	&symbolon.Resource{ID: "vault", Identifier: "https://vault.example", Server: "billing", Scopes: scopes("read")},
	&symbolon.Policy{ID: "sample", Text: `
		@id("orders-may-ask-billing")
		permit(principal == Service::"orders", action == Action::"exchange", resource == Resource::"billing");
		@id("orders-may-narrow")
		permit(principal == Service::"orders", action == Action::"exchange", resource == Resource::"orders");
		@id("no-wiki-for-the-banned")
		forbid(principal, action == Action::"exchange", resource) when { context.subject_groups.contains("banned") };`},
}

// client is one with a secret.
func client(id symbolon.ClientID, with ...func(*symbolon.Client)) *symbolon.Client {
	c := &symbolon.Client{ID: id, Secrets: []symbolon.ClientSecret{{SHA256: strings.Repeat("ab", 32)}}}
	for _, change := range with {
		change(c)
	}
	return c
}

func scopes(names ...string) []symbolon.Scope {
	out := make([]symbolon.Scope, len(names))
	for n, name := range names {
		out[n].Name = name
	}
	return out
}

func noon() *atomic.Int64 {
	now := new(atomic.Int64)
	now.Store(time.Date(2026, 3, 1, 12, 0, 0, 700_000_000, time.UTC).UnixMicro())
	return now
}

// newWorld stands on SQLite, alone.
func newWorld(t testing.TB) *world {
	w := &world{t: t, now: noon()}
	var hook func([]symbolon.Change)
	w.db = storetest.SQLite(t, storetest.Clock(w.clock), func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			if hook != nil {
				hook(changes)
			}
		}
	})
	w.furnish(must(key.NewVault(key.NewMaster())), false)
	hook = w.Committed
	w.declare(declared...)
	w.person()
	return w
}

// furnish builds an issuer over w.db.
func (w *world) furnish(vault *key.Vault, shared bool) {
	w.vault, w.ledger = vault, new(ledger)
	w.ring = must(key.Open(ctx, w.db, vault, key.Options{Algorithms: []string{token.ES256}, Clock: w.clock}))
	w.catalog = must(catalog.Open(ctx, w.db, catalog.Options{Issuer: iss, Clock: w.clock}))
	w.Issuer = must(issuer.New(ctx, issuer.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Keys: w.ring, Vault: vault,
		Clock: w.clock, Shared: shared, Ledger: w.ledger}))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// declare puts objects into the catalog, whatever is there.
func (w *world) declare(objects ...any) {
	w.t.Helper()
	edits := make([]catalog.Edit, 0, len(objects))
	for _, object := range objects {
		edit := catalog.Edit{Doc: must(json.Marshal(object)), Was: -1}
		switch o := object.(type) {
		case *symbolon.Client:
			edit.Kind, edit.ID = symbolon.KindClient, string(o.ID)
		case *symbolon.Resource:
			edit.Kind, edit.ID = symbolon.KindResource, string(o.ID)
		case *symbolon.Policy:
			edit.Kind, edit.ID = symbolon.KindPolicy, string(o.ID)
		case *symbolon.Group:
			edit.Kind, edit.ID = symbolon.KindGroup, string(o.ID)
		case *symbolon.Organisation:
			edit.Kind, edit.ID = symbolon.KindOrganisation, string(o.ID)
		}
		edits = append(edits, edit)
	}
	w.check(w.catalog.Put(ctx, "test", "", edits...))
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) person() {
	now := w.clock()
	w.user = &symbolon.User{ID: symbolon.NewUserID(), Login: "ada", Name: "Ada L.", Email: "ada@example.com", Organisation: "acme",
		Department: "engines", Employment: "employee", Groups: []symbolon.GroupID{"engineers"}, Created: now, Updated: now,
		Attributes: map[string]symbolon.Attribute{
			"office": {Value: "B12"}, "secret": {Value: "never asked for"}, "sub": {Value: "somebody else"}, "active": {Value: true}, "ancestors": {Value: "none"},
		}}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
}

func (w *world) client(id symbolon.ClientID) *symbolon.Client {
	w.t.Helper()
	c, ok := w.catalog.Current().Client(id)
	if !ok {
		w.t.Fatalf("no client %s", id)
	}
	return c
}

func (w *world) resource(id string) *symbolon.Resource {
	w.t.Helper()
	r, ok := w.catalog.Current().ByIdentifier("https://" + id + ".example")
	if !ok {
		w.t.Fatalf("no resource %s", id)
	}
	return r
}

// authorize is a login of the person at a client.
func (w *world) authorize(client symbolon.ClientID) *symbolon.Authorization {
	now := w.clock()
	given := &symbolon.Authorization{ID: symbolon.NewAuthorizationID(), User: w.user.ID, Client: client, Session: symbolon.NewSessionID(),
		ACR: symbolon.ACRPhishing, AMR: []string{"hwk", "user"}, AuthTime: now.Add(-time.Minute).Truncate(time.Second), Created: now, Expires: now.Add(24 * time.Hour)}
	w.check(w.db.Commit(ctx, symbolon.PutAuthorization{Authorization: *given}))
	return given
}

// issue mints and commits.
func (w *world) issue(m issuer.Mint) issuer.Issued {
	w.t.Helper()
	issued, changes, err := w.Issue(ctx, m)
	w.check(err)
	if len(changes) > 0 {
		w.check(w.db.Commit(ctx, changes...))
	}
	return issued
}

// forPerson is a token of the person for a resource, held by a client.
func (w *world) forPerson(client symbolon.ClientID, resource string, scopes ...string) issuer.Issued {
	w.t.Helper()
	return w.issue(issuer.Mint{Client: w.client(client), Resource: w.resource(resource), Scopes: scopes, Authorization: w.authorize(client)})
}

// forService is a token of a client for itself.
func (w *world) forService(client symbolon.ClientID, resource string, scopes ...string) issuer.Issued {
	w.t.Helper()
	return w.issue(issuer.Mint{Client: w.client(client), Resource: w.resource(resource), Scopes: scopes})
}

// active asks as the broker, who may ask about everything.
func (w *world) active(raw symbolon.Secret) bool {
	w.t.Helper()
	answer, err := w.Introspect(ctx, w.client("broker"), raw.Reveal())
	w.check(err)
	return answer.Active
}
