package oauth_test

import (
	"net/url"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/session"
)

func TestConsent(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	v := func(pairs ...string) url.Values {
		return request(append([]string{"client_id", "web", "redirect_uri", webCB, "scope", "openid read"}, pairs...)...)
	}
	if back := b.authorize(v("prompt", "none")); back.Get("error") != "consent_required" {
		t.Fatal(back)
	}
	s := b.step("/consent", v())
	if s.Resource != "notes" || len(s.Scopes) != 1 || s.Scopes[0] != "read" || s.Client != "web" {
		t.Fatalf("%+v", s)
	}
	if back := b.arrive(b.get(s.ReturnTo + "&consent=denied")); back.Get("error") != "access_denied" {
		t.Fatal(back)
	}
	b.consent("web", s)
	s = b.stepOf("/consent", b.get(s.ReturnTo))
	if s.Resource != "userinfo" || s.Scopes[0] != "openid" {
		t.Fatalf("%+v", s)
	}
	b.consent("web", s)
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("code") == "" {
		t.Fatal(back)
	}
	if back := b.authorize(v("prompt", "none")); back.Get("code") == "" {
		t.Fatal("consent is remembered", back)
	}
	if s := b.step("/consent", v("scope", "openid read write")); s.Resource != "notes" || len(s.Scopes) != 2 {
		t.Fatal("more scopes need more consent", s)
	}
}

func (b *browser) consent(c symbolon.ClientID, s session.Step) {
	b.t.Helper()
	b.check(b.db.Commit(ctx, symbolon.PutConsent{Consent: symbolon.Consent{User: b.ada.ID, Client: c, Resource: s.Resource, Scopes: s.Scopes, At: b.clock()}}))
}

func TestPromptConsentAsksOnceForOneRequest(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	v := request("prompt", "login consent", "scope", "openid read")
	w.pass(time.Minute)
	s := b.step("/login", v)
	w.pass(time.Second)
	b.login(symbolon.ACRSingle)
	for range 2 {
		s = b.stepOf("/consent", b.get(s.ReturnTo))
		w.pass(time.Minute)
		b.consent("first", s)
	}
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("code") == "" {
		t.Fatal(back)
	}
	w.pass(time.Minute)
	b.step("/consent", request("prompt", "consent", "scope", "openid read"))
}

// S34: acr_values is a requirement.
func TestStepUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	if back := b.authorize(request("prompt", "none", "acr_values", "phr")); back.Get("error") != "unmet_authentication_requirements" {
		t.Fatal(back)
	}
	if back := b.authorize(request("acr_values", "urn:unknown")); back.Get("code") == "" {
		t.Fatal("an unknown class is no requirement", back)
	}
	s := b.step("/login", request("acr_values", "phrh phr"))
	if s.ACR != symbolon.ACRPhishing {
		t.Fatalf("%+v", s)
	}
	w.pass(time.Second)
	b.login(symbolon.ACRMulti)
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("error") != "unmet_authentication_requirements" {
		t.Fatal("a login that did not reach it must not loop", back)
	}
	b.login(symbolon.ACRPhishing)
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("code") == "" {
		t.Fatal(back)
	}
}

// A policy that names a remedy sends the person to it.
func TestPolicyChallenge(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	v := func(pairs ...string) url.Values { return request(append([]string{"resource", payroll}, pairs...)...) }
	if back := b.authorize(v("prompt", "none")); back.Get("error") != "login_required" {
		t.Fatal(back)
	}
	s := b.step("/login", v())
	if s.ACR != symbolon.ACRPhishing {
		t.Fatalf("%+v", s)
	}
	w.pass(time.Second)
	b.login(symbolon.ACRMulti)
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("error") != "access_denied" {
		t.Fatal("must not loop", back)
	}
	b.login(symbolon.ACRPhishing)
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("code") == "" {
		t.Fatal(back)
	}
}
