package e2e

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"symbolon.dev"
	"symbolon.dev/token"
)

// plain is a browser without script: it follows redirects, keeps cookies and sends forms.
type plain struct {
	t    *testing.T
	http *http.Client
	at   *url.URL
	text string
}

func newPlain(t *testing.T) *plain {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &plain{t: t}
	p.http = &http.Client{Transport: loopbackTransport(), Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Host, "rp.localhost") {
			return http.ErrUseLastResponse // the relying party is this test
		}
		return nil
	}}
	return p
}

func (p *plain) do(r *http.Request, err error) *http.Response {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.at, p.text = response.Request.URL, string(body)
	return response
}

func (p *plain) goes(target string) *http.Response {
	p.t.Helper()
	return p.do(http.NewRequest(http.MethodGet, target, http.NoBody))
}

var (
	formAction  = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
	namedValue  = regexp.MustCompile(` name="([^"]*)" value="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// submits presses the button with an id: it sends its form, the hidden fields and its own value.
func (p *plain) submits(button string, fields url.Values) *http.Response {
	p.t.Helper()
	for _, form := range strings.Split(p.text, "<form")[1:] {
		form = "<form" + form[:strings.Index(form, "</form>")]
		pressed := regexp.MustCompile(`<button[^>]* id="` + button + `"[^>]*>`).FindString(form)
		if pressed == "" {
			continue
		}
		if named := namedValue.FindStringSubmatch(pressed); named != nil {
			fields.Set(named[1], named[2])
		}
		for _, hidden := range hiddenField.FindAllStringSubmatch(form, -1) {
			fields.Set(hidden[1], strings.ReplaceAll(hidden[2], "&amp;", "&"))
		}
		target, err := p.at.Parse(strings.ReplaceAll(formAction.FindStringSubmatch(form)[1], "&amp;", "&"))
		if err != nil {
			p.t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(fields.Encode()))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return p.do(request, err)
	}
	p.t.Fatalf("no button %q on %s:\n%s", button, p.at, p.text)
	return nil
}

// S14, S17, S19, S36: an ordinary relying party (x/oauth2 and go-oidc) signs a person in by the
// code flow; every page works without script; refresh rotates.
func TestARelyingPartySignsAPersonInWithoutScript(t *testing.T) {
	w := demo(t)
	secret := token.NewOpaque(token.PrefixSecret)
	w.declareRelyingParty(secret)
	p := newPlain(t)
	p.goes(w.People["engineer"].Enrol)
	p.submits("enrol-password-submit", url.Values{"password": {password}})
	p.goes(w.Issuer + "/logout")
	p.submits("logout-confirm", url.Values{})

	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, w.http)
	provider := must[*oidc.Provider](t)(oidc.NewProvider(ctx, w.Issuer))
	config := oauth2.Config{ClientID: "rp", ClientSecret: secret.Reveal(), RedirectURL: "http://rp.localhost/callback",
		Endpoint: provider.Endpoint(), Scopes: []string{"openid", "profile", "email", "offline_access"}}
	verifier := oauth2.GenerateVerifier()
	p.goes(config.AuthCodeURL("the-state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("the-nonce")))
	if !strings.Contains(p.text, `id="client-logo"`) || !strings.Contains(p.text, `id="client-policy"`) || !strings.Contains(p.text, `id="client-tos"`) {
		t.Errorf("the login page does not show who asks:\n%s", p.text)
	}
	p.submits("login-submit", url.Values{"username": {w.People["engineer"].Login}, "password": {password}})
	if !strings.Contains(p.text, `id="consent-allow"`) {
		t.Fatalf("no consent page at %s:\n%s", p.at, p.text)
	}
	back := p.submits("consent-allow", url.Values{})
	callback := must[*url.URL](t)(url.Parse(back.Header.Get("Location")))
	if callback.Query().Get("state") != "the-state" || callback.Query().Get("iss") != w.Issuer {
		t.Fatalf("callback %q at %s\n%s", callback, p.at, p.text)
	}

	granted, err := config.Exchange(ctx, callback.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := granted.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: "rp"}).Verify(ctx, raw)
	if err != nil || verified.Nonce != "the-nonce" {
		t.Fatalf("ID token: %v", err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(granted))
	if err != nil || info.Email != "ada@acme.example" || info.Subject != verified.Subject {
		t.Fatalf("userinfo %+v: %v", info, err)
	}
	if _, err := config.Exchange(ctx, callback.Query().Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Fatal("the code worked twice")
	}
	if _, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: granted.RefreshToken}).Token(); err == nil {
		t.Fatal("a replayed code must take back what it gave, the refresh token included")
	}
}

func (w *world) declareRelyingParty(secret symbolon.Secret) {
	w.t.Helper()
	sum := secret.Hash()
	put := w.admin(http.MethodPut, "/clients/rp", map[string]any{
		"client_id": "rp", "client_name": "Relying party", "redirect_uris": []string{"http://rp.localhost/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "scopes": []string{"openid", "profile", "email", "offline_access"},
		"logo_uri": "https://rp.example/logo.png", "policy_uri": "https://rp.example/policy", "tos_uri": "https://rp.example/terms",
		"secrets": []map[string]any{{"sha256": hex.EncodeToString(sum[:])}}})
	if put.status != http.StatusOK {
		w.t.Fatalf("declare the relying party: %d %s", put.status, put.text)
	}
}
