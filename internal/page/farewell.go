package page

import (
	"net/http"
	"slices"
	"strconv"
)

// LoggedOut says that it is done. Applications in Frames hear of it by being loaded (OpenID Connect
// Front-Channel Logout 1.0 §2); then the way goes on to To.
type LoggedOut struct {
	Frames []string // absolute URLs
	To     string   // "" = it ends here
}

func (v LoggedOut) frame() frame {
	f := frame{template: "loggedout", apart: true, onward: v.To != ""}
	for _, address := range v.Frames {
		if o := origin(address); o != "" && !slices.Contains(f.frames, o) {
			f.frames = append(f.frames, o)
		}
	}
	return f
}

// onwardAfter is how long a browser without script stays on the page, in seconds: frames need time.
const onwardAfter = 4

// Farewell shows the page after a logout. With a way on, a script takes it when all frames have
// loaded; the header is for browsers without.
func Farewell(w http.ResponseWriter, v LoggedOut) {
	if v.To != "" {
		w.Header().Set("Refresh", strconv.Itoa(onwardAfter)+"; url="+v.To)
	}
	Show(w, http.StatusOK, v)
}
