package oauth

import (
	"fmt"
	"net/http"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

const mediaStatusList = "application/" + token.TypeStatusList

// statusList serves a signed list to whoever has its address (Token Status List §8.1). It tells nothing but bits.
func (e *endpoints) statusList(w http.ResponseWriter, r *http.Request, _ *door.Event) error {
	if r.URL.Query().Has("time") { // §8.4: no list of another day is kept
		w.WriteHeader(http.StatusNotImplemented)
		return nil
	}
	if len(r.Header["Accept"]) > 0 && !accepts(r, mediaStatusList) && !accepts(r, "application/*") && !accepts(r, "*/*") {
		w.WriteHeader(http.StatusNotAcceptable)
		return nil
	}
	list := r.PathValue("list")
	if len(list) > maxListName {
		return symbolon.Errorf(symbolon.NotFound, "there is no such status list")
	}
	compact, err := e.Tokens.StatusList(r.Context(), list)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaStatusList)
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", issuer.StatusTTL/time.Second))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(compact)) //nolint:gosec // a signed token of ours, of a media type that is no page
	return nil
}

const maxListName = 64
