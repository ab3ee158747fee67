package page

import "net/http"

// Leave answers a form whose way goes on to a path of this origin and from there perhaps to
// another one (see the package comment). Whoever sends no Origin with a POST is no browser and
// gets a plain 303 (RFC 9110 §15.4.4).
func Leave(w http.ResponseWriter, r *http.Request, to string) {
	if r.Method != http.MethodPost || r.Header.Get("Origin") == "" {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "same-origin")
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	w.Header().Set("Refresh", "0; url="+to)
	Show(w, http.StatusOK, leave{To: to})
}
