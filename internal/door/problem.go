package door

import (
	"encoding/json"
	"net/http"

	"symbolon.dev"
)

// Problem is RFC 9457, with the request id that finds the cause in the log and what would help.
type Problem struct {
	Type      string            `json:"type"`
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail,omitempty"`
	RequestID string            `json:"request_id"`
	Policies  []string          `json:"policies,omitempty"`
	Remedies  []symbolon.Remedy `json:"remedies,omitempty"`
}

// AsProblem is the [Crossing] for JSON APIs that have no error form of their own.
func AsProblem(w http.ResponseWriter, _ *http.Request, ev *Event, err error) {
	problem := AsValue(Known(err), ev.RequestID)
	WriteJSON(w, problem.Status, "application/problem+json", problem)
}

// AsValue is the public form of an error, for doors that write it themselves.
func AsValue(known *symbolon.Error, requestID string) Problem {
	status := StatusOf(known)
	return Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: known.Message,
		RequestID: requestID, Policies: known.Policies, Remedies: known.Remedies,
	}
}

// WriteJSON writes one JSON value that no cache may keep.
func WriteJSON(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
