package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"symbolon.dev/internal/authn"
)

// relyingParty is a web application on this machine that hears of logouts by both channels.
type relyingParty struct {
	*httptest.Server
	codes, tokens chan string
	frames        chan url.Values
}

func newRelyingParty(t *testing.T) *relyingParty {
	rp := &relyingParty{codes: make(chan string, 9), tokens: make(chan string, 9), frames: make(chan url.Values, 9)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		rp.codes <- r.URL.Query().Get("code")
		_, _ = io.WriteString(w, `<h1 id="welcome">Welcome</h1>`)
	})
	mux.HandleFunc("POST /backchannel", func(_ http.ResponseWriter, r *http.Request) { rp.tokens <- r.PostFormValue("logout_token") })
	mux.HandleFunc("GET /frontchannel", func(_ http.ResponseWriter, r *http.Request) {
		rp.frames <- r.URL.Query()
		time.Sleep(time.Second) // the page that shows it can be looked at
	})
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `<h1 id="bye">Bye</h1><p id="state">`+url.QueryEscape(r.URL.Query().Get("state"))+`</p>`)
	})
	rp.Server = httptest.NewServer(mux)
	t.Cleanup(rp.Close)
	return rp
}

// openIssuer is an issuer where anybody may register a client, and that may call this machine.
func openIssuer(t *testing.T) (issuer string) {
	t.Helper()
	dir, at := t.TempDir(), freePort(t)
	hash := must[string](t)(authn.HashPassword(password))
	for name, text := range map[string]string{
		"people.yaml":  "people:\n  - {login: ada, name: Ada Lovelace, email: ada@acme.example, password_hash: '" + hash + "'}\n",
		"policy.cedar": `@id("everybody") permit (principal is User, action in [Action::"login", Action::"authorize"], resource);`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	issuer = "http://id.localhost:" + at
	start(t, []string{"SYMBOLON_ISSUER=" + issuer, "SYMBOLON_LISTEN=127.0.0.1:" + at, "SYMBOLON_DATA=" + t.TempDir(), "SYMBOLON_DECLARED=" + dir,
		"SYMBOLON_CLIENTS_REGISTRATION=open", "SYMBOLON_OUTBOUND_ALLOW=127.0.0.1"}, "serve", "--roles", "issuer", "--json")
	return issuer
}

// S14, S36: an application registers itself with a client library that others wrote, signs a person in,
// and hears of the end of the session: by post before the browser moves on, and by a frame.
func TestARegisteredClientHearsOfTheLogout(t *testing.T) {
	issuer, rp := openIssuer(t), newRelyingParty(t)
	hasRSA(t, issuer) // what registration defaults to; a new deployment makes its first RSA key beside the requests
	command := exec.Command("node", "register.mjs", issuer, rp.URL)
	command.Dir = absolute(t, "clients")
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	var registered struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err != nil || json.Unmarshal(out, &registered) != nil {
		t.Fatalf("%v\n%s\n%s", err, out, complaint.String())
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: loopbackTransport()})
	provider := must[*oidc.Provider](t)(oidc.NewProvider(ctx, issuer))
	config := oauth2.Config{ClientID: registered.ID, ClientSecret: registered.Secret, RedirectURL: rp.URL + "/callback", Endpoint: provider.Endpoint(), Scopes: []string{"openid", "email"}}
	verify := provider.Verifier(&oidc.Config{ClientID: registered.ID, SupportedSigningAlgs: []string{"RS256"}})
	challenge := oauth2.GenerateVerifier()

	b := open(t)
	b.goes(config.AuthCodeURL("s", oauth2.S256ChallengeOption(challenge), oidc.Nonce("n")))
	b.types("#username", "ada").types("#password", password).clicks("#login-submit")
	b.clicks("#consent-allow").sees("#welcome")
	granted := must[*oauth2.Token](t)(config.Exchange(ctx, <-rp.codes, oauth2.VerifierOption(challenge)))
	raw, _ := granted.Extra("id_token").(string)
	signedIn := must[*oidc.IDToken](t)(verify.Verify(ctx, raw))

	b.goes(issuer + "/logout?" + url.Values{"client_id": {registered.ID}, "post_logout_redirect_uri": {rp.URL + "/bye"}, "state": {"the state"}}.Encode())
	b.sees("#logout-confirm")
	b.screenshot("asks")
	b.clicks("#logout-confirm").sees("#logged-out")
	b.screenshot("frames")
	told := must[*oidc.IDToken](t)(verify.Verify(ctx, within(t, rp.tokens)))
	var id, news struct {
		Sid    string         `json:"sid"`
		Events map[string]any `json:"events"`
	}
	if signedIn.Claims(&id) != nil || told.Claims(&news) != nil || id.Sid == "" || id.Sid != news.Sid || told.Subject != signedIn.Subject || len(news.Events) != 1 {
		t.Errorf("signed in as %s in %q, told of %s in %q", signedIn.Subject, id.Sid, told.Subject, news.Sid)
	}
	if frame := within(t, rp.frames); frame.Get("iss") != issuer || frame.Get("sid") != id.Sid {
		t.Errorf("the frame has %v", frame)
	}
	if b.sees("#bye"); b.sees("#state") != "the+state" {
		t.Errorf("came back with %q", b.sees("#state"))
	}

	b.goes(config.AuthCodeURL("s", oauth2.S256ChallengeOption(challenge), oidc.Nonce("n")))
	b.types("#username", "ada").types("#password", password).clicks("#login-submit").sees("#welcome")
	granted = must[*oauth2.Token](t)(config.Exchange(ctx, <-rp.codes, oauth2.VerifierOption(challenge)))
	raw, _ = granted.Extra("id_token").(string)
	b.goes(issuer + "/logout?" + url.Values{"id_token_hint": {raw}}.Encode()).sees("#logged-out") // the hint saves the question
	within(t, rp.tokens)
	b.screenshot("signed-out")
	b.goes(issuer + "/logout?" + url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {"https://evil.example/"}}.Encode()).sees("#error-page")
	b.screenshot("refused")
}

func within[T any](t *testing.T, c chan T) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

// hasRSA waits until discovery offers RS256.
func hasRSA(t *testing.T, issuer string) {
	t.Helper()
	client := &http.Client{Transport: loopbackTransport()}
	eventually(t, 60*time.Second, "there is an RSA key", func() bool {
		response, err := client.Get(issuer + "/.well-known/openid-configuration")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		var offered struct {
			Algorithms []string `json:"id_token_signing_alg_values_supported"`
		}
		return json.NewDecoder(response.Body).Decode(&offered) == nil && slices.Contains(offered.Algorithms, "RS256")
	})
}
