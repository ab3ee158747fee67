package page

import "net/http"

// Redirect answers a request whose way goes on to a page of this origin: 303 (RFC 9110 §15.4.4).
func Redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "same-origin")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// Leave answers a form whose way may lead to another origin, at once or behind a path of this one
// (see the package comment). Whoever sends no Origin with a POST is no browser and gets a plain
// redirect.
func Leave(w http.ResponseWriter, r *http.Request, to string) {
	if r.Method != http.MethodPost || r.Header.Get("Origin") == "" {
		Redirect(w, r, to)
		return
	}
	w.Header().Set("Refresh", "0; url="+to)
	Show(w, http.StatusOK, leave{To: to})
}
