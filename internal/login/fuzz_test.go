package login

import (
	"net/url"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/token"
)

// A logout ends here or where the client registered, whatever it is asked.
func FuzzFarewell(f *testing.F) {
	const bye = "https://travel.example/bye"
	f.Add("client_id=travel&post_logout_redirect_uri=https%3A%2F%2Ftravel.example%2Fbye&state=x")
	f.Add("id_token_hint=eyJhbGciOiJub25lIn0.e30.&client_id=travel")
	f.Add("post_logout_redirect_uri=%2F%2Fevil.example")
	l := &Login{Config: Config{Issuer: issuer, Keys: token.KeySet{}, Client: func(id symbolon.ClientID) (*symbolon.Client, bool) {
		return &symbolon.Client{ID: id, PostLogoutRedirectURIs: []string{bye}}, id == "travel"
	}}}
	f.Fuzz(func(t *testing.T, query string) {
		asked, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		found, err := l.farewell(asked, &door.Event{})
		if err == nil && found.to != "/logged-out" && found.to != bye && !strings.HasPrefix(found.to, bye+"?state=") {
			t.Errorf("%q leads to %q", query, found.to)
		}
	})
}
