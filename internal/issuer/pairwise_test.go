package issuer_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
)

func strictDecode(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }

// twoSectors are two partners that would like to compare their people.
func twoSectors(w *world) {
	pairwise := symbolon.TokenRule{Format: "jwt", Subject: "pairwise"}
	w.declare(client("one"), client("two"),
		&symbolon.Resource{ID: "one", Identifier: "https://one.example", Server: "one", Scopes: scopes("read"), Token: pairwise},
		&symbolon.Resource{ID: "two", Identifier: "https://two.example", Server: "two", Scopes: scopes("read"), Token: symbolon.TokenRule{Subject: "pairwise"}},
		&symbolon.Policy{ID: "on", Text: `@id("one-may-ask-two") permit(principal == Service::"one", action == Action::"exchange", resource == Resource::"two");`})
}

// S26, OpenID Connect Core 1.0 §8.1: two sectors cannot find out that they serve the same person.
func TestTwoSectorsCannotCompareTheirPeople(t *testing.T) {
	w := newWorld(t)
	twoSectors(w)
	given := w.authorize("portal")
	mint := func(id string) issuer.Issued {
		return w.issue(issuer.Mint{Client: w.client("portal"), Resource: w.resource(id), Scopes: []string{"read"}, Authorization: given})
	}
	_, at1 := parts(t, mint("one").Raw)
	_, again := parts(t, mint("one").Raw)
	answer := must(w.Introspect(ctx, w.client("two"), mint("two").Raw.Reveal()))
	var at2 map[string]any
	w.check(json.Unmarshal(must(answer.AppendJSON(nil)), &at2))
	if at1["sub"] != again["sub"] || at1["sid"] != again["sid"] || !strings.HasPrefix(at1["sub"].(string), "pws_") || !answer.Active {
		t.Errorf("%v\n%v\n%v", at1, again, at2)
	}
	for name, value := range at1 {
		text, ok := value.(string)
		if ok && len(text) > 20 && at2[name] == value && name != "iss" {
			t.Errorf("both read %s = %s", name, text)
		}
	}
	for _, told := range []map[string]any{at1, at2} {
		said := string(must(json.Marshal(told)))
		for _, own := range []string{string(w.user.ID), string(given.ID), string(given.Session)} {
			if strings.Contains(said, own) {
				t.Errorf("%s stands in %s", own, said)
			}
		}
	}
}

// S20: we, and brokers, know who it is all the same; and taking trust away reaches it.
func TestAPairwiseTokenIsAsMortalAsAnyOther(t *testing.T) {
	w := newWorld(t)
	twoSectors(w)
	first := w.forPerson("portal", "one", "read")
	if claims, err := w.Open(ctx, first.Raw.Reveal()); err != nil || claims.Subject != string(w.user.ID) || claims.Extra["ref"] != nil {
		t.Errorf("%+v, %v", claims, err)
	}
	second := must(w.swap("one", first, "two", ""))
	if second.Claims.Subject != string(w.user.ID) {
		t.Errorf("%+v", second.Claims)
	}
	active := func(raw symbolon.Secret, caller symbolon.ClientID) bool {
		return must(w.Introspect(ctx, w.client(caller), raw.Reveal())).Active
	}
	if !active(first.Raw, "one") || !active(second.Raw, "two") {
		t.Fatal("not active")
	}
	w.check(w.RevokeToken(ctx, first.Claims, issuer.Revoker{}))
	if active(first.Raw, "one") || active(second.Raw, "two") {
		t.Error("revoked, and active")
	}
	third := w.forPerson("portal", "one", "read")
	w.check(w.RevokeAuthorization(ctx, symbolon.AuthorizationID(third.Claims.Authorization), issuer.Revoker{}))
	fourth := w.forPerson("portal", "one", "read")
	w.user.Disabled = true
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
	if active(third.Raw, "one") || active(fourth.Raw, "one") {
		t.Error("given up, or disabled, and active")
	}
}

// A client whose subjects are pairwise reads no JWT that names people as others know them.
func TestAPairwiseClientReadsNoOtherName(t *testing.T) {
	w := newWorld(t)
	w.declare(client("app", func(c *symbolon.Client) {
		c.SubjectType, c.RedirectURIs = "pairwise", []string{"https://app.example/cb"}
	}))
	if issued := w.forPerson("app", "billing", "read"); issued.Format != "opaque" {
		t.Errorf("format %s", issued.Format)
	}
	if issued := w.forService("app", "billing", "read"); issued.Format != "jwt" {
		t.Errorf("for itself: format %s", issued.Format)
	}
	given := w.authorize("app")
	raw := must(w.IDToken(issuer.IDToken{Client: w.client("app"), Authorization: given}))
	_, payload := parts(t, symbolon.NewSecret(raw))
	if payload["sub"] != w.SubjectFor(w.client("app"), w.user.ID) || payload["sub"] == string(w.user.ID) {
		t.Errorf("%v", payload)
	}
	if w.SubjectFor(w.client("portal"), w.user.ID) != string(w.user.ID) {
		t.Error("a public subject is another one")
	}
}

// What a receiver hears fits what it was told before; a broker hears the ids that it judges by.
func TestAReceiverHearsTheIDsItKnows(t *testing.T) {
	w := newWorld(t)
	twoSectors(w)
	issued := w.forPerson("portal", "one", "read")
	_, payload := parts(t, issued.Raw)
	e := symbolon.Event{User: w.user.ID, Session: symbolon.SessionID(issued.Claims.SessionID), Authorization: symbolon.AuthorizationID(issued.Claims.Authorization)}
	at := w.Heard(w.client("one"), e)
	if payload["sub"] != string(at.User) || payload["sid"] != string(at.Session) || payload["grant_id"] != string(at.Authorization) {
		t.Errorf("told %v, hears %+v", payload, at)
	}
	if other := w.Heard(w.client("two"), e); other.User == at.User || other.User == e.User {
		t.Errorf("%+v", other)
	}
	if broker := w.Heard(w.client("broker"), e); broker.User != e.User || broker.Session != e.Session {
		t.Errorf("%+v", broker)
	}
}
