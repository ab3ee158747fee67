package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/declare"
)

func (w *world) apply(token string, set declare.Set, query string) admin.Outcome {
	w.t.Helper()
	var out admin.Outcome
	w.call(token, "POST", "/apply?"+query, set).want(http.StatusOK).into(&out)
	return out
}

func (w *world) export(token string) declare.Set {
	w.t.Helper()
	var set declare.Set
	w.call(token, "GET", "/export", nil).want(http.StatusOK).into(&set)
	return set
}

func yes() *bool { b := true; return &b }
func no() *bool  { return new(bool) }

func object(kind, id, doc string) declare.Object {
	return declare.Object{Kind: kind, ID: id, Doc: []byte(doc)}
}

func sample() declare.Set {
	return declare.Set{
		Objects: []declare.Object{
			object("organisation", "acme", `{"id": "acme", "name": "ACME"}`),
			object("group", "staff", `{"id": "staff"}`),
			object("policy", "staff", "{\"id\": \"staff\", \"text\": \"@id(\\\"staff\\\")\\npermit (principal in Group::\\\"staff\\\", action == Action::\\\"access\\\", resource);\"}"),
		},
		People: []declare.Person{
			{Login: "Carol", Name: "Carol", Organisation: "acme", Groups: []string{"staff", "b", "staff"}, Attributes: map[string]any{"floor": 3, "desks": []any{"a", "b"}}},
			{Login: " dave "},
		},
	}
}

// S4, S21: a set is made true once; the second time nothing changes and nothing is told.
func TestApplyTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	set := sample()
	dry := w.apply(token, set, "dry_run=true")
	if len(dry.Differences) != 5 || len(w.events(symbolon.UserCreated)) != 2 {
		t.Fatalf("a dry run: %+v", dry)
	}
	if done := w.apply(token, set, ""); len(done.Differences) != 5 {
		t.Fatalf("%+v", done)
	}
	carol := w.user("carol")
	if carol.Login != "Carol" || len(carol.Groups) != 2 || carol.Attributes["floor"].Source != "declared" {
		t.Fatalf("%+v", carol)
	}
	before := len(w.events())
	w.pass(time.Minute)
	if again := w.apply(token, set, "prune=false"); len(again.Differences) != 0 {
		t.Errorf("%+v", again)
	}
	if told := w.events(); len(told) != before {
		t.Errorf("applying again was told: %+v", told[0])
	}
	set.People[0].Name = "Carol C."
	w.apply(token, set, "")
	if c := w.user("carol"); !c.Attributes["floor"].At.Equal(carol.Attributes["floor"].At) {
		t.Error("what stayed the same got a new age")
	}
}

func TestExportIsWhatApplyTakes(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	w.apply(token, sample(), "")
	w.check(w.directory.Disable(ctx, w.user("dave").ID, "test", "", ""))
	set := w.export(token)
	if out := w.apply(token, set, "prune=true"); len(out.Differences) != 0 {
		t.Errorf("an export differs from where it came from: %+v", out)
	}
	elsewhere := newWorld(t)
	operator := elsewhere.service("operator")
	elsewhere.apply(operator, set, "")
	if again := elsewhere.export(operator); len(again.Objects) != len(set.Objects) || len(again.People) != len(set.People) {
		t.Errorf("%d objects and %d people became %d and %d", len(set.Objects), len(set.People), len(again.Objects), len(again.People))
	}
	if !elsewhere.user("dave").Disabled {
		t.Error("somebody who was shut out is in at the other place")
	}
}

// Removing is for those who say so, and never removes people or the first policies.
func TestPruneRemovesWhatIsNotNamed(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	w.apply(token, sample(), "")
	kept := w.export(token)
	kept.People = nil
	kept.Objects = without(kept.Objects, "staff", "administrators")
	if out := w.apply(token, kept, ""); len(out.Differences) != 0 {
		t.Errorf("without prune: %+v", out)
	}
	out := w.apply(token, kept, "prune=true&dry_run=true")
	if len(out.Differences) != 2 || out.Differences[0].Action != "delete" {
		t.Errorf("%+v", out)
	}
	w.apply(token, kept, "prune=true")
	w.call(token, "GET", "/policies/staff", nil).problem(http.StatusNotFound)
	w.call(token, "GET", "/policies/administrators", nil).want(http.StatusOK)
	w.user("carol")
}

func without(objects []declare.Object, ids ...string) []declare.Object {
	var kept []declare.Object
	for _, o := range objects {
		if !strings.Contains(" "+strings.Join(ids, " ")+" ", " "+o.ID+" ") {
			kept = append(kept, o)
		}
	}
	return kept
}

// S5: whoever may write policies may not thereby write people, nor anything else.
func TestASetIsJudgedByEachKindInIt(t *testing.T) {
	w := newWorld(t)
	token := w.service("editor")
	set := sample()
	policies := declare.Set{Objects: set.Objects[2:]}
	w.call(token, "POST", "/apply", policies).problem(http.StatusBadRequest) // the group is not declared
	w.apply(w.service("operator"), declare.Set{Objects: set.Objects[:2]}, "")
	w.apply(token, policies, "")
	for name, more := range map[string]declare.Set{
		"people":       {Objects: policies.Objects, People: set.People},
		"group":        {Objects: set.Objects[1:]},
		"organisation": {Objects: set.Objects[:1]},
		"nothing":      {},
	} {
		for _, query := range []string{"", "?dry_run=true"} {
			answer := w.call(token, "POST", "/apply"+query, more)
			if p := answer.problem(http.StatusForbidden); !strings.Contains(p.Detail, ".write") {
				t.Errorf("%s: %s", name, p.Detail)
			}
		}
	}
	w.call(token, "POST", "/apply?prune=true", policies).problem(http.StatusForbidden)
	w.call(token, "GET", "/export", nil).problem(http.StatusForbidden)
	if len(w.events(symbolon.UserCreated)) != 2 {
		t.Error("a refused set was applied in part")
	}
	w.call(w.service("operator"), "POST", "/apply", declare.Set{Objects: []declare.Object{object("epoch", "x", `{}`)}}).problem(http.StatusBadRequest)
}

// All of a set is checked before any of it is made true.
func TestAFaultySetChangesNothing(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	good := must(authn.HashPassword("correct horse battery staple"))
	for name, spoil := range map[string]func(*declare.Set){
		"password hash":       func(s *declare.Set) { s.People[0].PasswordHash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA" },
		"huge password hash":  func(s *declare.Set) { s.People[0].PasswordHash = strings.Replace(good, "m=19456", "m=99999999", 1) },
		"foreign hash":        func(s *declare.Set) { s.People[0].PasswordHash = "$2y$10$abcdefghijklmnopqrstuv" },
		"login":               func(s *declare.Set) { s.People[0].Login = "ev\u202el" },
		"group name":          func(s *declare.Set) { s.People[0].Groups = []string{"a b"} },
		"policy":              func(s *declare.Set) { s.Objects[2].Doc = []byte(`{"id": "staff", "text": "permit"}`) },
		"twice":               func(s *declare.Set) { s.Objects = append(s.Objects, s.Objects[0]) },
		"id of another":       func(s *declare.Set) { s.Objects[0].ID = "other" },
		"group of the policy": func(s *declare.Set) { s.Objects = without(s.Objects, "acme"); s.Objects = s.Objects[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.pass(time.Second)
			set := sample()
			spoil(&set)
			before := len(w.events())
			dry := w.call(token, "POST", "/apply?dry_run=true", set).problem(http.StatusBadRequest)
			wet := w.call(token, "POST", "/apply", set).problem(http.StatusBadRequest)
			if dry.Detail != wet.Detail || len(w.events()) != before {
				t.Errorf("dry: %s, applied: %s, %d events", dry.Detail, wet.Detail, len(w.events())-before)
			}
		})
	}
}

// S20: an old file lets nobody in again who was shut out; one that says so in so many words does.
func TestDisabledChangesOnlyWhereASetSaysSo(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	person := func(disabled *bool) declare.Set {
		return declare.Set{People: []declare.Person{{Login: "bob", Email: "bob@example.com", Disabled: disabled}}}
	}
	for _, step := range []struct {
		name     string
		disabled *bool
		changes  int
		want     bool
	}{
		{"absent, enabled", nil, 0, false}, {"false, enabled", no(), 0, false}, {"true", yes(), 1, true}, {"true again", yes(), 0, true},
		{"absent, disabled", nil, 0, true}, {"false, disabled", no(), 1, false}, {"false again", no(), 0, false},
	} {
		w.pass(time.Second)
		if out := w.apply(token, person(step.disabled), ""); len(out.Differences) != step.changes || w.user("bob").Disabled != step.want {
			t.Errorf("%s: %+v, disabled %v", step.name, out, w.user("bob").Disabled)
		}
	}
	if len(w.events(symbolon.UserDisabled)) != 1 || len(w.events(symbolon.UserEnabled)) != 1 {
		t.Error("the trail tells otherwise")
	}
	path := "/users/" + string(w.user("bob").ID)
	w.call(token, "PUT", path, `{"login": "bob", "disabled": true}`).want(http.StatusOK)
	w.call(token, "PUT", path, `{"login": "bob", "name": "Bob"}`).want(http.StatusOK)
	if !w.user("bob").Disabled {
		t.Error("a change of the name let somebody in")
	}
	w.call(token, "PUT", path, `{"login": "bob", "disabled": false}`).want(http.StatusOK)
	if w.user("bob").Disabled {
		t.Error("disabled: false did nothing")
	}
}

func TestADeclaredPasswordIsKeptAndNeverShown(t *testing.T) {
	w := newWorld(t)
	token := w.service("operator")
	hash := must(authn.HashPassword("correct horse battery staple"))
	set := declare.Set{People: []declare.Person{{Login: "bob", PasswordHash: hash}}}
	out := w.call(token, "POST", "/apply", set).want(http.StatusOK)
	if w.user("bob").PasswordHash != hash || strings.Contains(out.Body.String(), "argon2") {
		t.Error(out.Body)
	}
	set.People[0].PasswordHash = ""
	w.apply(token, set, "")
	if w.user("bob").PasswordHash != hash {
		t.Error("a set without a password took it away")
	}
	for _, path := range []string{"/export", "/users", "/users/" + string(w.user("bob").ID)} {
		if answer := w.call(token, "GET", path, nil).want(http.StatusOK); strings.Contains(answer.Body.String(), "argon2") {
			t.Errorf("%s shows it: %s", path, answer.Body)
		}
	}
}

// What another source says about a person is not for a declared set to take back.
func TestAttributesOfOtherSourcesStay(t *testing.T) {
	w := newWorld(t)
	w.check(w.directory.Put(ctx, "scim", "", symbolon.User{Login: "bob", Attributes: map[string]symbolon.Attribute{
		"cost_centre": {Value: "42", Source: "scim", At: w.clock(), PII: true}}}))
	token := w.service("operator")
	w.apply(token, declare.Set{People: []declare.Person{{Login: "bob", Attributes: map[string]any{"floor": "3"}}}}, "")
	bob := w.user("bob")
	if len(bob.Attributes) != 2 || bob.Attributes["cost_centre"].Source != "scim" || !bob.Attributes["cost_centre"].PII {
		t.Errorf("%+v", bob.Attributes)
	}
	if out := w.apply(token, w.export(token), ""); len(out.Differences) != 0 || w.user("bob").Attributes["cost_centre"].Source != "scim" {
		t.Errorf("%+v %+v", out, w.user("bob").Attributes)
	}
}

func TestASetIsBounded(t *testing.T) {
	w := newWorld(t)
	people := make([]declare.Person, 20_001)
	for i := range people {
		people[i].Login = "x"
	}
	w.call(w.service("operator"), "POST", "/apply", declare.Set{People: people}).problem(http.StatusBadRequest)
}
