package broker

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
	"symbolon.dev/token"
)

const (
	invalidToken      = "invalid_token"                    // RFC 6750 §3.1
	insufficientScope = "insufficient_scope"               // RFC 6750 §3.1
	tooWeak           = "insufficient_user_authentication" // RFC 9470 §3
	reallyStale       = "5"                                // Retry-After, seconds
)

// errUpstream is an application that cannot be reached or breaks off.
var errUpstream = errors.New("upstream")

// unknown answers whoever holds no token that is good here, whether there is something here or not.
func unknown() error {
	return symbolon.Refuse(symbolon.Unauthenticated, invalidToken, "the token is not good for this address")
}

func nameless() error {
	return symbolon.Errorf(symbolon.Unauthenticated, "an access token for this address is needed")
}

func unavailable(cause error) error {
	return symbolon.Errorf(symbolon.Unavailable, "access cannot be checked at the moment; try again shortly").Because(cause)
}

// cross writes a refusal as a page for people and as a problem (RFC 9457) for software, with the
// challenge that its status needs.
func cross(w http.ResponseWriter, r *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	status := door.StatusOf(known)
	if errors.Is(err, errUpstream) {
		status = http.StatusBadGateway
	}
	if challenge := challengeOf(known, presentsDPoP(r)); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	var wanted *token.NonceWanted
	if errors.As(err, &wanted) {
		w.Header().Set(token.HeaderNonce, wanted.Nonce)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", reallyStale)
	}
	if wantsPage(r) {
		page.Error(w, status, page.Problem{Detail: known.Message, Remedies: known.Remedies, RequestID: ev.RequestID})
		return
	}
	door.WriteJSON(w, status, "application/problem+json", door.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: known.Message,
		RequestID: ev.RequestID, Remedies: known.Remedies,
	})
}

// presentsDPoP reports which scheme a request used, so that the challenge speaks of the same.
func presentsDPoP(r *http.Request) bool {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return false
	}
	scheme, _, _ := strings.Cut(values[0], " ")
	return strings.EqualFold(scheme, token.SchemeDPoP)
}

var proofAlgorithms = `algs="` + strings.Join(token.Algorithms(), " ") + `"`

// challengeOf is the WWW-Authenticate header of an error, "" if it needs none (RFC 6750 §3,
// RFC 9449 §7.1). It names the DPoP scheme whether a resource wants bound tokens or not, and
// whether there is a resource or not.
func challengeOf(err *symbolon.Error, dpop bool) string {
	switch {
	case err.Kind == symbolon.Unauthenticated && err.Code == "":
		return "Bearer, DPoP " + proofAlgorithms
	case err.Code == invalidToken, err.Code == insufficientScope, err.Code == tooWeak, err.Code == token.CodeInvalidProof, err.Code == token.CodeUseNonce:
	default:
		return ""
	}
	params := []string{`error="` + err.Code + `"`, `error_description="` + quotable(err.Message) + `"`}
	if err.Code == tooWeak && len(err.Remedies) > 0 {
		if acr := err.Remedies[0].ACR; acr != symbolon.ACRNone {
			params = append(params, `acr_values="`+quotable(string(acr))+`"`)
		}
		if age := err.Remedies[0].MaxAge; age > 0 {
			params = append(params, `max_age="`+strconv.FormatInt(age, 10)+`"`)
		}
	}
	switch {
	case dpop:
		return "DPoP " + strings.Join(append(params, proofAlgorithms), ", ")
	case err.Kind == symbolon.Unauthenticated:
		params = append(params, "DPoP "+proofAlgorithms)
	}
	return "Bearer " + strings.Join(params, ", ")
}

// quotable keeps what RFC 6750 §3 allows between the quotes.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, s)
}
