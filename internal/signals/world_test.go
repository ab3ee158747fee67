package signals

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

const iss = "https://id.example"

// world is a transmitter over a real store, log, catalog and key ring. Tokens are spelled
// "client scope scope…", so that a test reads who asks.
type world struct {
	t    testing.TB
	db   *store.DB
	log  *event.Log
	ring *key.Ring
	*Transmitter
	serve http.Handler
	ahead atomic.Int64
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (w *world) clock() time.Time     { return symbolon.Now().Add(time.Duration(w.ahead.Load())) }
func (w *world) pass(d time.Duration) { w.ahead.Add(int64(d)) }

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	ctx, stop := context.WithCancel(context.Background())
	w.db = storetest.SQLite(t, storetest.Clock(w.clock))
	w.ring = must(key.Open(ctx, w.db, must(key.NewVault(key.NewMaster())), key.Options{Algorithms: []string{token.ES256}, Clock: w.clock}))
	declared := must(catalog.Open(ctx, w.db, catalog.Options{Issuer: iss, Clock: w.clock}))
	var edits []catalog.Edit
	for _, c := range []symbolon.Client{{ID: "broker", Broker: true}, {ID: "partner", Broker: true}, {ID: "stranger"}} {
		c.Secrets = []symbolon.ClientSecret{{SHA256: strings.Repeat("ab", 32)}}
		edits = append(edits, catalog.Edit{Kind: symbolon.KindClient, ID: string(c.ID), Doc: must(json.Marshal(c)), Was: -1})
	}
	w.check(declared.Put(ctx, "test", "", edits...))
	w.log = event.New(w.db, slog.New(slog.DiscardHandler))
	w.check(w.log.Open(ctx))
	done := make(chan struct{})
	go func() { defer close(done); _ = w.log.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	w.Transmitter = New(Config{Issuer: iss, Store: w.db, Log: w.log, Bearer: w.bearer, Catalog: declared.Current, Clock: w.clock,
		Signer: func() (token.Signer, error) { return w.ring.Signer(token.ES256) }, Door: &door.Door{Log: slog.New(slog.DiscardHandler)}, Hold: 100 * time.Millisecond})
	w.serve = w.Handler()
	return w
}

func (w *world) bearer(_ context.Context, r *http.Request, audience string, _ ...string) (*token.Claims, error) {
	said, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || audience != iss+"/ssf" {
		return nil, symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed")
	}
	words := strings.Fields(said)
	return &token.Claims{Subject: words[0], ClientID: words[0], Kind: token.KindService, Scope: words[1:], Audience: []string{audience}}, nil
}

type reply struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

const all = " ssf.manage ssf.read"

// ask sends JSON as somebody; a nil body sends none, a string goes as it is.
func (w *world) ask(as, method, path string, body any) reply {
	w.t.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		sent = must(json.Marshal(body))
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(sent))
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+as)
	}
	rec := httptest.NewRecorder()
	w.serve.ServeHTTP(rec, r)
	out := reply{status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	_ = json.Unmarshal(rec.Body.Bytes(), &out.body)
	return out
}

type object = map[string]any

func (w *world) stream(as string, config object) (id string) {
	w.t.Helper()
	got := w.ask(as+all, "POST", "/ssf/stream", config)
	if got.status != http.StatusCreated {
		w.t.Fatalf("%d %s", got.status, got.raw)
	}
	return got.body["stream_id"].(string)
}

func (w *world) poll(as, id string, body object) (sets map[string]string, more bool) {
	w.t.Helper()
	got := w.ask(as+" ssf.read", "POST", "/ssf/poll/"+id, body)
	var answer struct {
		Sets          map[string]string
		MoreAvailable bool
	}
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.raw), &answer) != nil || answer.Sets == nil {
		w.t.Fatalf("%d %s", got.status, got.raw)
	}
	return answer.Sets, answer.MoreAvailable
}

// happen commits an event and waits until the log has it.
func (w *world) happen(e symbolon.Event) symbolon.EventID {
	w.t.Helper()
	e.ID, e.At = symbolon.NewEventID(), w.clock()
	w.check(w.db.Commit(context.Background(), e))
	head, err := w.db.EventHead(context.Background())
	w.check(err)
	w.check(w.log.Wait(context.Background(), head-1)) // the log may still be behind what came before
	return e.ID
}

// opened verifies a SET with the published keys and gives its payload.
func (w *world) opened(set string) object {
	w.t.Helper()
	keys := must(token.ParseJWKS(w.ring.JWKS()))
	v := token.Verifier{Keys: keys, Types: []string{token.TypeSecurityEvent}}
	var payload object
	w.check(json.Unmarshal(must(v.Payload(set)), &payload))
	return payload
}

func ids(sets map[string]string) (out []string) {
	for id := range sets {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
