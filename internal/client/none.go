package client

import (
	"net/url"

	"symbolon.dev"
)

// showNone reads a request without credentials: a public client only names itself (RFC 6749
// §3.2.1), and one that proves itself by its connection does so too (RFC 8705 §2).
func showNone(form url.Values) (presented, error) {
	id := form.Get("client_id")
	if id == "" {
		return presented{}, symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient, "the request carries no client authentication")
	}
	if !printable(id, maxID) {
		return presented{}, invalid("client_id is malformed")
	}
	return presented{by: byName, id: id}, nil
}

// proveNothing is for public clients: the table says that the client is registered as one.
func proveNothing(*proof) error { return nil }
