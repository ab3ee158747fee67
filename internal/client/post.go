package client

import (
	"net/http"
	"net/url"
)

// showPost reads client_secret_post: id and secret as parameters of the body (RFC 6749 §2.3.1).
func showPost(_ *http.Request, form url.Values) (presented, error) {
	if !form.Has("client_secret") {
		return presented{}, nil
	}
	shown := presented{by: byPost, id: form.Get("client_id"), secret: form.Get("client_secret")}
	if !printable(shown.id, maxID) || !printable(shown.secret, maxSecret) {
		return presented{}, invalid("client_id and client_secret must both be given, of at most %d and %d bytes", maxID, maxSecret)
	}
	return shown, nil
}
