package issuer_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
)

// RFC 6750 §2.1, §3; S18, S28
func TestABearerIsRefusedInTheWordsOfTheStandard(t *testing.T) {
	w := newWorld(t)
	read, elsewhere := w.forService("portal", "orders", "read").Raw.Reveal(), w.forService("portal", "billing", "read").Raw.Reveal()
	for name, c := range map[string]struct {
		headers   []string
		scopes    []string
		kind      symbolon.Kind
		challenge string // "" = let in
	}{
		"a token":              {[]string{"Bearer " + read}, []string{"read"}, 0, ""},
		"scheme in any case":   {[]string{"bEARER  " + read}, nil, 0, ""},
		"nothing":              {nil, nil, symbolon.Unauthenticated, `Bearer realm="symbolon"`},
		"another scheme":       {[]string{"Basic abc"}, nil, symbolon.Unauthenticated, `Bearer realm="symbolon"`},
		"a bad token":          {[]string{"Bearer nonsense"}, nil, symbolon.Unauthenticated, `error="invalid_token"`},
		"for another audience": {[]string{"Bearer " + elsewhere}, nil, symbolon.Unauthenticated, `error="invalid_token"`},
		"without a scope":      {[]string{"Bearer " + read}, []string{"read", "write"}, symbolon.Denied, `error="insufficient_scope", error_description="the token lacks a scope of 'read write'", scope="read write"`},
		"two headers":          {[]string{"Bearer " + read, "Bearer " + read}, nil, symbolon.Invalid, `error="invalid_request"`},
		"two tokens":           {[]string{"Bearer " + read + ", Bearer " + read}, nil, symbolon.Invalid, `error="invalid_request"`},
		"an empty token":       {[]string{"Bearer "}, nil, symbolon.Invalid, `error="invalid_request"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/?access_token="+read, nil) // the URL is no place for a token
			r.Header["Authorization"] = c.headers
			claims, err := w.Bearer(ctx, r, "https://orders.example", c.scopes...)
			if c.challenge == "" {
				if err != nil || claims.Subject != "portal" {
					t.Fatalf("%v %v", claims, err)
				}
				return
			}
			var known *symbolon.Error
			if !errors.As(err, &known) || known.Kind != c.kind {
				t.Fatalf("%v %v", claims, err)
			}
			if got := issuer.BearerChallenge(err, c.scopes...); !strings.HasSuffix(got, c.challenge) && !strings.Contains(got, c.challenge+",") {
				t.Errorf("challenge %s", got)
			} else if got != "" && !strings.Contains(got, `resource_metadata="https://orders.example/.well-known/oauth-protected-resource"`) { // RFC 9728 §5.1
				t.Errorf("challenge %s", got)
			}
		})
	}
}

// RFC 9470 §3
func TestAChallengeNamesWhatWouldHelp(t *testing.T) {
	refused := symbolon.Errorf(symbolon.Denied, "a passkey is needed, \"now\"\r\n")
	refused.Remedies = []symbolon.Remedy{{ACR: symbolon.ACRPhishing, MaxAge: 300}}
	want := `Bearer realm="symbolon", error="insufficient_user_authentication", ` +
		`error_description="a passkey is needed, 'now'''", acr_values="phr", max_age="300"`
	if got := issuer.BearerChallenge(refused); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := issuer.BearerChallenge(symbolon.Errorf(symbolon.Denied, "no")); got != "" {
		t.Errorf("a plain no is not challenged: %s", got)
	}
}
