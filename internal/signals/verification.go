package signals

import (
	"errors"
	"net/http"
	"strconv"

	"symbolon.dev"
)

const maxState = 1024 // bytes

// verificationRequest is SSF 1.0 §8.1.4.2.
type verificationRequest struct {
	ID    string `json:"stream_id"`
	State string `json:"state"`
}

// verify puts a verification event into the log, where the stream finds it in its turn: the
// answer proves the whole way. A mark per interval holds the rate across replicas.
func (t *Transmitter) verify(w http.ResponseWriter, r *http.Request, c caller) error {
	var asked verificationRequest
	if err := read(r, &asked); err != nil {
		return err
	}
	if len(asked.State) > maxState {
		return symbolon.Errorf(symbolon.Invalid, "state is longer than %d bytes", maxState)
	}
	s, err := t.stream(r.Context(), c, asked.ID)
	if err != nil {
		return err
	}
	now := t.Clock()
	turn := now.Truncate(verifyInterval)
	mark := symbolon.MarkOnce{Expires: turn.Add(2 * verifyInterval),
		Key: symbolon.HashOf("ssf.verify\x00" + string(s.ID) + "\x00" + strconv.FormatInt(turn.Unix(), 10))}
	event := t.news(symbolon.StreamVerification, s, c)
	if asked.State != "" {
		event.Data["state"] = asked.State
	}
	err = t.Store.Commit(r.Context(), mark, t.seen(s), event)
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Conflict {
		return symbolon.Errorf(symbolon.TooMany, "verification was asked for less than %s ago", verifyInterval)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
