package signals

import (
	"context"
	"net/http"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

const (
	maxBatch  = 100  // SETs in one answer
	maxAcks   = 1000 // acknowledgements in one request
	maxJTI    = 128  // bytes
	logPage   = 256  // events read from the log at once
	maxPages  = 16   // of them in one look
	maxBehind = 512  // events that may be read over before the cursor is moved in the store
)

// pollRequest is RFC 8936 §2.2.
type pollRequest struct {
	MaxEvents         *int               `json:"maxEvents"`
	ReturnImmediately bool               `json:"returnImmediately"`
	Ack               []string           `json:"ack"`
	SetErrs           map[string]setFail `json:"setErrs"`
}

type setFail struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

// pollAnswer is RFC 8936 §2.3.
type pollAnswer struct {
	Sets          map[string]string `json:"sets"`
	MoreAvailable bool              `json:"moreAvailable,omitempty"`
}

// check gives the number of SETs wanted and what has been dealt with, well or not: a SET that the
// receiver cannot use would be no better the next time (RFC 8936 §2.4).
func (q *pollRequest) check() (want int, done map[string]bool, err error) {
	want = maxBatch
	if q.MaxEvents != nil {
		want = min(*q.MaxEvents, maxBatch)
	}
	if want < 0 {
		return 0, nil, symbolon.Errorf(symbolon.Invalid, "maxEvents is negative")
	}
	if len(q.Ack)+len(q.SetErrs) > maxAcks {
		return 0, nil, symbolon.Errorf(symbolon.Invalid, "more than %d SETs are acknowledged at once", maxAcks)
	}
	done = make(map[string]bool, len(q.Ack)+len(q.SetErrs))
	for _, jti := range q.Ack {
		done[jti] = true
	}
	for jti, fail := range q.SetErrs {
		if fail.Err == "" {
			return 0, nil, symbolon.Errorf(symbolon.Invalid, "an entry of setErrs has no err")
		}
		done[jti] = true
	}
	for jti := range done {
		if jti == "" || len(jti) > maxJTI {
			return 0, nil, symbolon.Errorf(symbolon.Invalid, "a jti is empty or longer than %d bytes", maxJTI)
		}
	}
	return want, done, nil
}

func (t *Transmitter) poll(w http.ResponseWriter, r *http.Request, c caller) error {
	var asked pollRequest
	if err := read(r, &asked); err != nil {
		return err
	}
	want, done, err := asked.check()
	if err != nil {
		return err
	}
	s, err := t.stream(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := t.acknowledge(r.Context(), s, done); err != nil {
		return err
	}
	answer, err := t.next(r.Context(), s, want, asked.ReturnImmediately || want == 0)
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", answer)
	return nil
}

// acknowledge moves the cursor over what was dealt with and over what does not concern the
// stream, up to the first event that still waits. The store learns of it when something was
// dealt with, when the cursor has fallen far behind, or as a sign of life.
func (t *Transmitter) acknowledge(ctx context.Context, s *symbolon.Stream, done map[string]bool) error {
	stored := s.Cursor
	s.Cursor = max(s.Cursor, t.hint(s.ID))
	acked := 0
	for range maxPages {
		events, err := t.Log.After(ctx, s.Cursor, logPage)
		if err != nil {
			return err
		}
		for i := range events {
			switch e := &events[i]; {
			case s.Status != disabled && concerns(s, e) && !done[string(e.ID)]:
				return t.moved(ctx, s, stored, acked)
			case concerns(s, e):
				acked++
			}
			s.Cursor = events[i].Seq
		}
		if len(events) < logPage {
			break
		}
	}
	return t.moved(ctx, s, stored, acked)
}

func (t *Transmitter) moved(ctx context.Context, s *symbolon.Stream, stored int64, acked int) error {
	t.mu.Lock()
	t.read[s.ID] = s.Cursor
	t.mu.Unlock()
	if acked == 0 && s.Cursor-stored < maxBehind && t.Clock().Sub(s.LastSeen) < time.Minute {
		return nil
	}
	return t.Store.Commit(ctx, t.seen(s))
}

func (t *Transmitter) hint(id symbolon.StreamID) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read[id]
}

func (t *Transmitter) forget(id symbolon.StreamID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.read, id)
}

// next waits until there is something to say, and says it.
func (t *Transmitter) next(ctx context.Context, s *symbolon.Stream, want int, now bool) (pollAnswer, error) {
	held, cancel := context.WithTimeout(ctx, t.Hold)
	defer cancel()
	for from := s.Cursor; ; {
		waiting, upTo, more, err := t.collect(ctx, s, from, want)
		if err != nil {
			return pollAnswer{}, err
		}
		if len(waiting) > 0 || now || held.Err() != nil {
			return t.answer(s, waiting, more)
		}
		from = upTo
		if s.Status != enabled {
			<-held.Done()
		} else if err := t.Log.Wait(held, from); err != nil && held.Err() == nil {
			return pollAnswer{}, err
		}
		if err := ctx.Err(); err != nil {
			return pollAnswer{}, err
		}
	}
}

// collect reads on from a place in the log: what concerns the stream, up to where it has read,
// and whether there is more than was wanted.
func (t *Transmitter) collect(ctx context.Context, s *symbolon.Stream, from int64, want int) (waiting []symbolon.Event, upTo int64, more bool, err error) {
	upTo = from
	if s.Status != enabled {
		return nil, upTo, false, nil
	}
	for range maxPages {
		events, err := t.Log.After(ctx, upTo, logPage)
		if err != nil {
			return nil, upTo, false, err
		}
		for i := range events {
			if concerns(s, &events[i]) {
				if len(waiting) == want {
					return waiting, upTo, true, nil
				}
				waiting = append(waiting, events[i])
			}
			upTo = events[i].Seq
		}
		if len(events) < logPage {
			return waiting, upTo, false, nil
		}
	}
	return waiting, upTo, true, nil
}

func (t *Transmitter) answer(s *symbolon.Stream, waiting []symbolon.Event, more bool) (pollAnswer, error) {
	answer := pollAnswer{Sets: make(map[string]string, len(waiting)), MoreAvailable: more}
	for i := range waiting {
		set, err := t.sign(s, &waiting[i])
		if err != nil {
			return pollAnswer{}, err
		}
		answer.Sets[string(waiting[i].ID)] = set
	}
	return answer, nil
}

// Sweep removes streams that nobody has polled for a day. Their receivers find out by 404 and begin
// anew, without trust in what they had kept.
func (t *Transmitter) Sweep(ctx context.Context) error {
	all, err := t.Store.Streams(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if s := &all[i]; t.Clock().Sub(s.LastSeen) > idleLimit {
			gone := t.news(symbolon.StreamDeleted, s, caller{actor: "system"})
			gone.Reason = "not polled for a day"
			if err := t.Store.Commit(ctx, symbolon.DeleteStream{ID: s.ID}, gone); err != nil {
				return err
			}
			t.forget(s.ID)
		}
	}
	return nil
}
