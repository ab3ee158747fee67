package broker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/grant"
	issuing "symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/signals"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

// world is a real issuer over a real store, a broker that knows it by HTTP alone, and small
// applications behind the broker.
type world struct {
	t        testing.TB
	db       *store.DB
	catalog  *catalog.Catalog
	sessions *session.Sessions
	tokens   *issuing.Issuer
	id       *httptest.Server // the issuer
	down     atomic.Bool      // of the issuer
	ahead    atomic.Int64     // nanoseconds that the clock runs ahead of the world's
	b        *Broker
	front    *httptest.Server // the broker
	apps     map[string]*app
	ada      symbolon.User

	mu     sync.Mutex
	ledger []symbolon.LedgerEntry
}

// app is a small upstream that remembers what reached it.
type app struct {
	listener net.Listener
	accepted atomic.Int64
	serve    atomic.Pointer[http.HandlerFunc]

	mu   sync.Mutex
	last *http.Request
}

func (a *app) Accept() (net.Conn, error) {
	conn, err := a.listener.Accept()
	if err == nil {
		a.accepted.Add(1)
	}
	return conn, err
}
func (a *app) Close() error   { return a.listener.Close() }
func (a *app) Addr() net.Addr { return a.listener.Addr() }

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.last = r.Clone(context.Background())
	a.mu.Unlock()
	if serve := a.serve.Load(); serve != nil {
		(*serve)(w, r)
		return
	}
	_, _ = io.WriteString(w, "here is "+r.Host)
}

func (a *app) seen() *http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

const (
	wiki, payroll, orders, billing = "http://wiki.localhost", "http://payroll.localhost", "http://orders.localhost", "http://billing.localhost/v1"
	testSecret                     = "symk_a-secret-that-is-only-for-tests-0123456789"
)

var names = []string{"wiki", "payroll", "orders", "billing"}

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

func (w *world) clock() time.Time {
	return symbolon.Now().Add(time.Duration(w.ahead.Load()))
}

// pass lets time go by for everybody.
func (w *world) pass(d time.Duration) { w.ahead.Add(int64(d)) }

func newWorld(t testing.TB) *world {
	w := &world{t: t, apps: map[string]*app{}}
	ctx, stop := context.WithCancel(context.Background())
	w.id = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	iss := "http://" + w.id.Listener.Addr().String()
	w.startApps()
	w.issuer(ctx, iss)
	w.b = must(New(Config{Issuer: iss, ClientID: "broker", Secret: symbolon.NewSecret(testSecret), Clock: w.clock, Log: w.log()}))
	w.front = httptest.NewServer(w.b.Handler())
	var running sync.WaitGroup
	running.Go(func() { _ = w.b.Run(ctx) })
	t.Cleanup(func() {
		w.front.CloseClientConnections()
		stop()
		running.Wait()
		w.front.Close()
		w.id.CloseClientConnections()
		w.id.Close()
	})
	w.until("the broker is ready", func() bool { return w.b.Ready() == nil })
	return w
}

func (w *world) log() *slog.Logger { return slog.New(slog.NewTextHandler(w.t.Output(), nil)) }

// until waits for what another goroutine does on its own time.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (w *world) startApps() {
	for _, name := range names {
		a := &app{listener: must(net.Listen("tcp", "127.0.0.1:0"))}
		server := &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(a) }()
		w.t.Cleanup(func() { _ = server.Close() })
		w.apps[name] = a
	}
}

func (w *world) issuer(ctx context.Context, iss string) {
	w.db = storetest.SQLite(w.t, storetest.Clock(w.clock), func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			if w.tokens != nil {
				w.tokens.Committed(changes)
			}
		}
	})
	vault := must(key.NewVault(key.NewMaster()))
	ring := must(key.Open(ctx, w.db, vault, key.Options{Algorithms: []string{token.ES256}, Clock: w.clock}))
	w.catalog = must(catalog.Open(ctx, w.db, catalog.Options{Issuer: iss, Clock: w.clock}))
	w.tokens = must(issuing.New(ctx, issuing.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Keys: ring, Vault: vault, Clock: w.clock}))
	w.sessions = session.New(w.db, vault, session.Options{Clock: w.clock})
	w.declare()
	events := event.New(w.db, w.log())
	w.check(events.Open(ctx))
	go func() { _ = events.Run(ctx) }()
	d := &door.Door{Log: slog.New(slog.DiscardHandler)}
	standard := oauth.Handler(oauth.Config{Issuer: iss, Door: d, Catalog: w.catalog,
		Clients:  client.New(func() client.Clients { return w.catalog.Current() }, w.clock),
		Sessions: w.sessions, Tokens: w.tokens, Keys: ring, Vault: vault, Consents: w.db, Clock: w.clock,
		Grants: grant.New(grant.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Tokens: w.tokens, Vault: vault, Clock: w.clock})})
	feed := signals.New(signals.Config{Issuer: iss, Store: w.db, Log: events, Bearer: w.tokens.Bearer, Catalog: w.catalog.Current, Door: d,
		Signer: func() (token.Signer, error) { return ring.Signer(token.ES256) }, Clock: w.clock, Hold: 200 * time.Millisecond}).Handler()
	mux := http.NewServeMux()
	mux.Handle("/", standard)
	mux.Handle("/.well-known/ssf-configuration", feed)
	mux.Handle("/ssf/", feed)
	mux.HandleFunc("GET /admin/v1/snapshot", w.snapshot)
	mux.HandleFunc("POST /admin/v1/ledger", w.report)
	w.id.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(rw, r)
	})
	w.id.Config.ErrorLog = discard
	w.id.Start()
	w.ada = symbolon.User{ID: symbolon.NewUserID(), Login: "ada", Groups: []symbolon.GroupID{"staff"}, Department: "lab", Created: w.clock(), Updated: w.clock()}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: w.ada}))
}

// snapshot and report are the two pages of the admin API that a broker needs.
func (w *world) snapshot(rw http.ResponseWriter, r *http.Request) {
	if _, err := w.tokens.Bearer(r.Context(), r, w.id.URL+"/admin", "snapshot"); err != nil {
		http.Error(rw, err.Error(), http.StatusUnauthorized)
		return
	}
	if err := w.catalog.Reload(r.Context()); err != nil { // as the admin API does
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	now := w.catalog.Current()
	tag := `"` + now.Version + `"`
	rw.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	_ = json.NewEncoder(rw).Encode(now.Export())
}

func (w *world) report(rw http.ResponseWriter, r *http.Request) {
	var batch struct{ Entries []symbolon.LedgerEntry }
	_, err := w.tokens.Bearer(r.Context(), r, w.id.URL+"/admin", "ledger")
	if err != nil || json.NewDecoder(r.Body).Decode(&batch) != nil {
		http.Error(rw, "no", http.StatusUnauthorized)
		return
	}
	w.mu.Lock()
	w.ledger = append(w.ledger, batch.Entries...)
	w.mu.Unlock()
}

func edit(kind, id string, doc any) catalog.Edit {
	return catalog.Edit{Kind: kind, ID: id, Doc: must(json.Marshal(doc)), Was: -1}
}

func (w *world) put(kind, id string, doc any) {
	w.t.Helper()
	w.check(w.catalog.Put(context.Background(), "test", "", edit(kind, id, doc)))
}

const testPolicy = `
	@id("login") permit(principal is User, action in [Action::"login", Action::"authorize"], resource);
	@id("issue") permit(principal in Group::"services", action == Action::"issue", resource);
	@id("staff") permit(principal in Group::"staff", action == Action::"access", resource) when { resource.kind == "app" };
	@id("robot") permit(principal == Service::"robot", action == Action::"access", resource) when { resource.kind == "service" };
	@id("admin-pages") forbid(principal, action == Action::"access", resource) when { context.path like "/admin*" };
	@id("payroll-strong") @remedy("acr=phr") forbid(principal is User, action == Action::"access", resource == Resource::"payroll") unless { context.phishing_resistant };
`

func (w *world) declare() {
	sum := sha256.Sum256([]byte(testSecret))
	secrets := []symbolon.ClientSecret{{SHA256: hex.EncodeToString(sum[:])}}
	read := []symbolon.Scope{{Name: "read"}}
	up := func(name string) *symbolon.Upstream {
		return &symbolon.Upstream{URL: "http://" + w.apps[name].Addr().String(), Headers: map[string]string{"X-Employee": "sub", "X-Team": "department"}}
	}
	told := symbolon.TokenRule{Claims: []string{"department"}}
	w.check(w.catalog.Put(context.Background(), "test", "",
		edit(symbolon.KindGroup, "staff", symbolon.Group{ID: "staff"}),
		edit(symbolon.KindGroup, "services", symbolon.Group{ID: "services"}),
		edit(symbolon.KindClient, "broker", symbolon.Client{ID: "broker", Broker: true, FirstParty: true, Secrets: secrets, Scopes: []string{"openid", "ssf.manage", "ssf.read", "snapshot", "ledger"},
			GrantTypes: []string{grant.TypeCode, grant.TypeClientCredentials, grant.TypeExchange}}),
		edit(symbolon.KindClient, "robot", symbolon.Client{ID: "robot", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials},
			Groups: []symbolon.GroupID{"services"}, Scopes: []string{"read"}, DefaultScopes: []string{"read"}}),
		edit(symbolon.KindClient, "idler", symbolon.Client{ID: "idler", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials},
			Groups: []symbolon.GroupID{"services"}, Scopes: []string{"read"}, DefaultScopes: []string{"read"}}),
		edit(symbolon.KindResource, "wiki", symbolon.Resource{ID: "wiki", Identifier: wiki, Kind: "app", Upstream: up("wiki"), Token: told}),
		edit(symbolon.KindResource, "payroll", symbolon.Resource{ID: "payroll", Identifier: payroll, Kind: "app", Upstream: up("payroll"), Token: told}),
		edit(symbolon.KindResource, "orders", symbolon.Resource{ID: "orders", Identifier: orders, Upstream: up("orders"), Scopes: read}),
		edit(symbolon.KindResource, "billing", symbolon.Resource{ID: "billing", Identifier: billing, Upstream: up("billing"), Scopes: read}),
		edit(symbolon.KindPolicy, "test", symbolon.Policy{ID: "test", Text: testPolicy}),
	))
}

// service gets a client's token for a resource.
func (w *world) service(id, resource string) string {
	w.t.Helper()
	form := url.Values{"grant_type": {grant.TypeClientCredentials}, "resource": {resource}}
	req := must(http.NewRequest(http.MethodPost, w.id.URL+"/token", strings.NewReader(form.Encode())))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, testSecret)
	res := must(http.DefaultClient.Do(req))
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Access_token string }
	body := must(io.ReadAll(res.Body))
	w.check(json.Unmarshal(body, &answer))
	if answer.Access_token == "" {
		w.t.Fatalf("no token for %s at %s: %s", id, resource, body)
	}
	return answer.Access_token
}

// dial leads every host to the broker.
func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", w.front.Listener.Addr().String())
}

type reply struct {
	*http.Response
	body string
}

// send makes a request to the broker; headers are pairs. It follows nothing.
func (w *world) send(method, address string, headers ...string) reply {
	w.t.Helper()
	return w.sendBody(method, address, nil, headers...)
}

func (w *world) sendBody(method, address string, body io.Reader, headers ...string) reply {
	w.t.Helper()
	req := must(http.NewRequest(method, address, body))
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	transport := &http.Transport{DialContext: w.dial, DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	w.check(err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	w.check(err)
	return reply{res, string(text)}
}

func (w *world) bearer(raw, address string, headers ...string) reply {
	w.t.Helper()
	return w.send(http.MethodGet, address, append(headers, "Authorization", "Bearer "+raw)...)
}
