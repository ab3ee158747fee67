package issuer_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// answer is what the caller gets, as JSON says it.
func (w *world) answer(caller symbolon.ClientID, raw symbolon.Secret) map[string]any {
	w.t.Helper()
	x, err := w.Introspect(ctx, w.client(caller), raw.Reveal())
	w.check(err)
	var out map[string]any
	w.check(json.Unmarshal(must(x.AppendJSON(nil)), &out))
	return out
}

func keys(m map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }

// S23: the resource's server and brokers may know; for everybody else there is no such token.
func TestOnlyThoseConcernedLearnThatATokenExists(t *testing.T) {
	w := newWorld(t)
	for _, issued := range []issuer.Issued{w.forPerson("portal", "orders", "read"), w.forService("portal", "orders", "read")} {
		for caller, want := range map[symbolon.ClientID]bool{
			"orders": true, "broker": true, "billing": false, "stranger": false,
			"portal": false, // it holds the token, but opaque means opaque
		} {
			got := w.answer(caller, issued.Raw)
			if got["active"] != want {
				t.Errorf("%s: %v", caller, got)
			}
			if !want && len(got) != 1 {
				t.Errorf("%s learns more than that there is nothing: %v", caller, got)
			}
		}
	}
}

// S24: who is told what.
func TestEachAudienceLearnsWhatItAskedFor(t *testing.T) {
	w := newWorld(t)
	always := "acr active amr aud auth_time client_id exp grant_id iat iss jti scope sid sub sub_kind token_type"
	sorted := func(more string) string {
		all := strings.Fields(always + " " + more)
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		caller   symbolon.ClientID
		resource string
		want     string
	}{
		{"orders", "orders", "department office preferred_username"},
		{"broker", "orders", "department office preferred_username groups org employment"},
		{"broker", "wiki", "groups org department employment"},
		{"billing", "billing", "employment"},
	} {
		got := w.answer(c.caller, w.forPerson("portal", c.resource, "read").Raw)
		if keys(got) != sorted(c.want) {
			t.Errorf("%s at %s\ngot  %s\nwant %s", c.caller, c.resource, keys(got), sorted(c.want))
		}
		if got["sub"] != string(w.user.ID) || got["token_type"] != "Bearer" {
			t.Errorf("%v", got)
		}
	}
}

// S11: what somebody is, is what they are now.
func TestAChangeOfGroupsTakesEffectAtTheNextIntrospection(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("broker", "wiki")
	if got := w.answer("broker", issued.Raw)["groups"]; !slices.Equal(got.([]any), []any{"engineers"}) {
		t.Fatalf("groups %v", got)
	}
	w.user.Groups, w.user.Department = []symbolon.GroupID{"banned"}, "none"
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
	got := w.answer("broker", issued.Raw)
	if !slices.Equal(got["groups"].([]any), []any{"banned"}) || got["department"] != "none" {
		t.Errorf("%v", got)
	}
}

func TestAServiceIsDescribedByItsRegistration(t *testing.T) {
	w := newWorld(t)
	got := w.answer("broker", w.forService("orders", "wiki").Raw)
	if got["org"] != "acme" || got["sub_kind"] != "service" || got["sub"] != "orders" {
		t.Errorf("%v", got)
	}
}

// RFC 9701 §5
func TestASignedAnswerIsForItsCallerAndNoAccessToken(t *testing.T) {
	w := newWorld(t)
	for active, raw := range map[bool]symbolon.Secret{
		true: w.forPerson("portal", "orders", "read").Raw, false: token.NewOpaque(token.PrefixAccess),
	} {
		x, err := w.Introspect(ctx, w.client("orders"), raw.Reveal())
		w.check(err)
		compact := must(w.SignIntrospection(w.client("orders"), &x))
		header, payload := parts(t, symbolon.NewSecret(compact))
		if header["typ"] != "token-introspection+jwt" || keys(payload) != "aud iat iss token_introspection" ||
			payload["aud"] != "orders" || payload["iss"] != iss {
			t.Errorf("%v %v", header, payload)
		}
		inner := payload["token_introspection"].(map[string]any)
		if inner["active"] != active || !active && len(inner) != 1 {
			t.Errorf("%v", inner)
		}
		if _, err := w.Open(ctx, compact); err == nil {
			t.Error("the answer passes as an access token")
		}
		verifier := token.Verifier{Keys: w.ring, Types: []string{token.TypeIntrospection}, Issuer: iss, Audience: "orders", Clock: w.clock}
		if _, err := verifier.Payload(compact); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryJudgedIntrospectionIsCounted(t *testing.T) {
	w := newWorld(t)
	issued := w.forPerson("portal", "orders")
	w.answer("orders", issued.Raw)
	w.answer("stranger", issued.Raw)
	if got := w.ledger.entries.Load(); got != 2 {
		t.Errorf("%d entries", got)
	}
}
