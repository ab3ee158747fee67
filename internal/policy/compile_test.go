package policy_test

import (
	"errors"
	"strings"
	"testing"

	"symbolon.dev/internal/policy"
)

func TestAMistakeIsNamedWithItsPlace(t *testing.T) { // S4
	cases := map[string]struct {
		text, place, message string
	}{
		"syntax":                {"\n\n  permit (principal, action, resource)", "test:3:", "exact got"},
		"not a policy":          {"allow everything", "test:1:", "unexpected effect"},
		"unknown character":     {"permit (principal, action, resource) when { ` };", "test:1:", ""},
		"unknown annotation":    {"\n@remdy(\"acr=phr\")\nforbid (principal, action, resource);", "test:2:1: policy test#1", "@remdy is unknown"},
		"unknown action":        {`permit (principal, action == Action::"acces", resource);`, "test:1:1: policy test#1", "unrecognized action"},
		"unknown type":          {`permit (principal in Groups::"staff", action, resource);`, "test:1:1", "unrecognized entity type"},
		"unknown attribute":     {`@id("x") permit (principal, action == Action::"access", resource) when { context.acrr == "phr" };`, "policy x", "acrr"},
		"unguarded optional":    {`permit (principal is User, action == Action::"access", resource) when { principal.department == "x" };`, "test:1:1", "department"},
		"wrong type":            {`permit (principal, action == Action::"access", resource) when { context.level == "3" };`, "test:1:1", ""},
		"cannot apply":          {`permit (principal is Service, action == Action::"login", resource);`, "test:1:1", "unable to find an applicable action"},
		"no such group":         {`forbid (principal in Group::"stafff", action, resource);`, "test:1:1", `there is no Group::"stafff"`},
		"no such resource":      {`forbid (principal, action == Action::"access", resource == Resource::"pay");`, "", `there is no Resource::"pay"`},
		"no such administrator": {`forbid (principal, action in Action::"admin", resource == Administration::"user");`, "", `there is no Administration::"user"`},
		"no such one in a when": {`forbid (principal, action == Action::"access", resource) when { [Resource::"wiki", Resource::"pay"].contains(resource) };`, "", `there is no Resource::"pay"`},
		"remedy on a permit":    {`@remedy("acr=phr") permit (principal, action, resource);`, "", "belongs on a forbid"},
		"unknown class":         {`@remedy("acr=aal3") forbid (principal, action, resource);`, "", "@remedy"},
		"no class":              {`@remedy("acr=") forbid (principal, action, resource);`, "", "@remedy"},
		"empty remedy":          {`@remedy forbid (principal, action, resource);`, "", "@remedy"},
		"zero age":              {`@remedy("max_age=0") forbid (principal, action, resource);`, "", "@remedy"},
		"negative age":          {`@remedy("max_age=-5") forbid (principal, action, resource);`, "", "@remedy"},
		"age with a sign":       {`@remedy("max_age=+5") forbid (principal, action, resource);`, "", "@remedy"},
		"age with a unit":       {`@remedy("max_age=5m") forbid (principal, action, resource);`, "", "@remedy"},
		"age too large":         {`@remedy("max_age=9223372036854775808") forbid (principal, action, resource);`, "", "@remedy"},
		"two classes":           {`@remedy("acr=phr acr=mfa") forbid (principal, action, resource);`, "", "@remedy"},
		"two spaces":            {`@remedy("acr=phr  max_age=5") forbid (principal, action, resource);`, "", "@remedy"},
		"unknown mode":          {`@mode("observed") forbid (principal, action, resource);`, "", "@mode"},
		"empty mode":            {`@mode forbid (principal, action, resource);`, "", "@mode"},
		"empty id":              {`@id permit (principal, action, resource);`, "", "@id"},
		"id with a space":       {`@id("a b") permit (principal, action, resource);`, "", "@id"},
		"duplicate id":          {`@id("a") permit (principal, action, resource); @id("a") forbid (principal, action, resource);`, "policy a", "another policy"},
		"duplicate annotation":  {`@id("a") @id("b") permit (principal, action, resource);`, "test:1", "duplicate annotation"},
		"deep brackets":         {"permit (principal, action, resource) when {\n" + strings.Repeat("(", 100_000) + "true };", "", "line 2: brackets or attributes nest deeper"},
		"deep attributes":       {"permit (principal, action, resource) when { context has " + strings.Repeat("a.", 5000) + "a };", "", "line 1: brackets or attributes nest deeper"},
		"line comments":         {"// \" ((((\npermit (principal, action, resource); // (\n@nope permit (principal, action, resource);", "test:3:1", "@nope"},
		"too long":              {strings.Repeat(" ", policy.MaxDocument+1), "", "over"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := policy.Compile([]policy.Document{{ID: "test", Text: c.text}}, world())
			var problems *policy.Problems
			if s != nil || !errors.As(err, &problems) {
				t.Fatalf("got %v, %v", s, err)
			}
			if !strings.Contains(err.Error(), c.place) || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got %q, want %q at %q", err, c.message, c.place)
			}
		})
	}
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	_, err := policy.Compile([]policy.Document{
		{ID: "b", Text: `@mode("x") permit (principal, action, resource); permit (principal, action, resource) when { context.nope };`},
		{ID: "a", Text: `permit`}, {ID: "b", Text: ``}, {ID: "not ok", Text: ``},
	}, append(world(), world()[0], policy.Entity{UID: policy.UID{Type: "Robot", ID: "r"}}))
	for _, want := range []string{"a:1:", "b:1:1: policy b#1", "policy b#2", "two documents", "not ok:", `Group::"staff" is given twice`, `Robot::"r"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

func TestDuplicateNamesAreFoundAcrossDocuments(t *testing.T) {
	text := `@id("same") permit (principal, action, resource);`
	if _, err := policy.Compile([]policy.Document{{ID: "a", Text: text}, {ID: "b", Text: text}}, nil); err == nil {
		t.Error("two policies of one name")
	}
}

func TestTheVersionIsThatOfTheTexts(t *testing.T) {
	one := []policy.Document{{ID: "a", Text: permitAll}, {ID: "b", Text: ""}}
	versions := map[string]string{}
	for name, documents := range map[string][]policy.Document{
		"one": one, "reordered": {one[1], one[0]}, "renamed": {{ID: "c", Text: permitAll}, one[1]},
		"changed": {{ID: "a", Text: permitAll + " "}, one[1]}, "moved": {{ID: "a", Text: ""}, {ID: "b", Text: permitAll}},
	} {
		s, err := policy.Compile(documents, nil)
		if err != nil {
			t.Fatal(err)
		}
		versions[name] = s.Version()
	}
	if versions["one"] != versions["reordered"] {
		t.Error("the order of documents changes the version")
	}
	for _, other := range []string{"renamed", "changed", "moved"} {
		if versions["one"] == versions[other] {
			t.Errorf("%s: the same version", other)
		}
	}
}

func TestRulesDescribeTheSet(t *testing.T) {
	s := compile(t, permitAll+`
		@description("no deletions yet") @mode("observe") @remedy("acr=phr") forbid (principal, action == Action::"access", resource);`)
	rules := s.Rules()
	if len(rules) != 2 || rules[0].ID != "all" || rules[0].Effect != policy.Allow || rules[1].ID != "test#2" ||
		!rules[1].Observe || rules[1].Remedy.ACR != "phr" || rules[1].Description == "" || rules[1].Line != 3 {
		t.Errorf("got %+v", rules)
	}
	if !strings.Contains(policy.Schema(), "entity Administration enum") {
		t.Error("the schema is not printable")
	}
}

// FuzzCompile: whatever the text, nothing panics, what does not compile decides nothing, and a
// text without the word permit permits nothing.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{permitAll, permitStaff, "permit", `@id("x") @remedy("acr=phr max_age=1") forbid (principal is User, action in [Action::"access"], resource) unless { context.level > 2 || principal has department };`,
		`forbid (principal, action, resource) when { "\"//(" == "" }; // (((`, strings.Repeat("!", 50), `permit (principal, action, resource) when { if context.delegated then {a:1}.a == 1 else principal like "*" };`} {
		f.Add(seed)
	}
	entities, ask := world(), access(person("ann", "staff"), "wiki")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := policy.Compile([]policy.Document{{ID: "fuzz", Text: text}}, entities)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v and %v", s, err)
		}
		got := s.Decide(ask)
		if got.Effect == policy.Allow && (err != nil || !strings.Contains(text, "permit")) {
			t.Fatalf("garbage permits: %+v", got)
		}
	})
}
