package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

const iss = "https://id.example"

var ctx = context.Background()

// world is the API over the real rooms: a deployment with an operator who may do everything, an
// editor of policies alone, a broker, and people.
type world struct {
	t         *testing.T
	db        *store.DB
	catalog   *catalog.Catalog
	directory *directory.Directory
	sessions  *session.Sessions
	tokens    *issuer.Issuer
	handler   http.Handler
	now       atomic.Int64
	ledger    ledger
	log       bytes.Buffer
}

type ledger struct {
	mu      sync.Mutex
	entries []symbolon.LedgerEntry
}

func (l *ledger) Add(e symbolon.LedgerEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *ledger) last() symbolon.LedgerEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[len(l.entries)-1]
}

func (w *world) clock() time.Time     { return time.UnixMicro(w.now.Load()).UTC() }
func (w *world) pass(d time.Duration) { w.now.Add(d.Microseconds()) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.now.Store(time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC).UnixMicro())
	var hook func([]symbolon.Change)
	w.db = storetest.SQLite(t, storetest.Clock(w.clock), func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			if hook != nil {
				hook(changes)
			}
		}
	})
	vault := must(key.NewVault(key.NewMaster()))
	keys := must(key.Open(ctx, w.db, vault, key.Options{Algorithms: []string{"ES256"}, Clock: w.clock}))
	w.catalog = must(catalog.Open(ctx, w.db, catalog.Options{Issuer: iss, Clock: w.clock}))
	w.tokens = must(issuer.New(ctx, issuer.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Keys: keys, Vault: vault, Clock: w.clock, Ledger: &w.ledger}))
	hook = w.tokens.Committed
	w.directory = directory.New(w.db, w.clock)
	w.sessions = session.New(w.db, vault, session.Options{Lifetime: 24 * time.Hour, Idle: time.Hour, Secure: true, Clock: w.clock})
	log := slog.New(slog.NewJSONHandler(&w.log, nil))
	w.handler = admin.New(admin.Config{Issuer: iss, Version: "test", Door: &door.Door{Log: log}, Store: w.db, Catalog: w.catalog,
		Directory: w.directory, Sessions: w.sessions, Tokens: w.tokens, Keys: keys, Ledger: &w.ledger, Clock: w.clock, Log: log,
		Metrics: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "up 1\n") })}).Handler()
	w.furnish()
	return w
}

var secretHash = strings.Repeat("ab", 32)

func (w *world) furnish() {
	service := func(id string, groups ...symbolon.GroupID) catalog.Edit {
		return edit(symbolon.KindClient, id, symbolon.Client{ID: symbolon.ClientID(id), Groups: groups, GrantTypes: []string{"client_credentials"},
			Secrets: []symbolon.ClientSecret{{SHA256: secretHash}}})
	}
	w.check(w.catalog.Put(ctx, "test", "",
		edit(symbolon.KindGroup, "policy-editors", symbolon.Group{ID: "policy-editors"}),
		service("operator", "administrators"), service("editor", "policy-editors"), service("nobody"),
		edit(symbolon.KindClient, "broker", symbolon.Client{ID: "broker", Broker: true, Secrets: []symbolon.ClientSecret{{SHA256: secretHash}}}),
		edit(symbolon.KindResource, "wiki", symbolon.Resource{ID: "wiki", Identifier: "https://wiki.example", Kind: "app",
			Upstream: &symbolon.Upstream{URL: "http://127.0.0.1:1"}}),
		edit(symbolon.KindPolicy, "editors", symbolon.Policy{ID: "editors", Text: `
@id("editors-write-policies")
permit (principal in Group::"policy-editors", action in [Action::"policies.write", Action::"policies.read"], resource);`})))
	w.check(w.directory.Put(ctx, "test", "", symbolon.User{Login: "ada", Name: "Ada", Groups: []symbolon.GroupID{"administrators"}},
		symbolon.User{Login: "bob", Email: "bob@example.com"}))
}

func edit(kind, id string, doc any) catalog.Edit {
	return catalog.Edit{Kind: kind, ID: id, Doc: must(json.Marshal(doc)), Was: catalog.Whatever}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) user(login string) *symbolon.User {
	w.t.Helper()
	user, err := w.directory.ByLogin(ctx, login)
	w.check(err)
	return user
}

func (w *world) client(id symbolon.ClientID) *symbolon.Client {
	w.t.Helper()
	client, ok := w.catalog.Current().Client(id)
	if !ok {
		w.t.Fatalf("no client %s", id)
	}
	return client
}

func (w *world) issue(m issuer.Mint) string {
	w.t.Helper()
	issued, changes, err := w.tokens.Issue(ctx, m)
	w.check(err)
	w.check(w.db.Commit(ctx, changes...))
	return issued.Raw.Reveal()
}

// service is a token of a client for a resource, the admin API unless said otherwise.
func (w *world) service(id symbolon.ClientID, resource ...symbolon.ResourceID) string {
	w.t.Helper()
	return w.issue(issuer.Mint{Client: w.client(id), Resource: w.resource(append(resource, "admin")[0]), Scopes: []string{"admin"}})
}

// person is a token for the admin API of somebody who is signed in at a strength.
func (w *world) person(login string, acr symbolon.ACR) string {
	w.t.Helper()
	now := w.clock()
	given := symbolon.Authorization{ID: symbolon.NewAuthorizationID(), User: w.user(login).ID, Client: "operator", Session: w.signIn(login),
		ACR: acr, AMR: []string{"pwd"}, AuthTime: now, Created: now, Expires: now.Add(time.Hour)}
	w.check(w.db.Commit(ctx, symbolon.PutAuthorization{Authorization: given}))
	return w.issue(issuer.Mint{Client: w.client("operator"), Resource: w.resource("admin"), Scopes: []string{"admin"}, Authorization: &given})
}

func (w *world) signIn(login string) symbolon.SessionID {
	w.t.Helper()
	started, err := w.sessions.Start(ctx, httptest.NewRecorder(), session.Login{User: w.user(login).ID, Factors: []authn.Factor{{Method: authn.MethodPassword}}})
	w.check(err)
	return started.ID
}

func (w *world) resource(id symbolon.ResourceID) *symbolon.Resource {
	w.t.Helper()
	resource, ok := w.catalog.Current().Resource(id)
	if !ok {
		w.t.Fatalf("no resource %s", id)
	}
	return resource
}

// reply is an answer, read.
type reply struct {
	t    *testing.T
	what string
	*httptest.ResponseRecorder
}

// call sends a request; headers are "Name: value".
func (w *world) call(token, method, path string, body any, headers ...string) reply {
	w.t.Helper()
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(b)
	default:
		payload = bytes.NewReader(must(json.Marshal(b)))
	}
	r := httptest.NewRequest(method, iss+admin.Prefix+path, payload)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	out := reply{w.t, method + " " + path, httptest.NewRecorder()}
	w.handler.ServeHTTP(out.ResponseRecorder, r)
	return out
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.Code != status {
		r.t.Fatalf("%s: %d, want %d\n%s", r.what, r.Code, status, r.Body)
	}
	return r
}

func (r reply) into(value any) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body.Bytes(), value); err != nil {
		r.t.Fatalf("%s: %v\n%s", r.what, err, r.Body)
	}
}

// problem reads a refusal and holds it to what every one must have.
func (r reply) problem(status int) admin.Problem {
	r.t.Helper()
	r.want(status)
	var p admin.Problem
	r.into(&p)
	if r.Header().Get("Content-Type") != "application/problem+json" || p.Status != status || p.Title == "" ||
		p.RequestID == "" || p.RequestID != r.Header().Get(door.RequestIDHeader) {
		r.t.Errorf("%s: not a whole problem: %s\n%v", r.what, r.Body, r.Header())
	}
	return p
}

func (w *world) events(types ...symbolon.EventType) []symbolon.Event {
	w.t.Helper()
	found, err := w.db.SearchEvents(ctx, symbolon.EventQuery{Types: types, Limit: 1000})
	w.check(err)
	return found
}
