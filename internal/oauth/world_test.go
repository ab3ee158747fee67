package oauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

const iss = "https://id.example"

var ctx = context.Background()

// world is the whole issuer without its login pages: real rooms over a real store.
type world struct {
	http.Handler
	t        testing.TB
	db       *store.DB
	catalog  *catalog.Catalog
	sessions *session.Sessions
	tokens   *issuer.Issuer
	vault    *key.Vault
	ring     *key.Ring
	now      atomic.Int64
	ada      *symbolon.User
}

func (w *world) clock() time.Time     { return time.UnixMicro(w.now.Load()).UTC() }
func (w *world) pass(d time.Duration) { w.now.Add(d.Microseconds()) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	w.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	w.db = storetest.SQLite(t, storetest.Clock(w.clock), func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			if w.tokens != nil {
				w.tokens.Committed(changes)
			}
		}
	})
	w.vault = must(key.NewVault(key.NewMaster()))
	w.ring = must(key.Open(ctx, w.db, w.vault, key.Options{Algorithms: []string{token.ES256}, Clock: w.clock}))
	w.catalog = must(catalog.Open(ctx, w.db, catalog.Options{Issuer: iss, Clock: w.clock}))
	w.tokens = must(issuer.New(ctx, issuer.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Keys: w.ring, Vault: w.vault, Clock: w.clock}))
	w.sessions = session.New(w.db, w.vault, session.Options{Clock: w.clock, Secure: true})
	w.declare()
	w.serve(slog.New(slog.NewTextHandler(t.Output(), nil)))
	w.ada = &symbolon.User{ID: symbolon.NewUserID(), Login: "ada", Name: "Ada L.", Email: "ada@example.com", Created: w.clock(), Updated: w.clock()}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.ada}))
	return w
}

func (w *world) serve(log *slog.Logger) {
	w.Handler = oauth.Handler(oauth.Config{
		Issuer: iss, Door: &door.Door{Log: log}, Catalog: w.catalog,
		Clients:  client.New(func() client.Clients { return w.catalog.Current() }, w.clock),
		Sessions: w.sessions, Tokens: w.tokens, Keys: w.ring, Vault: w.vault, Consents: w.db, Clock: w.clock,
		Grants: grant.New(grant.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Tokens: w.tokens, Vault: w.vault, Clock: w.clock}),
	})
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world { return &world{Handler: w.Handler, t: t} }

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

const secret = "symk_not-a-real-secret-but-long-enough-for-a-test"

var (
	digest  = sha256.Sum256([]byte(secret))
	secrets = []symbolon.ClientSecret{{SHA256: hex.EncodeToString(digest[:])}}
	code    = []string{grant.TypeCode, grant.TypeRefresh}
	all     = []string{"openid", "profile", "email", "offline_access", "read", "write"}
)

const (
	notes, payroll, orders, billing = "https://notes.example", "https://payroll.example", "https://orders.example", "https://billing.example"
	webCB                           = "https://web.example/cb"
)

func (w *world) declare() {
	named := func(names ...string) (scopes []symbolon.Scope) {
		for _, name := range names {
			scopes = append(scopes, symbolon.Scope{Name: name})
		}
		return scopes
	}
	var edits []catalog.Edit
	for _, c := range []symbolon.Client{
		{ID: "web", Secrets: secrets, RedirectURIs: []string{webCB, "https://web.example/cb2"}, GrantTypes: code, Scopes: all},
		{ID: "first", Secrets: secrets, RedirectURIs: []string{"https://first.example/cb"}, GrantTypes: code, Scopes: all, DefaultScopes: []string{"read"}, FirstParty: true},
		{ID: "oidc", Secrets: secrets, RedirectURIs: []string{"https://oidc.example/cb?x=1"}, FirstParty: true},
		{ID: "legacy", Secrets: secrets, RedirectURIs: []string{"https://legacy.example/cb"}, PKCE: "nonce", FirstParty: true},
		{ID: "native", AuthMethod: "none", RedirectURIs: []string{"http://127.0.0.1/cb"}, GrantTypes: code, Scopes: all, FirstParty: true},
		{ID: "svc", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials}, Scopes: []string{"read", "write"}, DefaultScopes: []string{"read"}},
		{ID: "defaulting", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials}, DefaultResource: "orders", Scopes: []string{"write"}},
		{ID: "bare", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials}},
		{ID: "orders", Secrets: secrets, GrantTypes: []string{grant.TypeExchange}},
		{ID: "billing", Secrets: secrets, GrantTypes: []string{grant.TypeExchange}},
		{ID: "stranger", Secrets: secrets, GrantTypes: []string{grant.TypeExchange, grant.TypeClientCredentials}},
		{ID: "off", Secrets: secrets, RedirectURIs: []string{"https://off.example/cb"}, Disabled: true},
	} {
		edits = append(edits, edit(symbolon.KindClient, string(c.ID), c))
	}
	for _, r := range []symbolon.Resource{
		{ID: "notes", Identifier: notes, Scopes: named("read", "write")},
		{ID: "payroll", Identifier: payroll, Scopes: named("read")},
		{ID: "orders", Identifier: orders, Server: "orders", Scopes: named("read", "write"), Token: symbolon.TokenRule{Format: "jwt"}},
		{ID: "billing", Identifier: billing, Server: "billing", Scopes: named("read")},
		{ID: "secret", Identifier: "https://secret.example", Scopes: named("read")},
	} {
		edits = append(edits, edit(symbolon.KindResource, string(r.ID), r))
	}
	edits = append(edits, edit(symbolon.KindPolicy, "test", symbolon.Policy{ID: "test", Text: `
		@id("login") permit(principal is User, action == Action::"login", resource);
		@id("authorize") permit(principal is User, action == Action::"authorize", resource is Resource) unless { resource == Resource::"secret" };
		@id("payroll-strong") @remedy("acr=phr") forbid(principal is User, action == Action::"authorize", resource == Resource::"payroll") unless { context.phishing_resistant };
		@id("services") permit(principal, action == Action::"issue", resource == Resource::"orders") when { principal == Service::"svc" || principal == Service::"bare" || principal == Service::"defaulting" };
		@id("billing") permit(principal == Service::"orders", action == Action::"exchange", resource == Resource::"billing");
	`}))
	w.check(w.catalog.Put(ctx, "test", "", edits...))
}

func (w *world) put(kind, id string, doc any) {
	w.t.Helper()
	w.check(w.catalog.Put(ctx, "test", "", edit(kind, id, doc)))
}

func edit(kind, id string, doc any) catalog.Edit {
	return catalog.Edit{Kind: kind, ID: id, Doc: must(json.Marshal(doc)), Was: -1}
}

// browser is a person's cookie jar, empty at first.
type browser struct {
	*world
	cookies []*http.Cookie
	session *symbolon.Session
}

func (w *world) browser() *browser { return &browser{world: w} }

var factors = map[symbolon.ACR][]authn.Factor{
	symbolon.ACRSingle:   {{Method: authn.MethodPassword}},
	symbolon.ACRMulti:    {{Method: authn.MethodPassword}, {Method: authn.MethodPasskey}},
	symbolon.ACRPhishing: {{Method: authn.MethodPasskey, Verified: true}},
}

// login signs ada in, or raises the session that is there.
func (b *browser) login(acr symbolon.ACR) *browser {
	b.t.Helper()
	rec, l := httptest.NewRecorder(), session.Login{User: b.ada.ID, Factors: factors[acr]}
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

func (b *browser) get(target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.ServeHTTP(rec, r)
	return rec
}

// q builds parameters from pairs; a later value replaces an earlier one, "" removes it.
func q(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if v.Del(pairs[i]); pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

// request is a good authorization request, with changes.
func request(pairs ...string) url.Values {
	return q(append([]string{"response_type", "code", "client_id", "first", "redirect_uri", "https://first.example/cb", "state", "s-1",
		"code_challenge", challenge, "code_challenge_method", "S256", "resource", notes, "scope", "read"}, pairs...)...)
}

// back is what the client finds in its redirect.
func (b *browser) authorize(v url.Values) url.Values {
	b.t.Helper()
	rec := b.get("/authorize?" + v.Encode())
	if rec.Code != http.StatusSeeOther {
		b.t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	to := must(url.Parse(rec.Header().Get("Location")))
	if want := v.Get("redirect_uri"); want != "" && !strings.HasPrefix(to.String(), want) {
		b.t.Fatalf("sent to %s", to)
	}
	return to.Query()
}

// code gets a code or fails.
func (b *browser) code(v url.Values) string {
	b.t.Helper()
	back := b.authorize(v)
	if back.Get("code") == "" {
		b.t.Fatalf("no code: %v", back)
	}
	return back.Get("code")
}

// reply is a JSON answer.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (r reply) text(name string) string { s, _ := r.body[name].(string); return s }

// post sends a form as a client; a public one by name only.
func (w *world) post(path, clientID string, v url.Values, header ...string) reply {
	w.t.Helper()
	if clientID == "native" {
		v.Set("client_id", clientID)
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if clientID != "" && clientID != "native" {
		r.SetBasicAuth(clientID, secret)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	out := reply{status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		w.check(json.Unmarshal(rec.Body.Bytes(), &out.body))
	}
	return out
}

// redeem exchanges a code of request().
func (w *world) redeem(clientID, codeText string, pairs ...string) reply {
	w.t.Helper()
	return w.post("/token", clientID, q(append([]string{"grant_type", "authorization_code", "code", codeText,
		"redirect_uri", "https://first.example/cb", "code_verifier", verifier}, pairs...)...))
}

func (w *world) refresh(clientID, raw string, pairs ...string) reply {
	w.t.Helper()
	return w.post("/token", clientID, q(append([]string{"grant_type", "refresh_token", "refresh_token", raw}, pairs...)...))
}

// good fails unless a token was issued.
func (w *world) good(r reply) reply {
	w.t.Helper()
	if r.status != http.StatusOK || r.text("access_token") == "" || r.text("token_type") != "Bearer" {
		w.t.Fatalf("%d %s", r.status, r.raw)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Pragma") != "no-cache" {
		w.t.Fatal("a token may not be cached")
	}
	return r
}

// bad fails unless the request was refused so.
func (w *world) bad(r reply, status int, code string) {
	w.t.Helper()
	if r.status != status || r.text("error") != code || r.text("request_id") == "" || r.text("access_token") != "" {
		w.t.Fatalf("want %d %s, got %d %s", status, code, r.status, r.raw)
	}
}

func (w *world) opens(raw string) bool {
	_, err := w.tokens.Open(ctx, raw)
	return err == nil
}

// events counts those of a type.
func (w *world) events(kind symbolon.EventType) (n int) {
	for _, e := range must(w.db.EventsAfter(ctx, 0, 10000)) {
		if e.Type == kind {
			n++
		}
	}
	return n
}

func jwtClaims(t testing.TB, compact string) map[string]any {
	t.Helper()
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", compact)
	}
	var claims map[string]any
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[1])), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
