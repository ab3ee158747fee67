package catalog_test

import (
	"encoding/json"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

// RFC 7591: nobody declared such a client, so what is declared does not remove it.
func TestPruneLeavesClientsThatRegisteredThemselves(t *testing.T) {
	kept := func(id, doc string) symbolon.Object {
		return symbolon.Object{Kind: symbolon.KindClient, ID: id, Version: 1, Doc: json.RawMessage(doc)}
	}
	edits, _ := catalog.Plan([]symbolon.Object{kept("declared", `{"client_id":"declared"}`), kept("own", `{"client_id":"own","registered":{"at":"2026-01-01T00:00:00Z"}}`)}, nil, true)
	if len(edits) != 1 || edits[0].ID != "declared" || !edits[0].Delete {
		t.Errorf("%+v", edits)
	}
}

func TestAddressesForLogoutsAreHeldToTheirRules(t *testing.T) { // Front-Channel Logout 1.0 §2
	c, _ := open(t)
	for name, tt := range map[string]struct {
		logout symbolon.ClientLogout
		fault  string
	}{
		"good":                {symbolon.ClientLogout{FrontchannelLogoutURI: "https://rp.example:443/out?x=1", BackchannelLogoutURI: "https://back.example/out?x=1"}, ""},
		"another origin":      {symbolon.ClientLogout{FrontchannelLogoutURI: "https://evil.example/out"}, "those of a redirect URI"},
		"another port":        {symbolon.ClientLogout{FrontchannelLogoutURI: "https://rp.example:8443/out"}, "those of a redirect URI"},
		"fragment":            {symbolon.ClientLogout{FrontchannelLogoutURI: "https://rp.example/out#x"}, "https://"},
		"script":              {symbolon.ClientLogout{FrontchannelLogoutURI: "javascript:alert(1)"}, "https://"},
		"plain back channel":  {symbolon.ClientLogout{BackchannelLogoutURI: "http://rp.example/out"}, "https://"},
		"session of no frame": {symbolon.ClientLogout{FrontchannelLogoutSession: true}, "it needs"},
		"session of no post":  {symbolon.ClientLogout{BackchannelLogoutSession: true}, "it needs"},
	} {
		err := c.Current().Admit(&symbolon.Client{ID: "rp", AuthMethod: "none", RedirectURIs: []string{"https://rp.example/cb"}, ClientLogout: tt.logout})
		if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
