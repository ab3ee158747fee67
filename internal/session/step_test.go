package session_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/session"
)

func TestAStepArrivesAsItWasSent(t *testing.T) {
	r := open(t, session.Options{})
	age := int64(300)
	sent := session.Step{
		ReturnTo: "/authorize?client_id=app&state=%2F%2F", Client: "app", ACR: symbolon.ACRPhishing, MaxAge: &age, LoginHint: "alice",
		Prompt: []string{"login"}, Resource: "wiki", Scopes: []string{"read"}, RequestID: "req_1",
	}
	sealed, err := r.sessions.SealStep(sent)
	r.must(err)
	if sealed != url.QueryEscape(sealed) || strings.Contains(sealed, "alice") {
		t.Errorf("sealed form %s", sealed)
	}
	got, err := r.sessions.OpenStep(sealed)
	r.must(err)
	sent.At = r.clock()
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v, want %+v", got, sent)
	}
	r.pass(time.Hour)
	_, err = r.sessions.OpenStep(sealed)
	r.must(err)
	r.pass(time.Second)
	_, err = r.sessions.OpenStep(sealed)
	r.want(symbolon.Invalid, err)
}

func TestNobodyElseMakesAStep(t *testing.T) {
	r := open(t, session.Options{})
	sealed, err := r.sessions.SealStep(session.Step{ReturnTo: "/account"})
	r.must(err)
	vault, err := key.NewVault(key.NewMaster())
	r.must(err)
	foreign, err := session.New(r.db, vault, session.Options{Clock: r.clock}).SealStep(session.Step{ReturnTo: "/account"})
	r.must(err)
	for i := range sealed {
		bent := []byte(sealed)
		if bent[i] = 'A'; string(bent) == sealed {
			bent[i] = 'B'
		}
		if _, err := r.sessions.OpenStep(string(bent)); err == nil {
			t.Fatalf("bent at %d it still opens", i)
		}
	}
	for _, bad := range []string{"", "A", foreign, sealed + "A", sealed[:len(sealed)-1], sealed + "=", " " + sealed, strings.Repeat("A", 1<<20)} {
		_, err := r.sessions.OpenStep(bad)
		r.want(symbolon.Invalid, err)
	}
}

func TestAStepLeadsNowhereElse(t *testing.T) { // open redirect
	r := open(t, session.Options{})
	for _, bad := range []string{
		"", "https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "/\t/evil.example", "/\n//evil.example", "javascript:alert(1)",
		"account", "?next=/", "///evil.example", "/account\r\nSet-Cookie: a=b", "/\x00", "/%zz", "/a\\b", " /account", "/" + strings.Repeat("x", 7000),
	} {
		if _, err := r.sessions.SealStep(session.Step{ReturnTo: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, good := range []string{"/", "/account", "/authorize?redirect_uri=https%3A%2F%2Fapp.example%2Fcb&x=//y", "/a/../b", "/a:b?c#d"} {
		_, err := r.sessions.SealStep(session.Step{ReturnTo: good})
		if err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// FuzzLocalPath holds the rule to what browsers and net/http make of it: from any page of the
// issuer, a local path leads to the issuer.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/account", "//evil.example", "/\\evil.example", "/a//b", "/.//evil.example", "/..//evil.example/"} {
		f.Add(seed)
	}
	base, _ := url.Parse("https://id.example.com/login?step=x")
	f.Fuzz(func(t *testing.T, path string) {
		if !session.LocalPath(path) {
			return
		}
		w := httptest.NewRecorder()
		http.Redirect(w, httptest.NewRequest(http.MethodGet, base.String(), nil), path, http.StatusSeeOther)
		sent := w.Header().Get("Location")
		there, err := base.Parse(sent)
		if err != nil || there.Host != base.Host || there.Scheme != base.Scheme || strings.HasPrefix(sent, "//") {
			t.Errorf("%q leads to %q (%v)", path, sent, err)
		}
	})
}

func FuzzOpenStep(f *testing.F) {
	vault, err := key.NewVault(key.NewMaster())
	if err != nil {
		f.Fatal(err)
	}
	s := session.New(nil, vault, session.Options{})
	sealed, _ := s.SealStep(session.Step{ReturnTo: "/account"})
	f.Add(sealed)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if step, err := s.OpenStep(text); err == nil && (text != sealed || step.ReturnTo != "/account") {
			t.Errorf("%q opens as %+v", text, step)
		}
	})
}

func BenchmarkOpenStep(b *testing.B) {
	vault, _ := key.NewVault(key.NewMaster())
	s := session.New(nil, vault, session.Options{})
	sealed, _ := s.SealStep(session.Step{ReturnTo: "/authorize?client_id=app"})
	for b.Loop() {
		if _, err := s.OpenStep(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
