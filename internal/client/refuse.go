package client

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"symbolon.dev"
)

const codeInvalidClient = "invalid_client"

var errUnknown = symbolon.Errorf(symbolon.NotFound, "there is no such client")

func invalid(format string, args ...any) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request", format, args...)
}

// refuse keeps the reason for the log, except that what we depend on is down: the client may try
// again then.
func refuse(cause error) error {
	var known *symbolon.Error
	if errors.As(cause, &known) && known.Kind == symbolon.Unavailable {
		return known
	}
	return symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient, "client authentication failed").Because(cause)
}

// Challenge is the WWW-Authenticate header for an error of [Authenticator.Authenticate], ""
// where none belongs. A 401 must carry one (RFC 9110 §15.5.2), whichever method had failed,
// and one that answers the Authorization header must be of its scheme (RFC 6749 §5.2).
func Challenge(err error) string {
	var refused *symbolon.Error
	if errors.As(err, &refused) && refused.Kind == symbolon.Unauthenticated && refused.Code == codeInvalidClient {
		return `Basic realm="symbolon", charset="UTF-8"`
	}
	return ""
}

// credentials are the parameters that say who is asking; each may come once, in the body alone.
var credentials = []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"}

// refuseDoubtful turns away what two readers could read in two ways.
func refuseDoubtful(r *http.Request, form url.Values) error {
	for _, name := range credentials {
		if len(form[name]) > 1 {
			return invalid("the parameter %s may be sent once", name)
		}
	}
	if len(r.Header["Authorization"]) > 1 {
		return invalid("the Authorization header may be sent once")
	}
	if strings.Contains(r.URL.RawQuery, "client_") && inQuery(r.URL) {
		return invalid("client credentials belong into the body or the Authorization header, never into the URL")
	}
	return nil
}

func inQuery(u *url.URL) bool {
	query := u.Query()
	return query.Has("client_secret") || query.Has("client_assertion")
}

// sameID lets a body repeat the client_id of the header, but not contradict it.
func sameID(form url.Values, id string) error {
	if given := form.Get("client_id"); given != "" && given != id {
		return invalid("client_id contradicts the Authorization header")
	}
	return nil
}
