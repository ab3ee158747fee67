package grant_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/login"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

const iss = "https://id.example"

var ctx = context.Background()

func sha(b []byte) [32]byte { return sha256.Sum256(b) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// house is one replica of an issuer with its pages: real rooms over a real store.
type house struct {
	http.Handler
	t        testing.TB
	now      *atomic.Int64
	db       *store.DB
	ring     *key.Ring
	catalog  *catalog.Catalog
	clients  *client.Authenticator
	sessions *session.Sessions
	tokens   *issuer.Issuer
	grants   *grant.Grants
	ada, bob *symbolon.User
}

// plan is what replicas have in common.
type plan struct {
	url    string
	master symbolon.Secret
	now    *atomic.Int64
	ada    *symbolon.User
	bob    *symbolon.User
	shared bool
	with   func(*grant.Config)
}

func newPlan(url string) *plan {
	p := &plan{url: url, master: key.NewMaster(), now: new(atomic.Int64), with: func(*grant.Config) {}}
	p.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	return p
}

// open makes a house over SQLite.
func open(t testing.TB, with ...func(*grant.Config)) *house {
	p := newPlan(storetest.SQLiteURL(t))
	p.with = func(c *grant.Config) {
		for _, one := range with {
			one(c)
		}
	}
	return p.open(t)
}

func (p *plan) open(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, now: p.now}
	h.db = storetest.Open(t, p.url, storetest.Clock(h.clock), func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			if h.tokens != nil {
				h.tokens.Committed(changes)
			}
		}
	})
	vault := must(key.NewVault(p.master))
	h.ring = must(key.Open(ctx, h.db, vault, key.Options{Algorithms: []string{token.ES256}, Clock: h.clock}))
	h.catalog = must(catalog.Open(ctx, h.db, catalog.Options{Issuer: iss, Clock: h.clock}))
	h.tokens = must(issuer.New(ctx, issuer.Config{Issuer: iss, Store: h.db, Catalog: h.catalog, Keys: h.ring, Vault: vault, Clock: h.clock, Shared: p.shared}))
	h.sessions = session.New(h.db, vault, session.Options{Clock: h.clock, Secure: true})
	h.clients = client.Open(client.Config{Issuer: iss, Clients: func() client.Clients { return h.catalog.Current() }, Clock: h.clock, Store: h.db})
	config := grant.Config{Issuer: iss, Store: h.db, Catalog: h.catalog, Tokens: h.tokens, Vault: vault, Clock: h.clock, Keys: h.clients}
	p.with(&config)
	h.grants = grant.New(config)
	h.mount(vault)
	h.declare()
	if p.ada == nil {
		p.ada, p.bob = h.person("ada", "acme"), h.person("bob", "delta")
	}
	h.ada, h.bob = p.ada, p.bob
	return h
}

func (h *house) mount(vault *key.Vault) {
	d := &door.Door{Log: slog.New(slog.NewTextHandler(h.t.Output(), nil))}
	endpoints := oauth.Handler(oauth.Config{Issuer: iss, Door: d, Catalog: h.catalog, Clients: h.clients, Sessions: h.sessions,
		Tokens: h.tokens, Keys: h.ring, Vault: vault, Consents: h.db, Clock: h.clock, Grants: h.grants})
	pages := must(login.New(login.Config{Issuer: iss, Door: d, Sessions: h.sessions, Directory: directory.New(h.db, h.clock), Store: h.db,
		Authn: must(authn.New(h.db, vault, authn.Options{RPID: "id.example", Origins: []string{iss}, Clock: h.clock})),
		Keys:  h.ring, Grants: h.grants, Clock: h.clock,
		Client:   func(id symbolon.ClientID) (*symbolon.Client, bool) { return h.catalog.Current().Client(id) },
		Resource: func(id symbolon.ResourceID) (*symbolon.Resource, bool) { return h.catalog.Current().Resource(id) },
		Decide: func(*symbolon.User, symbolon.ClientID, symbolon.ACR, []string) policy.Decision {
			return policy.Decision{Effect: policy.Allow}
		}}))
	mux := http.NewServeMux()
	for _, path := range oauth.Paths {
		mux.Handle(path, endpoints)
	}
	mux.Handle("/", pages)
	h.Handler = mux
}

func (h *house) clock() time.Time     { return time.UnixMicro(h.now.Load()).UTC() }
func (h *house) pass(d time.Duration) { h.now.Add(d.Microseconds()) }

func (h *house) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) person(login string, of symbolon.OrganisationID) *symbolon.User {
	u := &symbolon.User{ID: symbolon.NewUserID(), Login: login, Name: strings.ToUpper(login), Organisation: of, Created: h.clock(), Updated: h.clock()}
	h.check(h.db.Commit(ctx, symbolon.PutUser{User: *u}))
	return u
}

const (
	secret         = "symk_not-a-real-secret-but-long-enough-for-a-test"
	notes, payroll = "https://notes.example", "https://payroll.example"
)

var (
	digest  = sha([]byte(secret))
	secrets = []symbolon.ClientSecret{{SHA256: hex.EncodeToString(digest[:])}}
	all     = []string{"openid", "profile", "offline_access", "read", "write"}
)

func (h *house) declare() {
	scopes := []symbolon.Scope{{Name: "read", Description: "See your notes"}, {Name: "write"}}
	h.put(
		edit(symbolon.KindOrganisation, symbolon.Organisation{ID: "acme"}), edit(symbolon.KindOrganisation, symbolon.Organisation{ID: "delta"}),
		edit(symbolon.KindClient, symbolon.Client{ID: "tv", Name: "Acme TV", AuthMethod: "none", GrantTypes: []string{grant.TypeDevice, grant.TypeRefresh}, Scopes: all}),
		edit(symbolon.KindClient, symbolon.Client{ID: "radio", AuthMethod: "none", GrantTypes: []string{grant.TypeDevice}, Scopes: all}),
		edit(symbolon.KindClient, symbolon.Client{ID: "desk", Name: "Service desk", Secrets: secrets, GrantTypes: []string{grant.TypeCIBA}, Scopes: all}),
		edit(symbolon.KindClient, symbolon.Client{ID: "till", Secrets: secrets, GrantTypes: []string{grant.TypeCIBA}, Scopes: all}),
		edit(symbolon.KindClient, symbolon.Client{ID: "svc", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials, grant.TypeJWTBearer, grant.TypeExchange}, Scopes: all}),
		edit(symbolon.KindResource, symbolon.Resource{ID: "notes", Identifier: notes, Scopes: scopes}),
		edit(symbolon.KindResource, symbolon.Resource{ID: "payroll", Identifier: payroll, Scopes: scopes}),
		edit(symbolon.KindPolicy, symbolon.Policy{ID: "test", Text: `
			@id("login") permit(principal is User, action == Action::"login", resource);
			@id("authorize") permit(principal is User, action == Action::"authorize", resource is Resource);
			@id("strong") @remedy("acr=phr") forbid(principal is User, action == Action::"authorize", resource == Resource::"payroll") unless { context.phishing_resistant };
			@id("assert") permit(principal, action == Action::"exchange", resource);`}))
}

func (h *house) put(edits ...catalog.Edit) {
	h.t.Helper()
	h.check(h.catalog.Put(ctx, "test", "", edits...))
}

func edit(kind string, doc any) catalog.Edit {
	raw := must(json.Marshal(doc))
	var named struct {
		ID       string `json:"id"`
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		panic(err)
	}
	return catalog.Edit{Kind: kind, ID: named.ID + named.ClientID, Doc: raw, Was: catalog.Whatever}
}

// reply is an answer as a client or a browser has it.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (r reply) text(name string) string { s, _ := r.body[name].(string); return s }

// q makes parameters of pairs; empty values are left out.
func q(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v.Del(pairs[i]); pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

var public = map[string]bool{"tv": true, "radio": true}

// call sends a form as a client.
func (h *house) call(path, clientID string, v url.Values) reply {
	h.t.Helper()
	if public[clientID] {
		v.Set("client_id", clientID)
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !public[clientID] {
		r.SetBasicAuth(clientID, secret)
	}
	return h.send(r)
}

func (h *house) send(r *http.Request) reply {
	h.t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	out := reply{status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		h.check(json.Unmarshal(rec.Body.Bytes(), &out.body))
	}
	return out
}

// good fails unless a token was issued that opens.
func (h *house) good(r reply) reply {
	h.t.Helper()
	if r.status != http.StatusOK || !h.opens(r.text("access_token")) {
		h.t.Fatalf("no token: %d %s", r.status, r.raw)
	}
	return r
}

// bad fails unless a request was refused so.
func (h *house) bad(r reply, status int, code string) {
	h.t.Helper()
	if r.status != status || r.text("error") != code || r.text("access_token") != "" {
		h.t.Fatalf("want %d %s, got %d %s", status, code, r.status, r.raw)
	}
}

func (h *house) opens(raw string) bool {
	_, err := h.tokens.Open(ctx, raw)
	return err == nil
}

func (h *house) events(kind symbolon.EventType) (n int) {
	for _, e := range must(h.db.EventsAfter(ctx, 0, 10000)) {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// browser is a person's, at one house.
type browser struct {
	*house
	cookies []*http.Cookie
	session *symbolon.Session
	address string
}

var factors = map[symbolon.ACR][]authn.Factor{
	symbolon.ACRSingle:   {{Method: authn.MethodPassword}},
	symbolon.ACRPhishing: {{Method: authn.MethodPasskey, Verified: true}},
}

func (h *house) browser() *browser { return &browser{house: h, address: "192.0.2.7:4711"} }

// as signs somebody in.
func (b *browser) as(u *symbolon.User, acr symbolon.ACR) *browser {
	b.t.Helper()
	rec, l := httptest.NewRecorder(), session.Login{User: u.ID, Factors: factors[acr]}
	var err error
	if b.session == nil {
		b.session, err = b.sessions.Start(ctx, rec, l)
	} else {
		b.session, err = b.sessions.Raise(ctx, rec, must(b.sessions.Get(ctx, b.session.ID)), l)
	}
	b.check(err)
	b.cookies = rec.Result().Cookies()
	return b
}

func (b *browser) get(target string) reply {
	b.t.Helper()
	return b.visit(httptest.NewRequest("GET", target, nil))
}

// post sends a form from a page of the issuer, unless headers say otherwise.
func (b *browser) post(target string, v url.Values, headers ...string) reply {
	b.t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", iss)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.visit(r)
}

func (b *browser) visit(r *http.Request) reply {
	b.t.Helper()
	r.RemoteAddr = b.address
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return b.send(r)
}

// way is where an answer leads.
func (r reply) way() string { return r.header.Get("Location") }
