package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// OpenID Connect Core 1.0 §2, §3.1.3.6; S26: an ID token carries nothing about the person but sub.
func TestAnIDTokenTellsOfTheLogin(t *testing.T) {
	w := newWorld(t)
	given, access := w.authorize("portal"), token.NewOpaque(token.PrefixAccess)
	compact := must(w.IDToken(issuer.IDToken{Client: w.client("portal"), Authorization: given, Nonce: "n-0S6", AccessToken: access}))
	header, got := parts(t, symbolon.NewSecret(compact))
	sum := sha256.Sum256([]byte(access.Reveal()))
	want := map[string]any{
		"iss": iss, "sub": string(w.user.ID), "aud": "portal", "nonce": "n-0S6", "acr": "phr", "amr": []any{"hwk", "user"},
		"iat": float64(w.clock().Unix()), "exp": float64(w.clock().Unix() + 600), "auth_time": float64(given.AuthTime.Unix()),
		"sid": string(given.Session), "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if string(must(json.Marshal(got))) != string(must(json.Marshal(want))) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if header["typ"] != "JWT" || header["alg"] != "ES256" {
		t.Errorf("header %v", header)
	}
}

func TestAClientChoosesTheAlgorithmOfItsIDTokens(t *testing.T) {
	w := newWorld(t)
	w.check(w.ring.Ensure(ctx, token.RS256))
	client := &symbolon.Client{ID: "old", IDTokenAlg: token.RS256}
	header, payload := parts(t, symbolon.NewSecret(must(w.IDToken(issuer.IDToken{Client: client, Authorization: w.authorize("portal")}))))
	if header["alg"] != "RS256" || payload["nonce"] != nil || payload["at_hash"] != nil {
		t.Errorf("%v %v", header, payload)
	}
}

// OpenID Connect Core 1.0 §5.4
func TestUserInfoTellsWhatTheScopesSay(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		scopes []string
		want   string
	}{
		{nil, "sub"}, {[]string{"openid", "orders"}, "sub"},
		{[]string{"openid", "profile"}, "name preferred_username sub updated_at"},
		{[]string{"openid", "email"}, "email email_verified sub"},
	} {
		if got := keys(issuer.UserInfo(w.user, c.scopes)); got != c.want {
			t.Errorf("%v: %s", c.scopes, got)
		}
	}
}
