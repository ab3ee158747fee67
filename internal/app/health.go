package app

import (
	"context"
	"net/http"
	"time"
)

// Where a load balancer or orchestrator asks. The answers are the same on every host and say
// nothing but yes or no, so they need no token.
const (
	livePath  = "/.symbolon/live"
	readyPath = "/.symbolon/ready"
)

// health answers "is the process alive" and "may it be sent requests".
func health(next http.Handler, ready func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case livePath:
			w.WriteHeader(http.StatusNoContent)
		case readyPath:
			ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
			defer cancel()
			if ready(ctx) != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
