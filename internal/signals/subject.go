package signals

import (
	"net/http"

	"symbolon.dev"
)

// subjectRequest is SSF 1.0 §8.1.3.
type subjectRequest struct {
	ID       string         `json:"stream_id"`
	Subject  map[string]any `json:"subject"`
	Verified *bool          `json:"verified"`
}

// Every stream is about everybody (default_subjects ALL). To add somebody is already so; to
// remove somebody is accepted and not done: whoever removes a subject wants to be told nothing,
// and a thief would like a receiver that is told nothing (SSF 1.0 §9.3).
func (t *Transmitter) addSubject(w http.ResponseWriter, r *http.Request, c caller) error {
	return t.subject(w, r, c, http.StatusOK)
}

func (t *Transmitter) removeSubject(w http.ResponseWriter, r *http.Request, c caller) error {
	return t.subject(w, r, c, http.StatusNoContent)
}

func (t *Transmitter) subject(w http.ResponseWriter, r *http.Request, c caller, status int) error {
	var asked subjectRequest
	if err := read(r, &asked); err != nil {
		return err
	}
	if format, _ := asked.Subject["format"].(string); format == "" {
		return symbolon.Errorf(symbolon.Invalid, "subject must be a subject identifier with a format")
	}
	if _, err := t.stream(r.Context(), c, asked.ID); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return nil
}
