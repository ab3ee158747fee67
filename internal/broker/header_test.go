package broker

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestIdentityHeadersOfTheCallerAreRemoved(t *testing.T) { // S9
	told := nameSet("x-employee", "department")
	for _, name := range []string{"X-User", "x_user", "X.User", "X_USER_ID", "X-Auth-Request-Email", "X-Remote-User", "Remote_User", "X-Forwarded-For",
		"X_Forwarded_Proto", "Forwarded", "X-Real-Ip", "X.Real.IP", "X-Original-Url", "X-Rewrite-Url", "X-Symbolon-Subject", "Authorization", "authorization",
		"X_Employee", "x.employee", "DEPARTMENT", "X-Http-Method-Override", "X_HTTP_Method", "X-Client-Cert", "Client-Cert-Chain", "X-Request-Id"} {
		h := http.Header{name: {"root"}, "Accept": {"*/*"}, "X-Custom": {"1"}}
		strip(h, told)
		if len(h) != 2 {
			t.Errorf("%q stays", name)
		}
	}
}

func TestHarmlessNamesAreNotIdentity(t *testing.T) {
	for name := range harmless {
		if folded := normal(name); identityNames[folded] || hasAnyPrefix(folded, identityPrefixes) {
			t.Errorf("%q is both harmless and an identity", name)
		}
		if usableHeader(name) {
			t.Errorf("an upstream could be told a claim as %q, which callers may send", name)
		}
	}
}

func TestTheUpstreamNeverSeesOurCookie(t *testing.T) {
	c := cookies{secure: true}
	for given, want := range map[string]string{
		"__Host-symbolon=s":                          "",
		"a=1; __Host-symbolon=s; b=2":                "a=1; b=2",
		"a=1;__host-Symbolon=s":                      "a=1",
		"symbolon=s; a=1":                            "a=1",
		"a=1; symbolon-login-x=y; symbolon-rounds=1": "a=1",
		"a=symbolon":                                 "a=symbolon",
		"symbolonic=1":                               "symbolonic=1",
		"\tsymbolon =s; a=\"b\"":                     "a=\"b\"",
		"symbolon":                                   "",
	} {
		h := http.Header{"Cookie": {given}}
		c.hide(h)
		if got := strings.Join(h["Cookie"], "|"); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestAnUpstreamCannotSetOurCookie(t *testing.T) { // S9: fixation
	c := cookies{}
	h := http.Header{"Set-Cookie": {"a=1; Path=/", "symbolon=evil", " symbolon =evil", "__Host-symbolon=evil; Secure", "=symbolon=evil", "symbolon", "SYMBOLON-login-1=x", "b=symbolon"}}
	c.guard(h)
	if got := h["Set-Cookie"]; !slices.Equal(got, []string{"a=1; Path=/", "b=symbolon"}) {
		t.Errorf("kept %q", got)
	}
}

// However the header is written, no reader finds our cookie in what goes upstream.
func FuzzHideCookies(f *testing.F) {
	for _, seed := range []string{"symbolon=1", "a=1; symbolon=2; b", "a=\"x; symbolon=3\"", ";;=;symbolon", "__HOST-symbolon=1", "\x00symbolon=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c := cookies{}
		r := &http.Request{Header: http.Header{"Cookie": {line}}}
		c.hide(r.Header)
		for _, cookie := range r.Cookies() {
			if c.ours(cookie.Name) {
				t.Fatalf("%q leaves %q", line, r.Header["Cookie"])
			}
		}
	})
}
