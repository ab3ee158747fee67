package client

import (
	"net/url"

	"symbolon.dev"
)

// showNone reads a request without credentials: a public client only names itself (RFC 6749 §3.2.1).
func showNone(form url.Values) (presented, error) {
	id := form.Get("client_id")
	if id == "" {
		return presented{}, symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient, "the request carries no client authentication")
	}
	if !printable(id, maxID) {
		return presented{}, invalid("client_id is malformed")
	}
	return presented{method: methodNone, id: id}, nil
}
