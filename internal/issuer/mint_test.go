package issuer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// S27: format and lifetime are the resource's, and nothing outlives what it hangs on.
func TestEveryTokenIsMadeByItsResourcesRule(t *testing.T) {
	w := newWorld(t)
	soon := w.clock().Add(90 * time.Second)
	wiki := *w.resource("wiki")
	wiki.Token.Session = symbolon.Duration(time.Hour)
	wiki.Token.Format = "jwt"
	short := w.authorize("portal")
	short.Expires = soon
	broker, portal := w.client("broker"), w.client("portal")
	for name, c := range map[string]struct {
		mint   issuer.Mint
		format string
		life   time.Duration
	}{
		"a service's token is opaque and lives ten minutes": {
			issuer.Mint{Client: portal, Resource: w.resource("orders")}, "opaque", 10 * time.Minute},
		"a JWT where the resource says so, as long as it says": {
			issuer.Mint{Client: portal, Resource: w.resource("billing")}, "jwt", 3 * time.Minute},
		"the caller may override the format": {
			issuer.Mint{Client: broker, Resource: w.resource("orders"), Format: "jwt"}, "jwt", 10 * time.Minute},
		"the caller may shorten": {
			issuer.Mint{Client: portal, Resource: w.resource("orders"), Lifetime: time.Minute}, "opaque", time.Minute},
		"the caller may not stretch": {
			issuer.Mint{Client: portal, Resource: w.resource("billing"), Lifetime: time.Hour}, "jwt", 3 * time.Minute},
		"a browser's session at an app lives long": {
			issuer.Mint{Client: broker, Resource: w.resource("wiki"), Authorization: w.authorize("broker")}, "opaque", 12 * time.Hour},
		"as long as the app says, and is opaque whatever it says": {
			issuer.Mint{Client: broker, Resource: &wiki, Authorization: w.authorize("broker"), Format: "jwt"}, "opaque", time.Hour},
		"a person at another client has no such session": {
			issuer.Mint{Client: portal, Resource: w.resource("wiki"), Authorization: w.authorize("portal")}, "opaque", 10 * time.Minute},
		"a broker for itself has none either": {
			issuer.Mint{Client: broker, Resource: w.resource("wiki")}, "opaque", 10 * time.Minute},
		"never beyond the session": {
			issuer.Mint{Client: broker, Resource: w.resource("wiki"), Authorization: w.authorize("broker"), NotAfter: soon}, "opaque", 90 * time.Second},
		"never beyond the authorization": {
			issuer.Mint{Client: portal, Resource: w.resource("orders"), Authorization: short}, "opaque", 90 * time.Second},
		"never beyond the token it comes of": {
			issuer.Mint{Client: portal, Resource: w.resource("orders"), From: &token.Claims{Expires: soon}}, "opaque", 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			issued := w.issue(c.mint)
			if issued.Format != c.format || strings.Count(issued.Raw.Reveal(), ".") == 2 != (c.format == "jwt") {
				t.Errorf("format %s, want %s", issued.Format, c.format)
			}
			if want := w.clock().Add(c.life).Truncate(time.Second); !issued.Expires.Equal(want) {
				t.Errorf("ends %s, want %s", issued.Expires, want)
			}
		})
	}
}

func TestNothingIsIssuedThatHasEndedAlready(t *testing.T) {
	w := newWorld(t)
	_, changes, err := w.Issue(ctx, issuer.Mint{Client: w.client("portal"), Resource: w.resource("orders"), NotAfter: w.clock()})
	var known *symbolon.Error
	if !errors.As(err, &known) || known.Code != "invalid_grant" || changes != nil {
		t.Errorf("%v, %v", changes, err)
	}
}

// RFC 9068 §2, S24: a JWT says what the profile requires and what its resource asks for, no more.
func TestAJWTSaysWhatItsResourceMayKnow(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "billing", "read", "pay")
	header, payload := parts(t, issued.Raw)
	if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	want := map[string]any{
		"iss": iss, "sub": string(w.user.ID), "aud": "https://billing.example", "client_id": "portal", "scope": "read pay",
		"jti": string(issued.ID), "iat": float64(w.clock().Unix()), "exp": float64(issued.Expires.Unix()),
		"auth_time": float64(w.clock().Add(-time.Minute).Unix()), "acr": "phr", "amr": []any{"hwk", "user"}, "sub_kind": "user",
		"sid": payload["sid"], "grant_id": payload["grant_id"], "employment": "employee",
	}
	if got, wanted := must(json.Marshal(payload)), must(json.Marshal(want)); !bytes.Equal(got, wanted) {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
}

// An attribute cannot pass for what the token itself says.
func TestAnAttributeNeverSpeaksInTheTokensName(t *testing.T) {
	w := newWorld(t)
	billing := *w.resource("billing")
	billing.Token.Claims = []string{"sub", "iss", "active", "ancestors", "office", "missing"}
	_, payload := parts(t, w.issue(issuer.Mint{Client: w.client("portal"), Resource: &billing, Authorization: w.authorize("portal")}).Raw)
	if payload["sub"] != string(w.user.ID) || payload["office"] != "B12" || payload["active"] != nil || payload["ancestors"] != nil {
		t.Errorf("%v", payload)
	}
}

func TestAServiceSpeaksForItself(t *testing.T) {
	w := newWorld(t)
	_, payload := parts(t, w.forService("orders", "billing").Raw)
	if payload["sub"] != "orders" || payload["client_id"] != "orders" || payload["sub_kind"] != "service" || payload["sid"] != nil {
		t.Errorf("%v", payload)
	}
}

func TestTheResourceChoosesTheAlgorithm(t *testing.T) {
	w := newWorld(t)
	w.check(w.ring.Ensure(ctx, token.RS256))
	billing := *w.resource("billing")
	billing.Token.Algorithm = token.RS256
	header, _ := parts(t, w.issue(issuer.Mint{Client: w.client("portal"), Resource: &billing}).Raw)
	if header["alg"] != "RS256" {
		t.Errorf("header %v", header)
	}
}

func parts(t *testing.T, raw symbolon.Secret) (header, payload map[string]any) {
	t.Helper()
	pieces := strings.Split(raw.Reveal(), ".")
	if len(pieces) != 3 {
		t.Fatal("not a JWT")
	}
	for n, to := range []*map[string]any{&header, &payload} {
		if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(pieces[n])), to); err != nil {
			t.Fatal(err)
		}
	}
	return header, payload
}

// S22, S47: what is stored opens nothing and tells nothing, and rows cannot be swapped.
func TestARowOfAnOpaqueTokenIsOfNoUse(t *testing.T) {
	w := newWorld(t)
	first, second := w.forPerson("portal", "orders", "read"), w.forPerson("portal", "orders", "write")
	row := must(w.db.Token(ctx, first.Raw.Hash()))
	for _, plain := range []string{string(w.user.ID), "orders.example", "read", first.Raw.Reveal()} {
		if bytes.Contains(row.Data, []byte(plain)) {
			t.Errorf("%q stands in the row", plain)
		}
	}
	other := must(w.db.Token(ctx, second.Raw.Hash()))
	forged := *row
	raw := token.NewOpaque(token.PrefixAccess)
	forged.Hash, forged.Data = raw.Hash(), other.Data
	w.check(w.db.Commit(ctx, symbolon.IssueToken{Token: forged}))
	if claims, err := w.Open(ctx, raw.Reveal()); err == nil {
		t.Errorf("a row with the data of another opened: %v", claims)
	}
}
