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
	"symbolon.dev/verify"
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
	before := w.log.Head()
	w.check(w.db.Commit(context.Background(), e))
	w.check(w.log.Wait(context.Background(), before))
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

// SSF 1.0 §7
func TestTheTransmitterDescribesItself(t *testing.T) {
	w := newWorld(t)
	got := w.ask("", "GET", "/.well-known/ssf-configuration", nil)
	want := object{"spec_version": "1_0", "issuer": iss, "jwks_uri": iss + "/jwks", "delivery_methods_supported": []any{verify.DeliveryPoll},
		"configuration_endpoint": iss + "/ssf/stream", "status_endpoint": iss + "/ssf/status", "add_subject_endpoint": iss + "/ssf/subjects/add",
		"remove_subject_endpoint": iss + "/ssf/subjects/remove", "verification_endpoint": iss + "/ssf/verify", "critical_subject_members": []any{"session"},
		"authorization_schemes": []any{object{"spec_urn": "urn:ietf:rfc:6749"}}, "default_subjects": "ALL"}
	if got.status != http.StatusOK || string(must(json.Marshal(got.body))) != string(must(json.Marshal(want))) {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

// SSF 1.0 §8.1.1
func TestAStreamIsMadeReadChangedAndDeleted(t *testing.T) {
	w := newWorld(t)
	made := w.ask("broker"+all, "POST", "/ssf/stream", object{"delivery": object{"method": verify.DeliveryPoll}, "description": "mine",
		"events_requested": []string{verify.SessionRevoked, "urn:unknown"}})
	id, _ := made.body["stream_id"].(string)
	delivery, _ := made.body["delivery"].(object)
	if made.status != http.StatusCreated || made.body["iss"] != iss || made.body["aud"] != "broker" || delivery["endpoint_url"] != iss+"/ssf/poll/"+id ||
		len(made.body["events_delivered"].([]any)) != 1 || len(made.body["events_requested"].([]any)) != 2 {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	read := w.ask("broker ssf.read", "GET", "/ssf/stream?stream_id="+id, nil)
	if read.status != http.StatusOK || read.body["description"] != "mine" || read.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", read.status, read.raw)
	}
	if list := w.ask("broker ssf.read", "GET", "/ssf/stream", nil); !strings.HasPrefix(list.raw, "[{") {
		t.Errorf("%s", list.raw)
	}
	if list := w.ask("partner ssf.read", "GET", "/ssf/stream", nil); list.status != http.StatusOK || strings.TrimSpace(list.raw) != "[]" {
		t.Errorf("%s", list.raw)
	}
	patched := w.ask("broker"+all, "PATCH", "/ssf/stream", object{"stream_id": id, "events_requested": []string{verify.TokenRevoked, verify.KeyRotated}, "iss": iss, "aud": "broker"})
	if patched.status != http.StatusOK || patched.body["description"] != "mine" || len(patched.body["events_delivered"].([]any)) != 2 {
		t.Errorf("%d %s", patched.status, patched.raw)
	}
	put := w.ask("broker"+all, "PUT", "/ssf/stream", object{"stream_id": id, "description": "new"})
	if put.status != http.StatusOK || put.body["description"] != "new" || put.body["events_requested"] != nil || len(put.body["events_delivered"].([]any)) != len(supported) {
		t.Errorf("%d %s", put.status, put.raw)
	}
	for name, wrong := range map[string]object{
		"another issuer": {"stream_id": id, "iss": "https://evil.example"}, "another audience": {"stream_id": id, "aud": "partner"},
		"another endpoint":  {"stream_id": id, "delivery": object{"method": verify.DeliveryPoll, "endpoint_url": "https://evil.example"}},
		"push":              {"stream_id": id, "delivery": object{"method": verify.DeliveryPush, "endpoint_url": "https://evil.example"}},
		"other deliveries":  {"stream_id": id, "events_delivered": []string{"urn:x"}},
		"too many events":   {"stream_id": id, "events_requested": slices.Repeat([]string{"urn:x"}, 65)},
		"no stream":         {"description": "x"},
		"an event too long": {"stream_id": id, "events_requested": []string{strings.Repeat("x", 300)}},
	} {
		if got := w.ask("broker"+all, "PATCH", "/ssf/stream", wrong); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if got := w.ask("broker"+all, "DELETE", "/ssf/stream?stream_id="+id, nil); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := w.ask("broker"+all, "POST", "/ssf/poll/"+id, object{}); got.status != http.StatusNotFound {
		t.Errorf("a deleted stream answers %d", got.status)
	}
}

// S5 S18: whoever may not is told so in the words of the standards, and another's stream is none.
func TestStreamsAreForThoseWhoMay(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	for name, c := range map[string]struct {
		as     string
		status int
		says   string
	}{
		"nobody":              {"", 401, `Bearer realm="symbolon"`},
		"without scope":       {"broker openid", 403, `error="insufficient_scope"`},
		"with reading alone":  {"broker ssf.read", 403, `error="insufficient_scope"`},
		"who has no permit":   {"stranger" + all, 403, ""},
		"who is not known":    {"ghost" + all, 403, ""},
		"of another receiver": {"partner" + all, 404, ""},
	} {
		for _, path := range []string{"/ssf/status", "/ssf/verify", "/ssf/subjects/add"} {
			got := w.ask(c.as, "POST", path, object{"stream_id": id, "status": "paused", "subject": object{"format": "opaque", "id": "x"}})
			if got.status != c.status || !strings.Contains(got.header.Get("WWW-Authenticate"), c.says) {
				t.Errorf("%s at %s: %d %s", name, path, got.status, got.header)
			}
		}
	}
	for _, path := range []string{"/ssf/poll/" + id, "/ssf/poll/str_none"} {
		if got := w.ask("partner"+all, "POST", path, object{"ack": []string{"x"}}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := w.ask("partner"+all, "DELETE", "/ssf/stream?stream_id="+id, nil); got.status != http.StatusNotFound {
		t.Errorf("somebody else's stream could be deleted: %d", got.status)
	}
}

// RFC 8417, RFC 9493, CAEP 1.0: each event leaves as what it is, about whom it is.
func TestEventsBecomeSecurityEventTokens(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	person := object{"format": "iss_sub", "iss": iss, "sub": "usr_1"}
	for name, c := range map[string]struct {
		event   symbolon.Event
		uri     string
		subject object
		says    object
	}{
		"a session ends": {symbolon.Event{Type: symbolon.SessionEnded, Actor: "admin", User: "usr_1", Session: "ses_1", Reason: "left"}, verify.SessionRevoked,
			object{"format": "complex", "user": person, "session": object{"format": "opaque", "id": "ses_1"}}, object{"initiating_entity": "admin", "reason_admin": object{"en": "left"}}},
		"a session rises": {symbolon.Event{Type: symbolon.SessionRaised, Actor: "usr_1", User: "usr_1", Session: "ses_1", Data: object{"acr": "phr"}}, verify.AssuranceLevelChange,
			object{"format": "complex", "user": person, "session": object{"format": "opaque", "id": "ses_1"}}, object{"current_level": "phr", "change_direction": "increase", "initiating_entity": "user"}},
		"a passkey is added": {symbolon.Event{Type: symbolon.CredentialAdded, Actor: "usr_1", User: "usr_1", Data: object{"kind": "passkey"}}, verify.CredentialChange, person, object{"change_type": "create", "credential_type": "fido2-platform"}},
		"a person changes":   {symbolon.Event{Type: symbolon.UserChanged, User: "usr_1"}, verify.TokenClaimsChange, person, object{"initiating_entity": "system"}},
		"a person goes":      {symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"}, verify.AccountDisabled, person, nil},
		"a token goes":       {symbolon.Event{Type: symbolon.TokenRevoked, User: "usr_1", Token: "tok_1"}, verify.TokenRevoked, object{"format": "jwt_id", "iss": iss, "jti": "tok_1"}, nil},
		"a grant goes":       {symbolon.Event{Type: symbolon.AuthorizationRevoked, Authorization: "aut_1"}, verify.AuthorizationRevoked, object{"format": "opaque", "id": "aut_1"}, nil},
		"a client goes":      {symbolon.Event{Type: symbolon.ClientDisabled, Client: "robot"}, verify.ClientDisabled, object{"format": "opaque", "id": "robot"}, nil},
		"the catalog moves":  {symbolon.Event{Type: symbolon.ObjectChanged}, verify.CatalogChanged, object{"format": "uri", "uri": iss}, nil},
		"a key turns":        {symbolon.Event{Type: symbolon.KeyRotated}, verify.KeyRotated, object{"format": "uri", "uri": iss}, nil},
	} {
		c.event.RequestID = "req_1"
		jti := w.happen(c.event)
		sets, _ := w.poll("broker", id, object{"returnImmediately": true})
		if len(sets) != 1 || sets[string(jti)] == "" {
			t.Fatalf("%s: %v", name, ids(sets))
		}
		payload := w.opened(sets[string(jti)])
		events, _ := payload["events"].(object)
		said, _ := events[c.uri].(object)
		if len(events) != 1 || said == nil || payload["jti"] != string(jti) || payload["iss"] != iss || payload["aud"] != "broker" || payload["txn"] != "req_1" ||
			payload["exp"] != nil || payload["sub"] != nil || string(must(json.Marshal(payload["sub_id"]))) != string(must(json.Marshal(c.subject))) {
			t.Errorf("%s: %v", name, payload)
		}
		for member, value := range c.says {
			if string(must(json.Marshal(said[member]))) != string(must(json.Marshal(value))) {
				t.Errorf("%s: %s is %v", name, member, said[member])
			}
		}
		w.poll("broker", id, object{"ack": ids(sets), "maxEvents": 0})
	}
	w.happen(symbolon.Event{Type: symbolon.LoginFailed, User: "usr_1"})
	if sets, _ := w.poll("broker", id, object{"returnImmediately": true}); len(sets) != 0 {
		t.Error("what is nobody's business left the house")
	}
}

// Every type a receiver of the product asks for is sent, and under no other name.
func TestReceiverAndTransmitterSpeakOfTheSame(t *testing.T) {
	if asked := slices.Sorted(slices.Values(verify.Signals())); !slices.Equal(asked, supported) {
		t.Errorf("asked for %v\nsupported %v", asked, supported)
	}
}

// RFC 8936 §2: at least once, in pieces, until acknowledged.
func TestPollingDeliversUntilAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_0"})
	id := w.stream("broker", object{"events_requested": []string{verify.AccountDisabled}})
	var jtis []string
	for range 5 {
		w.happen(symbolon.Event{Type: symbolon.TokenRevoked, Token: "tok_1"}) // not asked for
		jtis = append(jtis, string(w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"})))
	}
	sets, more := w.poll("broker", id, object{"maxEvents": 2})
	if !more || len(sets) != 2 || sets[jtis[0]] == "" || sets[jtis[1]] == "" {
		t.Fatalf("%v %v", ids(sets), more)
	}
	if again, _ := w.poll("broker", id, object{"maxEvents": 2}); !slices.Equal(ids(again), ids(sets)) {
		t.Error("what was not acknowledged did not come again")
	}
	if none, more := w.poll("broker", id, object{"maxEvents": 0}); len(none) != 0 || !more {
		t.Errorf("maxEvents 0: %v %v", ids(none), more)
	}
	// One is good, one is bad, one is out of order: the first that waits is delivered next.
	sets, more = w.poll("broker", id, object{"ack": []string{jtis[0], jtis[3]}, "setErrs": object{jtis[1]: object{"err": "invalid_key", "description": "x"}}})
	if more || sets[jtis[2]] == "" || sets[jtis[0]] != "" || sets[jtis[1]] != "" {
		t.Errorf("%v %v", ids(sets), more)
	}
	if rest, _ := w.poll("broker", id, object{"ack": jtis, "returnImmediately": true}); len(rest) != 0 {
		t.Errorf("left: %v", ids(rest))
	}
	if got := must(w.db.Stream(t.Context(), symbolon.StreamID(id))); got.Cursor < w.log.Head()-1 {
		t.Errorf("the cursor stands at %d of %d", got.Cursor, w.log.Head())
	}
	w.Transmitter.forget(symbolon.StreamID(id)) // another replica, which has read nothing
	if rest, _ := w.poll("broker", id, object{"returnImmediately": true}); len(rest) != 0 {
		t.Errorf("another replica delivers again: %v", ids(rest))
	}
}

// RFC 8936 §2.4: a poll waits for news, and no longer than it may.
func TestAPollIsHeldUntilThereIsNews(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	if sets, more := w.poll("broker", id, object{}); len(sets) != 0 || more {
		t.Errorf("nothing happened, and %v came", ids(sets))
	}
	w.Hold = maxHold
	news := make(chan map[string]string)
	go func() {
		sets, _ := w.poll("broker", id, object{})
		news <- sets
	}()
	jti := w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"})
	if sets := <-news; sets[string(jti)] == "" {
		t.Errorf("the poll brought %v", ids(sets))
	}
}

// SSF 1.0 §8.1.2
func TestPausedHoldsAndDisabledDrops(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	set := func(status string) {
		t.Helper()
		got := w.ask("broker"+all, "POST", "/ssf/status", object{"stream_id": id, "status": status, "reason": "because"})
		if got.status != http.StatusOK || got.body["status"] != status || got.body["reason"] != "because" {
			t.Fatalf("%d %s", got.status, got.raw)
		}
		if got := w.ask("broker ssf.read", "GET", "/ssf/status?stream_id="+id, nil); got.body["status"] != status {
			t.Fatalf("%d %s", got.status, got.raw)
		}
	}
	set("paused")
	jti := w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"})
	if sets, _ := w.poll("broker", id, object{}); len(sets) != 0 {
		t.Error("a paused stream delivers")
	}
	set("enabled")
	if sets, _ := w.poll("broker", id, object{}); sets[string(jti)] == "" {
		t.Error("a paused stream does not hold")
	}
	set("disabled")
	w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_2"})
	set("enabled")
	if sets, _ := w.poll("broker", id, object{"returnImmediately": true}); len(sets) != 0 {
		t.Errorf("a disabled stream holds %v", ids(sets))
	}
	if got := w.ask("broker"+all, "POST", "/ssf/status", object{"stream_id": id, "status": "asleep"}); got.status != http.StatusBadRequest {
		t.Errorf("%d", got.status)
	}
}

// SSF 1.0 §8.1.4
func TestVerificationComesBackOnItsStreamAlone(t *testing.T) {
	w := newWorld(t)
	id, other := w.stream("broker", object{"events_requested": []string{verify.KeyRotated}}), w.stream("broker", nil)
	if got := w.ask("broker"+all, "POST", "/ssf/verify", object{"stream_id": id, "state": "xyz"}); got.status != http.StatusNoContent {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	sets, _ := w.poll("broker", id, object{})
	if len(sets) != 1 {
		t.Fatalf("%v", ids(sets))
	}
	payload := w.opened(sets[ids(sets)[0]])
	if got := string(must(json.Marshal([]any{payload["sub_id"], payload["events"]}))); got != string(must(json.Marshal([]any{object{"format": "opaque", "id": id}, object{verify.StreamVerification: object{"state": "xyz"}}}))) {
		t.Errorf("%s", got)
	}
	if sets, _ := w.poll("broker", other, object{"returnImmediately": true}); len(sets) != 0 {
		t.Error("another stream was told")
	}
	again := w.ask("broker"+all, "POST", "/ssf/verify", object{"stream_id": id})
	if again.status != http.StatusTooManyRequests || again.header.Get("Retry-After") == "" {
		t.Errorf("at once again: %d", again.status)
	}
	w.pass(2 * verifyInterval)
	if got := w.ask("broker"+all, "POST", "/ssf/verify", object{"stream_id": id}); got.status != http.StatusNoContent {
		t.Errorf("later: %d %s", got.status, got.raw)
	}
	if got := w.ask("broker"+all, "POST", "/ssf/verify", object{"stream_id": id, "state": strings.Repeat("x", 2000)}); got.status != http.StatusBadRequest {
		t.Errorf("a huge state: %d", got.status)
	}
}

// SSF 1.0 §8.1.3, §9.3: subjects are accepted and change nothing, so nobody can mute a stream.
func TestRemovingASubjectMutesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	body := object{"stream_id": id, "subject": object{"format": "iss_sub", "iss": iss, "sub": "usr_1"}}
	if got := w.ask("broker"+all, "POST", "/ssf/subjects/add", body); got.status != http.StatusOK || got.raw != "" {
		t.Errorf("%d %s", got.status, got.raw)
	}
	if got := w.ask("broker"+all, "POST", "/ssf/subjects/remove", body); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.raw)
	}
	w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"})
	if sets, _ := w.poll("broker", id, object{}); len(sets) != 1 {
		t.Error("the stream was muted")
	}
	if got := w.ask("broker"+all, "POST", "/ssf/subjects/add", object{"stream_id": id, "subject": object{}}); got.status != http.StatusBadRequest {
		t.Errorf("%d", got.status)
	}
}

func TestMalformedPollsAreRefused(t *testing.T) {
	w := newWorld(t)
	id := w.stream("broker", nil)
	for name, body := range map[string]any{
		"nothing": "", "no object": `[]`, "something after": `{} {}`, "a negative number": `{"maxEvents":-1}`, "a text for a number": `{"maxEvents":"1"}`,
		"an empty jti": `{"ack":[""]}`, "a long jti": object{"ack": []string{strings.Repeat("x", 200)}}, "no error code": `{"setErrs":{"a":{}}}`,
		"too many": object{"ack": slices.Repeat([]string{"x"}, 1001)}, "half": `{"ack":[`,
	} {
		if got := w.ask("broker ssf.read", "POST", "/ssf/poll/"+id, body); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
}

// What is not polled for a day is removed; a receiver that is there is not.
func TestStreamsThatNobodyPollsAreSwept(t *testing.T) {
	w := newWorld(t)
	idle, live := w.stream("broker", nil), w.stream("broker", nil)
	w.pass(23 * time.Hour)
	w.poll("broker", live, object{"returnImmediately": true})
	w.pass(2 * time.Hour)
	w.check(w.Sweep(t.Context()))
	if got := w.ask("broker"+all, "GET", "/ssf/stream?stream_id="+idle, nil); got.status != http.StatusNotFound {
		t.Errorf("the idle stream: %d", got.status)
	}
	w.poll("broker", live, object{"returnImmediately": true})
}

func TestOneClientCannotFillTheTable(t *testing.T) {
	w := newWorld(t)
	var changes []symbolon.Change
	for range maxStreams {
		changes = append(changes, symbolon.PutStream{Stream: symbolon.Stream{ID: symbolon.NewStreamID(), Client: "broker", Delivery: deliveryPoll, Status: enabled, Created: w.clock(), LastSeen: w.clock()}})
	}
	w.check(w.db.Commit(t.Context(), changes...))
	if got := w.ask("broker"+all, "POST", "/ssf/stream", nil); got.status != http.StatusConflict {
		t.Errorf("%d", got.status)
	}
	w.stream("partner", nil)
}

// The parser of outside input: never a panic, and nothing beyond its limits comes through.
func FuzzPollRequest(f *testing.F) {
	for _, seed := range []string{`{}`, `{"maxEvents":0,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"x"}}}`, `{"maxEvents":-1}`, `{"ack":[""]}`, `[]`, `{"ack":null}{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var asked pollRequest
		if read(httptest.NewRequest("POST", "/", bytes.NewReader(body)), &asked) != nil {
			return
		}
		want, done, err := asked.check()
		if err != nil {
			return
		}
		if want < 0 || want > maxBatch || len(done) > maxAcks || done[""] {
			t.Fatalf("%q passed: %d %d", body, want, len(done))
		}
	})
}

func BenchmarkPollOneEvent(b *testing.B) {
	w := newWorld(b)
	id := w.stream("broker", nil)
	w.happen(symbolon.Event{Type: symbolon.UserDisabled, User: "usr_1"})
	b.ReportAllocs()
	for b.Loop() {
		w.poll("broker", id, object{"returnImmediately": true})
	}
}
