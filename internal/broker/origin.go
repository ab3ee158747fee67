package broker

import (
	"net/http"

	"symbolon.dev"
)

// sameOrigin refuses what another site makes a browser do with its cookie. An upgrade to a
// WebSocket is a GET that CORS does not guard, so its Origin must be there and be ours.
func (b *Broker) sameOrigin(r *http.Request, origin string) error {
	if upgrading(r) {
		if site := r.Header.Get("Sec-Fetch-Site"); (site != "" && site != "same-origin") || r.Header.Get("Origin") != origin {
			return symbolon.Errorf(symbolon.Denied, "a WebSocket may be opened by pages of the same origin only")
		}
		return nil
	}
	if err := b.crossOrigin.Check(r); err != nil {
		return symbolon.Errorf(symbolon.Denied, "another site made this request").Because(err)
	}
	if given := r.Header.Get("Origin"); given != "" && given != origin && !safe(r.Method) {
		return symbolon.Errorf(symbolon.Denied, "another site made this request")
	}
	return nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
