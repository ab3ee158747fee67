package signals

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

// streamStatus is SSF 1.0 §8.1.2.
type streamStatus struct {
	ID     string `json:"stream_id"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func (t *Transmitter) showStatus(w http.ResponseWriter, r *http.Request, c caller) error {
	s, err := t.stream(r.Context(), c, r.URL.Query().Get("stream_id"))
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", streamStatus{ID: string(s.ID), Status: s.Status})
	return nil
}

// setStatus takes a receiver's word: paused keeps what happens meanwhile, disabled does not.
func (t *Transmitter) setStatus(w http.ResponseWriter, r *http.Request, c caller) error {
	var asked streamStatus
	if err := read(r, &asked); err != nil {
		return err
	}
	if asked.Status != enabled && asked.Status != paused && asked.Status != disabled {
		return symbolon.Errorf(symbolon.Invalid, "status must be enabled, paused or disabled")
	}
	s, err := t.stream(r.Context(), c, asked.ID)
	if err != nil {
		return err
	}
	if s.Status == disabled {
		s.Cursor = t.Log.Head()
	}
	s.Status = asked.Status
	if err := t.Store.Commit(r.Context(), symbolon.PutStream{Stream: *s}, t.seen(s)); err != nil {
		return err
	}
	asked.Reason = cutText(asked.Reason, maxDescription)
	door.WriteJSON(w, http.StatusOK, "application/json", asked)
	return nil
}
