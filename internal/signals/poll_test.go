package signals

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/verify"
)

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
	w.forget(symbolon.StreamID(id)) // another replica, which has read nothing
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
