package oauth

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// failure is the JSON error of RFC 6749 §5.2, with the request id that finds the cause in the log.
type failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	RequestID   string `json:"request_id"`
}

// codeOf gives an error's own code, or the one its kind has in OAuth.
func codeOf(err *symbolon.Error) string {
	if err.Code != "" {
		return err.Code
	}
	switch err.Kind {
	case symbolon.Invalid, symbolon.TooMany, symbolon.NotFound, symbolon.Conflict:
		return "invalid_request"
	case symbolon.Unauthenticated:
		return "invalid_client"
	case symbolon.Denied:
		return "access_denied"
	case symbolon.Unavailable:
		return "temporarily_unavailable"
	}
	return "server_error"
}

// statusOf is the HTTP status of an error at a JSON endpoint: 400 for all that the caller got
// wrong (RFC 6749 §5.2), 401 for a client that did not prove itself.
func statusOf(err *symbolon.Error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err.Cause, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case err.Kind == symbolon.Internal, err.Kind == symbolon.Unavailable, err.Kind == symbolon.TooMany:
		return door.StatusOf(err)
	}
	if codeOf(err) == "invalid_client" {
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

// asJSON is the crossing of the endpoints that clients call directly.
func asJSON(w http.ResponseWriter, _ *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	challenge(w, client.Challenge(known))
	var wanted *token.NonceWanted
	if errors.As(err, &wanted) {
		w.Header().Set(token.HeaderNonce, wanted.Nonce)
	}
	answerJSON(w, statusOf(known), failure{codeOf(known), printable(known.Message), ev.RequestID})
}

// asBearer is the crossing of a protected resource: RFC 6750 §3.
func asBearer(w http.ResponseWriter, _ *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	code := known.Code
	if code == "" && known.Kind == symbolon.Unauthenticated {
		code = "invalid_token" // in the body only: the challenge to a request without a token names no error
	}
	challenge(w, issuer.BearerChallenge(known, grant.ScopeOpenID))
	answerJSON(w, door.StatusOf(known), failure{cmp.Or(code, codeOf(known)), printable(known.Message), ev.RequestID})
}

func challenge(w http.ResponseWriter, header string) {
	if header != "" {
		w.Header().Set("WWW-Authenticate", header)
	}
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Pragma", "no-cache")
	door.WriteJSON(w, status, "application/json", value)
}

// printable keeps of a text what error_description may hold (RFC 6749 §5.2): %x20-21, %x23-5B,
// %x5D-7E.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return '?'
		}
		return r
	}, text)
}
