package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
)

const appID = "https://app.example/oauth/client.json"

func document(changes ...object) object {
	good := object{"client_id": appID, "client_name": "App", "redirect_uris": []string{"https://app.example/cb"},
		"token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"}}
	for _, change := range changes {
		for name, value := range change {
			if good[name] = value; value == nil {
				delete(good, name)
			}
		}
	}
	return good
}

func documents(t testing.TB, answer http.HandlerFunc, change func(*client.Documents)) (*server, *site) {
	away := newSite(t, answer)
	return newServer(t, func(_ *server, c *client.Config) {
		c.HTTP = away.Client
		c.Documents = &client.Documents{Scopes: []string{"openid", "read"}, Admit: func(c *symbolon.Client) error {
			if slices.Contains(c.RedirectURIs, "https://refused.example") {
				return errors.New("refused")
			}
			return nil
		}}
		change(c.Documents)
	}), away
}

func asIs(*client.Documents) {}

func publish(doc any, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_ = json.NewEncoder(w).Encode(doc)
	}
}

// draft-ietf-oauth-client-id-metadata-document-02 §3, §4, §8
func TestAClientDescribesItself(t *testing.T) {
	many := slices.Repeat([]string{"https://app.example/cb"}, 21)
	for name, c := range map[string]struct {
		doc  object
		good bool
	}{
		"a public client":           {document(), true},
		"no method is none":         {document(object{"token_endpoint_auth_method": nil}), true},
		"unknown members":           {document(object{"software_version": "1", "contacts": []string{"x"}}), true},
		"a key":                     {document(object{"token_endpoint_auth_method": "private_key_jwt", "jwks": jwksOf("ES256")}), true},
		"a scope among others":      {document(object{"scope": "read write admin"}), true},
		"another id":                {document(object{"client_id": "https://evil.example/oauth/client.json"}), false},
		"its id in other letters":   {document(object{"client_id": "https://APP.example/oauth/client.json"}), false},
		"no id":                     {document(object{"client_id": nil}), false},
		"a secret":                  {document(object{"client_secret": "x"}), false},
		"an end of a secret":        {document(object{"client_secret_expires_at": 0}), false},
		"basic":                     {document(object{"token_endpoint_auth_method": "client_secret_basic"}), false},
		"client_secret_jwt":         {document(object{"token_endpoint_auth_method": "client_secret_jwt"}), false},
		"a certificate":             {document(object{"token_endpoint_auth_method": "tls_client_auth"}), false},
		"no redirect":               {document(object{"redirect_uris": nil}), false},
		"many redirects":            {document(object{"redirect_uris": many}), false},
		"a redirect that we refuse": {document(object{"redirect_uris": []string{"https://refused.example"}}), false},
		"implicit":                  {document(object{"response_types": []string{"token"}}), false},
		"client credentials alone":  {document(object{"grant_types": []string{"client_credentials"}}), false},
		"scopes that it may not":    {document(object{"scope": "admin"}), false},
		"keys over plain HTTP":      {document(object{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://app.example/jwks"}), false},
		"too long":                  {document(object{"x": strings.Repeat("x", 10<<10)}), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := documents(t, publish(c.doc, "application/json"), asIs)
			found, err := s.Find(context.Background(), appID)
			if (err == nil) != c.good {
				t.Fatalf("%+v %v", found, err)
			}
			if !c.good {
				return
			}
			if found.ID != appID || found.Name != "App (app.example)" || found.Secrets != nil || found.FirstParty || found.Groups != nil || found.Organisation != "" {
				t.Errorf("%+v", found)
			}
			if len(found.Scopes) == 0 || slices.Contains(found.Scopes, "admin") {
				t.Errorf("scopes %v", found.Scopes)
			}
		})
	}
}

func TestADocumentIsPlainJSONAtItsAddress(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"HTML": publish(document(), "text/html"),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://app.example/other", http.StatusFound)
		},
		"gone": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"twice an id": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"client_id":"https://evil.example/x","client_id":%q,"redirect_uris":["https://app.example/cb"]}`, appID)
		},
	} {
		s, _ := documents(t, answer, asIs)
		if _, err := s.Find(context.Background(), appID); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestOnlyPlainURLsAreAddressesOfDocuments(t *testing.T) {
	s, away := documents(t, publish(document(), "application/json"), asIs)
	for _, id := range []string{"http://app.example/c", "https://app.example", "https://app.example/", "https://app.example/a/../c", "https://app.example/./c",
		"https://user@app.example/c", "https://app.example/c#x", "https://app.example/c?x=1", "https://app.example:8443/c", "https://app.example:443/c",
		"https://APP.example/c", "https://app.example./c", "https://app/c", "https:///c", "https://192.0.2.1/c", "HTTPS://app.example/c",
		"https://app.example/%2e%2e/c", "https://app.example/" + strings.Repeat("x", 128)} {
		if _, err := s.Find(context.Background(), symbolon.ClientID(id)); err == nil {
			t.Errorf("%s was taken", id)
		}
	}
	if len(away.asked) > 0 {
		t.Error(away.asked)
	}
}

func TestDocumentsAreOffUntilAllowed(t *testing.T) {
	away := newSite(t, publish(document(), "application/json"))
	s := newServer(t, func(_ *server, c *client.Config) { c.HTTP = away.Client })
	narrow, elsewhere := documents(t, publish(document(), "application/json"), func(d *client.Documents) { d.Hosts = []string{"other.example"} })
	for _, one := range []*server{s, narrow} {
		if _, err := one.Find(context.Background(), appID); err == nil {
			t.Error("it was taken")
		}
	}
	if len(away.asked)+len(elsewhere.asked) > 0 {
		t.Error("it was read")
	}
}

func TestADocumentIsKeptForItsTimeAndAFailureForAMoment(t *testing.T) {
	good := false
	s, away := documents(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=1800")
		if good {
			_ = json.NewEncoder(w).Encode(document())
		} else {
			_, _ = w.Write([]byte("{}"))
		}
	}, asIs)
	find := func(after time.Duration, want bool, asked int) {
		t.Helper()
		s.now = s.now.Add(after)
		_, err := s.Find(context.Background(), appID)
		if (err == nil) != want || away.count(appID) != asked {
			t.Errorf("%v after %d calls", err, away.count(appID))
		}
	}
	find(0, false, 1)
	good = true
	find(time.Second, false, 1)
	find(20*time.Second, true, 2)
	find(29*time.Minute, true, 2)
	find(2*time.Minute, true, 3)
	good = false
	find(time.Hour, true, 4) // what was good stays so for a day
	find(24*time.Hour, false, 5)
}

// S12: such a client authenticates as any other, by its own keys.
func TestADescribedClientAuthenticates(t *testing.T) {
	keys := document(object{"token_endpoint_auth_method": "private_key_jwt", "jwks": jwksOf("ES256")})
	s, _ := documents(t, publish(keys, "application/json"), asIs)
	if got := s.sent(asserted(pairs()["ES256"].assertion(claims(appID)))); got != appID {
		t.Error(got)
	}
	if got := s.sent(form("client_id", appID)); got != "invalid_client" {
		t.Error(got)
	}
	public, _ := documents(t, publish(document(), "application/json"), asIs)
	if got := public.sent(form("client_id", appID)); got != appID {
		t.Error(got)
	}
	declared, away := documents(t, publish(document(), "application/json"), asIs)
	declared.register(&symbolon.Client{ID: appID, AuthMethod: "none", Disabled: true})
	if got := declared.sent(form("client_id", appID)); got != "invalid_client" || len(away.asked) > 0 {
		t.Errorf("what is declared counts: %s", got)
	}
}
