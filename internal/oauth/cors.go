package oauth

import (
	"net/http"
	"strings"
)

// crossOrigin lets scripts of any origin call an endpoint that takes no cookie (Fetch §3.2). No
// credentials mode is ever allowed, so nothing of a browser's own goes with such a call.
func crossOrigin(methods string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", methods)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, X-Request-Id")
		if !allows(methods, r.Method) {
			h.Set("Allow", methods+", OPTIONS")
			http.Error(w, "this endpoint takes "+methods, http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func allows(methods, method string) bool {
	for one := range strings.SplitSeq(methods, ", ") {
		if one == method || one == http.MethodGet && method == http.MethodHead {
			return true
		}
	}
	return false
}
