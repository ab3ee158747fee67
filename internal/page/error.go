package page

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

// Problem is a refusal in words for a person. What is left empty, the template fills by Status.
type Problem struct {
	Title     string // what was refused
	Detail    string // why
	Help      string // what would lift it
	RequestID string // finds it in the log
	Remedies  []symbolon.Remedy
	Policies  []string // that refused; only for those who may see them
	Actions   []Action // the first one is the main one
	status    int
}

// Action is a link that leads on.
type Action struct{ ID, Label, URL string }

// Status is the HTTP status of the page.
func (v Problem) Status() int { return v.status }

func (v Problem) frame() frame { return frame{template: "error", apart: true} }

// Error writes a problem as a page (#error-page).
func Error(w http.ResponseWriter, status int, p Problem) {
	p.status = status
	Show(w, status, p)
}

// Crossing is the [door.Crossing] of everything that people see: any error becomes a page.
func Crossing(w http.ResponseWriter, _ *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	Error(w, door.StatusOf(known), Problem{Detail: known.Message, Remedies: known.Remedies, RequestID: ev.RequestID})
}
