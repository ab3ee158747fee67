package verify_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// feed is one receiver's stream at the house.
type feed struct {
	id      string
	request map[string]any
	waiting []entry
	batch   int // SETs in one answer
	acked   []string
	refused map[string]string
	wake    chan struct{}
}

type entry struct{ id, compact string }

func (h *house) createStream(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made++
	f := &feed{id: "str_" + strconv.Itoa(h.made), refused: map[string]string{}, batch: 2, wake: make(chan struct{}, 1)}
	if err := json.NewDecoder(r.Body).Decode(&f.request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.streams[f.id] = f
	write(w, http.StatusCreated, h.describe(f))
}

func (h *house) describe(f *feed) map[string]any {
	return map[string]any{"stream_id": f.id, "iss": h.url, "aud": clientID, "events_delivered": f.request["events_requested"],
		"delivery": map[string]any{"method": verify.DeliveryPoll, "endpoint_url": h.url + "/ssf/poll/" + f.id}}
}

func (h *house) listStreams(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []any{}
	for _, f := range h.streams {
		all = append(all, h.describe(f))
	}
	write(w, http.StatusOK, all)
}

func (h *house) deleteStream(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, r.URL.Query().Get("stream_id"))
	w.WriteHeader(http.StatusNoContent)
}

func (h *house) poll(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ReturnImmediately bool     `json:"returnImmediately"`
		MaxEvents         int      `json:"maxEvents"`
		Ack               []string `json:"ack"`
		Errors            map[string]struct {
			Code string `json:"err"`
		} `json:"setErrs"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	h.mu.Lock()
	f := h.streams[r.PathValue("id")]
	h.mu.Unlock()
	if f == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h.mu.Lock()
	f.acked = append(f.acked, asked.Ack...)
	for id, e := range asked.Errors {
		f.refused[id] = e.Code
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(e entry) bool {
		_, refused := asked.Errors[e.id]
		return refused || slices.Contains(asked.Ack, e.id)
	})
	empty := len(f.waiting) == 0
	h.mu.Unlock()
	if empty && !asked.ReturnImmediately {
		select {
		case <-f.wake:
		case <-r.Context().Done():
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[f.id] == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body := `{"sets":{`
	sent := f.waiting[:min(len(f.waiting), asked.MaxEvents, f.batch)]
	for i, e := range sent {
		if i > 0 {
			body += ","
		}
		body += strconv.Quote(e.id) + ":" + strconv.Quote(e.compact)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body + `},"moreAvailable":` + strconv.FormatBool(len(sent) < len(f.waiting)) + `}`))
}

// say sends an event to every stream and returns its jti.
func (h *house) say(event string, subject map[string]any) string {
	h.t.Helper()
	h.mu.Lock()
	h.serial++
	id := "evt_" + strconv.Itoa(h.serial)
	h.mu.Unlock()
	set := map[string]any{"iss": h.url, "aud": clientID, "jti": id, "iat": h.clock.now().Unix(), "sub_id": subject,
		"events": map[string]any{event: map[string]any{"event_timestamp": h.clock.now().Unix()}}}
	h.send(id, h.signAs(token.TypeSecurityEvent, set))
	return id
}

func (h *house) send(id, compact string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.streams {
		f.waiting = append(f.waiting, entry{id, compact})
		f.stir()
	}
}

func (f *feed) stir() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// drop forgets all streams, as a transmitter does that lost its memory.
func (h *house) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.streams {
		f.stir()
	}
	clear(h.streams)
}

func (h *house) user(sub string) map[string]any {
	return map[string]any{"format": "iss_sub", "iss": h.url, "sub": sub}
}

func (h *house) session(sub, sid string) map[string]any {
	return map[string]any{"format": "complex", "user": h.user(sub), "session": map[string]any{"format": "opaque", "id": sid}}
}
