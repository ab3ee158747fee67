package verify_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/key"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// keyStore is what a key ring writes to, shrunk.
type keyStore struct {
	mu   sync.Mutex
	keys []symbolon.SigningKey
}

func (s *keyStore) Keys(context.Context) ([]symbolon.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys), nil
}

func (s *keyStore) Commit(_ context.Context, changes ...symbolon.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if put, ok := c.(symbolon.PutKey); ok {
			s.keys = slices.DeleteFunc(s.keys, func(k symbolon.SigningKey) bool { return k.ID == put.Key.ID })
			s.keys = append(s.keys, put.Key)
		}
	}
	return nil
}

const (
	clientID = "orders svc+1" // needs form encoding in Basic
	audience = "https://orders.example"
)

var clientSecret = symbolon.NewSecret("p%ss:wörd +/&")

// house is an issuer that speaks the real protocols: the product's, shrunk.
type house struct {
	t      testing.TB
	url    string
	clock  *clock
	keys   *key.Ring
	server *httptest.Server

	mu      sync.Mutex
	calls   map[string]int // by path
	hooks   map[string]func(w http.ResponseWriter, r *http.Request) bool
	opaque  map[string]*token.Claims
	streams map[string]*feed
	made    int
	serial  int
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{at: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}, calls: map[string]int{},
		hooks: map[string]func(http.ResponseWriter, *http.Request) bool{}, opaque: map[string]*token.Claims{}, streams: map[string]*feed{}}
	vault, err := key.NewVault(key.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	if h.keys, err = key.Open(t.Context(), &keyStore{}, vault, key.Options{Clock: h.clock.now, Overlap: 90 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", h.metadata)
	mux.HandleFunc("GET /.well-known/ssf-configuration", h.metadata)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(h.keys.JWKS()) })
	mux.HandleFunc("POST /token", h.authenticated(h.token))
	mux.HandleFunc("POST /introspect", h.authenticated(h.introspect))
	mux.HandleFunc("POST /ssf/stream", h.bearer(h.createStream))
	mux.HandleFunc("GET /ssf/stream", h.bearer(h.listStreams))
	mux.HandleFunc("DELETE /ssf/stream", h.bearer(h.deleteStream))
	mux.HandleFunc("POST /ssf/poll/{id}", h.bearer(h.poll))
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		path := r.URL.Path
		if strings.HasPrefix(path, "/ssf/poll/") {
			path = "/ssf/poll"
		}
		h.calls[path]++
		hook := h.hooks[path]
		h.mu.Unlock()
		if hook == nil || !hook(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.server.Close)
	h.url = h.server.URL
	return h
}

// on puts a hook before a path; it returns true if it has answered. Nil takes it away.
func (h *house) on(path string, hook func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks[path] = hook
}

func fails(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return true }
}

func (h *house) called(path string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[path]
}

func (h *house) metadata(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"issuer": h.url, "jwks_uri": h.url + "/jwks", "token_endpoint": h.url + "/token",
		"introspection_endpoint": h.url + "/introspect", "configuration_endpoint": h.url + "/ssf/stream",
		"delivery_methods_supported": []string{verify.DeliveryPoll}})
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func (h *house) authenticated(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		if id != clientID || !clientSecret.Equal(symbolon.NewSecret(secret)) {
			write(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "who are you?"})
			return
		}
		next(w, r)
	}
}

func (h *house) bearer(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		h.mu.Lock()
		_, ok := h.opaque[raw]
		h.mu.Unlock()
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// claims are those of a good token of a person at the audience.
func (h *house) claims() *token.Claims {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serial++
	now := h.clock.now()
	return &token.Claims{Issuer: h.url, Subject: "usr_1", Kind: token.KindUser, Audience: []string{audience}, ClientID: "broker",
		ID: "tok_" + strconv.Itoa(h.serial), IssuedAt: now, Expires: now.Add(10 * time.Minute), Scope: []string{"read"},
		SessionID: "ses_1", Authorization: "aut_1", ACR: "aal1", AuthTime: now}
}

// give makes an opaque token of claims.
func (h *house) give(c *token.Claims) string {
	raw := token.NewOpaque(token.PrefixAccess).Reveal()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opaque[raw] = c
	return raw
}

// sign makes a JWT of claims.
func (h *house) sign(c *token.Claims) string {
	h.t.Helper()
	return h.signAs(token.TypeAccessToken, c)
}

func (h *house) signAs(typ string, claims any) string {
	h.t.Helper()
	signer, err := h.keys.Signer(token.ES256)
	if err != nil {
		h.t.Fatal(err)
	}
	compact, err := token.Sign(signer, typ, claims)
	if err != nil {
		h.t.Fatal(err)
	}
	if c, ok := claims.(*token.Claims); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.opaque[compact] = c // JWTs can be introspected as well
	}
	return compact
}

// forget takes tokens back without telling anybody.
func (h *house) forget(raw string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.opaque, raw)
}

func (h *house) introspect(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	claims := h.opaque[r.PostFormValue("token")]
	h.mu.Unlock()
	if claims == nil {
		write(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	said := *claims
	said.Extra = maps.Clone(claims.Extra)
	if said.Extra == nil {
		said.Extra = map[string]any{}
	}
	said.Extra["active"] = true
	said.Extra["token_type"] = "Bearer"
	write(w, http.StatusOK, &said)
}

func (h *house) token(w http.ResponseWriter, r *http.Request) {
	c := h.claims()
	c.Audience, c.Scope, c.ClientID = []string{r.PostFormValue("resource")}, strings.Fields(r.PostFormValue("scope")), clientID
	switch r.PostFormValue("grant_type") {
	case "client_credentials":
		c.Subject, c.Kind = clientID, token.KindService
	case "urn:ietf:params:oauth:grant-type:token-exchange":
		h.mu.Lock()
		subject := h.opaque[r.PostFormValue("subject_token")]
		h.mu.Unlock()
		if subject == nil {
			write(w, http.StatusBadRequest, map[string]any{"error": "invalid_request", "error_description": "the subject token is not active"})
			return
		}
		c.Subject, c.Actor = subject.Subject, &token.Actor{Subject: clientID}
	}
	write(w, http.StatusOK, map[string]any{"access_token": h.give(c), "token_type": "Bearer", "expires_in": 600,
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
}

func (h *house) client() verify.Client {
	return verify.Client{Issuer: h.url, ID: clientID, Secret: clientSecret, Clock: h.clock.now}
}

// await takes from a channel, or fails the test after a time that only a bug can take.
func await[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(20 * time.Second):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}
