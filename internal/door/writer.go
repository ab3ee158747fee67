package door

import "net/http"

// statusWriter remembers the status for the log. Unwrap lets http.ResponseController reach
// flushing, hijacking and deadlines underneath.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) wrote() bool { return w.status != 0 }

func (w *statusWriter) statusOr(status int) int {
	if w.status != 0 {
		return w.status
	}
	return status
}
