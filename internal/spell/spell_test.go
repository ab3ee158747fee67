package spell

import "testing"

func TestNearestSuggestsOnlyWhatIsClose(t *testing.T) {
	known := []string{"issuer", "listen", "tls", "session", "data"}
	for word, want := range map[string]string{
		"isuer": "issuer", "lsiten": "listen", "sesion": "session", "tsl": "tls",
		"kubernetes": "", "": "", "x": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
