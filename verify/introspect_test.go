package verify_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

func (h *house) introspector(vary func(*verify.IntrospectorOptions)) *verify.Introspector {
	h.t.Helper()
	o := verify.IntrospectorOptions{Client: h.client()}
	if vary != nil {
		vary(&o)
	}
	i, err := verify.NewIntrospector(o)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// active asks and says whether the token is active and how often the issuer has been asked so far.
func (h *house) active(i *verify.Introspector, raw string) (bool, int) {
	h.t.Helper()
	claims, err := i.Introspect(h.t.Context(), raw)
	if err != nil {
		h.t.Fatal(err)
	}
	return claims != nil, h.called("/introspect")
}

// S23
func TestAnswersAreKeptUntilTheyAreOldOrTheTokenEnds(t *testing.T) {
	h := newHouse(t)
	i := h.introspector(nil)
	raw := h.give(h.claims())
	expect := func(active bool, asked int) {
		t.Helper()
		if a, n := h.active(i, raw); a != active || n != asked {
			t.Fatalf("active %v after %d questions, want %v after %d", a, n, active, asked)
		}
	}
	expect(true, 1)
	h.clock.pass(59 * time.Second)
	expect(true, 1)
	h.clock.pass(time.Second)
	expect(true, 2)
	h.forget(raw)
	h.clock.pass(time.Minute)
	expect(false, 3)
	h.clock.pass(9 * time.Second)
	expect(false, 3)
	h.clock.pass(time.Second)
	expect(false, 4)

	short := h.claims()
	short.Expires = h.clock.now().Add(5 * time.Second)
	raw = h.give(short)
	expect(true, 5)
	h.clock.pass(5 * time.Second)
	expect(false, 6) // the house would still say active: it has ended all the same
}

// S20: a signal takes away exactly what it is about.
func TestASignalDropsWhatItConcerns(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		signal verify.Signal
		drops  bool
	}{
		"its session":             {verify.Signal{Type: verify.SessionRevoked, Subject: verify.SubjectID{User: "usr_1", Session: "ses_1"}}, true},
		"another session of hers": {verify.Signal{Type: verify.SessionRevoked, Subject: verify.SubjectID{User: "usr_1", Session: "ses_2"}}, false},
		"all her sessions":        {verify.Signal{Type: verify.SessionRevoked, Subject: verify.SubjectID{User: "usr_1"}}, true},
		"another user":            {verify.Signal{Type: verify.AccountDisabled, Subject: verify.SubjectID{User: "usr_2"}}, false},
		"its user":                {verify.Signal{Type: verify.AccountDisabled, Subject: verify.SubjectID{User: "usr_1"}}, true},
		"its token":               {verify.Signal{Type: verify.TokenRevoked, Subject: verify.SubjectID{Token: "tok_x"}}, true},
		"another token":           {verify.Signal{Type: verify.TokenRevoked, Subject: verify.SubjectID{Token: "tok_y"}}, false},
		"its authorization":       {verify.Signal{Type: verify.AuthorizationRevoked, Subject: verify.SubjectID{Authorization: "aut_1"}}, true},
		"its client":              {verify.Signal{Type: verify.ClientDisabled, Subject: verify.SubjectID{Client: "broker"}}, true},
		"its actor":               {verify.Signal{Type: verify.ClientDisabled, Subject: verify.SubjectID{Client: "orders"}}, true},
		"another client":          {verify.Signal{Type: verify.ClientDisabled, Subject: verify.SubjectID{Client: "wiki"}}, false},
		"ids of another kind":     {verify.Signal{Type: verify.ClientDisabled, Subject: verify.SubjectID{Client: "ses_1"}}, false},
		"the catalog":             {verify.Signal{Type: verify.CatalogChanged}, true},
		"an unknown event":        {verify.Signal{Type: "urn:example:event"}, true},
		"keys":                    {verify.Signal{Type: verify.KeyRotated}, false},
	} {
		i := h.introspector(nil)
		claims := h.claims()
		claims.ID, claims.Actor = "tok_x", &token.Actor{Subject: "orders"}
		raw := h.give(claims)
		_, before := h.active(i, raw)
		i.Forget(c.signal)
		if _, after := h.active(i, raw); (after > before) != c.drops {
			t.Errorf("%s: dropped is %v", name, after > before)
		}
		i.ForgetAll()
		if _, last := h.active(i, raw); last < before+1 {
			t.Errorf("%s: an answer outlived ForgetAll", name)
		}
	}
}

// S20: revocation wins a race against an introspection that began before it.
func TestASignalOvertakesAnAnswerUnderWay(t *testing.T) {
	h := newHouse(t)
	i := h.introspector(nil)
	raw := h.give(h.claims())
	var once sync.Once
	h.on("/introspect", func(w http.ResponseWriter, r *http.Request) bool {
		overtaken := false
		once.Do(func() { // this answer still says active; before it arrives, the session ends
			r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
			h.authenticated(h.introspect)(w, r)
			h.forget(raw)
			i.Forget(verify.Signal{Type: verify.SessionRevoked, Subject: verify.SubjectID{Session: "ses_1"}})
			overtaken = true
		})
		return overtaken
	})
	if active, asked := h.active(i, raw); active || asked != 2 {
		t.Fatalf("active %v after %d questions", active, asked)
	}
}

// S44: many requests with one token are one question.
func TestQuestionsAreAskedOnceAtATime(t *testing.T) {
	h := newHouse(t)
	i := h.introspector(nil)
	raw := h.give(h.claims())
	gate := make(chan struct{})
	h.on("/introspect", func(http.ResponseWriter, *http.Request) bool { <-gate; return false })
	var all, begun sync.WaitGroup
	for range 50 {
		begun.Add(1)
		all.Go(func() {
			begun.Done()
			if claims, err := i.Introspect(t.Context(), raw); err != nil || claims == nil {
				t.Errorf("%v, %v", claims, err)
			}
		})
	}
	begun.Wait()
	close(gate)
	all.Wait()
	if n := h.called("/introspect"); n > 2 { // one who came late may have asked again
		t.Fatalf("%d questions", n)
	}
}

// S3: what the issuer did not clearly say is not taken for a yes.
func TestAnswersThatCannotBeReadAreErrors(t *testing.T) {
	h := newHouse(t)
	for _, answer := range []string{``, `[]`, `{}`, `{"active":"true"}`, `{"active":1}`, `{"active":false,"active":true}`, `{"active":true,"aud":7}`,
		`{"active":true,"cnf":{"kid":"x"}}`} {
		h.on("/introspect", says(answer))
		if claims, err := h.introspector(nil).Introspect(t.Context(), "x"); kindOf(err) != symbolon.Unavailable || claims != nil {
			t.Errorf("%s: %v, %v", answer, claims, err)
		}
	}
	h.on("/introspect", says(`{"active":true,"iss":"https://evil.example","sub":"x"}`))
	if claims, err := h.introspector(nil).Introspect(t.Context(), "x"); err != nil || claims != nil {
		t.Errorf("a token of another issuer: %v, %v", claims, err)
	}
	h.on("/introspect", nil)
	wrong := h.introspector(func(o *verify.IntrospectorOptions) { o.Secret = symbolon.NewSecret("wrong") })
	if _, err := wrong.Introspect(t.Context(), "x"); kindOf(err) != symbolon.Unavailable {
		t.Error("with the wrong secret:", err)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	h := newHouse(t)
	i := h.introspector(nil)
	raw := h.give(h.claims())
	h.on("/introspect", fails(http.StatusServiceUnavailable))
	if _, err := i.Introspect(t.Context(), raw); kindOf(err) != symbolon.Unavailable {
		t.Fatal(err)
	}
	h.on("/introspect", nil)
	if active, _ := h.active(i, raw); !active {
		t.Fatal("an error was kept")
	}
}

func BenchmarkIntrospectorHit(b *testing.B) {
	h := newHouse(b)
	i := h.introspector(nil)
	for n := range 1000 { // a cache with company
		c := h.claims()
		c.SessionID = "ses_" + strconv.Itoa(n)
		h.active(i, h.give(c))
	}
	raw := h.give(h.claims())
	b.ReportAllocs()
	for b.Loop() {
		if claims, err := i.Introspect(b.Context(), raw); err != nil || claims == nil {
			b.Fatal(err)
		}
	}
}
