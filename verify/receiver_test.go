package verify_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// follower is a receiver that runs, with what it was told.
type follower struct {
	*verify.Receiver
	signals chan verify.Signal
	gaps    chan struct{}
	stop    func()
}

func (h *house) receiver(vary func(*verify.ReceiverOptions)) *follower {
	h.t.Helper()
	f := &follower{signals: make(chan verify.Signal, 1000), gaps: make(chan struct{}, 100)}
	o := verify.ReceiverOptions{Issuer: h.url, Tokens: h.source(h.url + "/ssf"), Description: "test", Clock: h.clock.now,
		On: func(s verify.Signal) { f.signals <- s }, OnGap: func() { f.gaps <- struct{}{} },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if vary != nil {
		vary(&o)
	}
	var err error
	if f.Receiver, err = verify.NewReceiver(o); err != nil {
		h.t.Fatal(err)
	}
	return f
}

func (f *follower) run(t testing.TB) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = func() {
		t.Helper()
		cancel()
		if err := await(t, done, "the end of Run"); err != nil {
			t.Fatal(err)
		}
		done <- nil
	}
	t.Cleanup(f.stop)
	await(t, f.gaps, "the first gap")
	return f
}

// connected waits until the feed has said that there is nothing more.
func (f *follower) connected(h *house) *follower {
	h.t.Helper()
	f.until(h, func() bool { return f.Fresh(h.clock.now()) })
	return f
}

// until lets polls go by until something holds.
func (f *follower) until(h *house, holds func() bool) {
	h.t.Helper()
	for n := 0; !holds(); n++ {
		if n == 200 {
			h.t.Fatal("the feed never got there")
		}
		arrived := make(chan struct{}, 1)
		h.on("/ssf/poll", func(http.ResponseWriter, *http.Request) bool {
			select {
			case arrived <- struct{}{}:
			default:
			}
			return false
		})
		h.mu.Lock()
		for _, s := range h.streams {
			s.stir()
		}
		h.mu.Unlock()
		await(h.t, arrived, "a poll")
	}
	h.on("/ssf/poll", nil)
}

func (h *house) feedOf(n int) feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.streams["str_"+strconv.Itoa(n)]
	if f == nil {
		return feed{}
	}
	return feed{id: f.id, request: f.request, acked: slices.Clone(f.acked), refused: f.refused}
}

// S20: SSF 1.0 §8.1, RFC 8936.
func TestTheReceiverHearsEverySignalInOrderAndAcknowledgesIt(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	asked := h.feedOf(1).request
	if asked["delivery"].(map[string]any)["method"] != verify.DeliveryPoll || len(asked["events_requested"].([]any)) != len(verify.Signals()) {
		t.Fatalf("the stream was asked for as %v", asked)
	}
	var sent []string
	for n := range 30 {
		sent = append(sent, h.say(verify.SessionRevoked, h.session("usr_1", "ses_"+strconv.Itoa(n))))
	}
	for n, id := range sent {
		s := await(t, r.signals, "signal "+id)
		if s.ID != id || s.Type != verify.SessionRevoked || s.Subject.User != "usr_1" || s.Subject.Session != "ses_"+strconv.Itoa(n) || !s.At.Equal(h.clock.now()) {
			t.Fatalf("signal %d is %+v", n, s)
		}
	}
	r.until(h, func() bool { return slices.Equal(h.feedOf(1).acked, sent) })
	r.stop()
	if h.feedOf(1).id != "" {
		t.Error("the stream was left behind")
	}
	if r.Fresh(h.clock.now()) {
		t.Error("a receiver that has stopped is fresh")
	}
}

// RFC 8936 §2.3 delivers an object, whose members have no order.
func TestSignalsAreHeardInTheOrderInWhichTheyHappened(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	at := h.clock.now().Unix()
	event := func(id string, toe any, payload map[string]any) entry {
		set := map[string]any{"iss": h.url, "aud": clientID, "jti": id, "iat": at, "sub_id": h.user("u"), "events": map[string]any{verify.AccountDisabled: payload}}
		if toe != nil {
			set["toe"] = toe
		}
		return entry{id, h.signAs(token.TypeSecurityEvent, set)}
	}
	later, earlier := event("a", nil, map[string]any{}), event("b", at-5, map[string]any{})
	first := event("c", at-1, map[string]any{"event_timestamp": at - 9})
	h.mu.Lock()
	f := h.streams["str_1"]
	f.batch, f.waiting = 3, []entry{later, earlier, first}
	f.stir()
	h.mu.Unlock()
	for _, want := range []string{"c", "b", "a"} {
		if s := await(t, r.signals, want); s.ID != want {
			t.Fatalf("heard %s, want %s", s.ID, want)
		}
	}
}

func TestSubjectsAreReadAsTheyAreMeant(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	opaque := func(id string) map[string]any { return map[string]any{"format": "opaque", "id": id} }
	for _, c := range []struct {
		event   string
		subject map[string]any
		want    verify.SubjectID
	}{
		{verify.SessionRevoked, h.session("u", "s"), verify.SubjectID{User: "u", Session: "s"}},
		{verify.SessionRevoked, h.user("u"), verify.SubjectID{User: "u"}},
		{verify.AssuranceLevelChange, h.session("u", "s"), verify.SubjectID{User: "u", Session: "s"}},
		{verify.AccountDisabled, h.user("u"), verify.SubjectID{User: "u"}},
		{verify.AccountDisabled, map[string]any{"format": "iss_sub", "iss": "https://evil.example", "sub": "u"}, verify.SubjectID{}},
		{verify.TokenRevoked, map[string]any{"format": "jwt_id", "iss": h.url, "jti": "t"}, verify.SubjectID{Token: "t"}},
		{verify.AuthorizationRevoked, opaque("a"), verify.SubjectID{Authorization: "a"}},
		{verify.ClientDisabled, opaque("c"), verify.SubjectID{Client: "c"}},
		{verify.CatalogChanged, map[string]any{"format": "uri", "uri": h.url}, verify.SubjectID{}},
		{"urn:example:unknown", opaque("x"), verify.SubjectID{}},
	} {
		h.say(c.event, c.subject)
		if s := await(t, r.signals, c.event); s.Type != c.event || s.Subject != c.want {
			t.Errorf("%s %v was heard as %+v", c.event, c.subject, s)
		}
	}
}

// S25: an attacker who can write into the feed's transport cannot speak in the issuer's name, and
// what was lost is not taken for silence.
func TestASetThatIsNotTheIssuersIsRefusedAndCountsAsAGap(t *testing.T) {
	h, evil := newHouse(t), newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	base := func(vary func(map[string]any)) map[string]any {
		set := map[string]any{"iss": h.url, "aud": []string{clientID}, "jti": "evt", "iat": h.clock.now().Unix(), "sub_id": h.user("u"),
			"events": map[string]any{verify.AccountDisabled: map[string]any{}}}
		vary(set)
		return set
	}
	same := func(map[string]any) {}
	access := h.claims()
	for id, c := range map[string]struct {
		compact string
		code    string
	}{
		"evt-key":    {evil.signAs(token.TypeSecurityEvent, base(same)), "invalid_key"},
		"evt-typ":    {h.signAs(token.TypeAccessToken, base(same)), "invalid_key"},
		"evt-access": {h.sign(access), "invalid_key"},
		"evt-none":   {"x", "invalid_key"},
		"evt-iss":    {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["iss"] = evil.url })), "invalid_issuer"},
		"evt-aud":    {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["aud"] = "wiki" })), "invalid_audience"},
		"evt-jti":    {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["jti"] = "other" })), "invalid_request"},
		"evt-iat":    {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["jti"] = "evt-iat"; delete(s, "iat") })), "invalid_request"},
		"evt-events": {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["jti"] = "evt-events"; s["events"] = map[string]any{} })), "invalid_request"},
		"evt-event":  {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["jti"] = "evt-event"; s["events"] = map[string]any{"x": 1} })), "invalid_request"},
		"evt-sub":    {h.signAs(token.TypeSecurityEvent, base(func(s map[string]any) { s["jti"] = "evt-sub"; s["sub_id"] = "u" })), "invalid_request"},
	} {
		h.send(id, c.compact)
		await(t, r.gaps, "the gap after "+id)
		r.until(h, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.streams["str_1"].refused[id] == c.code })
	}
	if len(r.signals) != 0 {
		t.Fatalf("heard %+v", <-r.signals)
	}
	h.say(verify.AccountDisabled, h.user("u"))
	await(t, r.signals, "a good signal after bad ones")
}

// S44: a stream that is gone is made again, and the owner is told to forget.
func TestAStreamThatIsLostIsMadeAgain(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	h.drop()
	await(t, r.gaps, "the gap")
	await(t, r.gaps, "the gap of the new stream")
	h.say(verify.AccountDisabled, h.user("u"))
	await(t, r.signals, "a signal on the new stream")
	h.say(verify.StreamUpdated, map[string]any{"format": "opaque", "id": "str_2"}) // no status: not enabled
	await(t, r.gaps, "the gap after the transmitter disabled the stream")
}

func TestAReceiverTakesOverTheStreamThatIsThere(t *testing.T) {
	h := newHouse(t)
	first := h.receiver(nil).run(t).connected(h)
	_ = first
	h.on("/ssf/stream", func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusConflict)
		}
		return r.Method == http.MethodPost
	})
	h.receiver(nil).run(t).connected(h)
	if h.made != 1 {
		t.Errorf("%d streams", h.made)
	}
}

// S44: the feed survives its transmitter, and is not fresh while it is away.
func TestTheFeedGoesStaleAndComesBack(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	h.on("/ssf/poll", fails(http.StatusBadGateway))
	h.mu.Lock()
	h.streams["str_1"].stir()
	h.mu.Unlock()
	h.clock.pass(14 * time.Second)
	if !r.Fresh(h.clock.now()) {
		t.Fatal("stale within the limit")
	}
	h.clock.pass(2 * time.Second)
	if r.Fresh(h.clock.now()) {
		t.Fatal("fresh past the limit")
	}
	missed := h.say(verify.AccountDisabled, h.user("u"))
	h.on("/ssf/poll", nil)
	if s := await(t, r.signals, "what was sent meanwhile"); s.ID != missed {
		t.Fatalf("heard %+v", s)
	}
	r.connected(h)
}

func TestARefusedTokenIsReplaced(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	h.mu.Lock()
	clear(h.opaque)
	h.streams["str_1"].stir()
	h.mu.Unlock()
	h.say(verify.AccountDisabled, h.user("u"))
	await(t, r.signals, "a signal after the token was revoked")
}

// S44: a transmitter that hangs or a clock that is set back makes nothing fresh.
func TestAClockThatWasSetBackProvesNothing(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t).connected(h)
	if r.Fresh(h.clock.now().Add(-time.Hour)) {
		t.Error("fresh an hour before the last contact")
	}
}

func TestAReceiverRunsOnce(t *testing.T) {
	h := newHouse(t)
	r := h.receiver(nil).run(t)
	if err := r.Run(t.Context()); err == nil {
		t.Error("it ran twice")
	}
	if err := r.Listen(nil, func() {}); err == nil {
		t.Error("somebody began to listen late")
	}
}
