package claim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/claim"
)

var inside, outside = claim.Sight{Hook: true}, claim.Sight{Outside: true}

func ada() *symbolon.User {
	return &symbolon.User{ID: "usr_1", Login: "ada-PERSONAL", Name: "Ada PERSONAL", Email: "PERSONAL@example.com",
		Organisation: "acme", Department: "engines", Employment: "employee", Groups: []symbolon.GroupID{"engineers", "crew"},
		Attributes: map[string]symbolon.Attribute{
			"office": {Value: "B12"}, "level": {Value: float64(3)}, "phone": {Value: "PERSONAL-555", PII: true},
			"badges": {Value: map[string]any{"gate": []any{"a", "b"}}},
		}}
}

func facts() *claim.Facts {
	return &claim.Facts{User: ada(), ACR: "phr", AMR: []string{"hwk", "user"}, AuthTime: time.Unix(1000, 0),
		Client:   &symbolon.Client{ID: "portal", Organisation: "acme", Groups: []symbolon.GroupID{"apps"}},
		Resource: &symbolon.Resource{ID: "billing"}, Scopes: []string{"read", "pay"},
		Hook: map[string]any{"tier": "gold"}}
}

// S24: claims come from named sources.
func TestAnExpressionReadsItsSources(t *testing.T) {
	compiler := claim.NewCompiler()
	for text, want := range map[string]any{
		`user.department + "/" + user.employment`:            "engines/employee",
		`user.groups.filter(g, g.startsWith("eng"))`:         []any{"engineers"},
		`user.attributes.office`:                             "B12",
		`user.attributes.level > 2.0 ? "senior" : "junior"`:  "senior",
		`user.attributes.?floor.orValue("")`:                 nil,
		`user.attributes.?floor`:                             nil,
		`user.attributes.badges`:                             map[string]any{"gate": []any{"a", "b"}},
		`null`:                                               nil,
		`session.acr == "phr" && "hwk" in session.amr`:       true,
		`int(session.auth_time)`:                             int64(1000),
		`session.auth_time`:                                  int64(1000),
		`client.id + "@" + client.organisation`:              "portal@acme",
		`request.scopes.exists(s, s == "pay")`:               true,
		`{"at": request.resource, "n": size(client.groups)}`: map[string]any{"at": "billing", "n": int64(1)},
		`hook.tier`: "gold",
		`user.email.split("@")[0] == "" ? "" : user.attributes["phone"]`: errors.New("split is no word here"),
		`user.email`: "PERSONAL@example.com",
	} {
		compiled, err := compiler.Compile(text, inside)
		if _, fails := want.(error); fails {
			if err == nil {
				t.Errorf("%s compiles", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := compiled.Eval(facts()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", text, got, err, want)
		}
	}
}

func TestAServiceHasAnEmptyPerson(t *testing.T) {
	f := facts()
	f.User = nil
	compiled, err := claim.NewCompiler().Compile(`user.department + user.email`, inside)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := compiled.Eval(f); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// S26: for a resource outside, what is personal is not there.
func TestOutsideWhatIsPersonalIsAnUnknownWord(t *testing.T) {
	compiler := claim.NewCompiler()
	for _, text := range []string{`user.email`, `user.name`, `user.login`, `has(user.email)`, `user`, `user["email"]`, `[user.login]`,
		`{"a": user.name}`, `user.email == "x" ? 1 : 2`, `hook.tier`} {
		if _, err := compiler.Compile(text, outside); err == nil {
			t.Errorf("%s compiles", text)
		}
	}
	compiled, err := compiler.Compile(`user.attributes.phone`, outside)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := compiled.Eval(facts()); err == nil {
		t.Errorf("an attribute that is labelled is told: %v", got)
	}
}

// S26, the law: no expression carries, or depends on, what is personal.
func TestWhateverTheExpressionNothingPersonalLeaves(t *testing.T) {
	compiler := claim.NewCompiler()
	rapid.Check(t, func(t *rapid.T) {
		compiled, err := compiler.Compile(drawExpr(t, 3), outside)
		if err != nil {
			return
		}
		one, other := facts(), facts()
		other.User.Login, other.User.Name, other.User.Email = "", "somebody else", "x"
		other.User.Attributes["phone"] = symbolon.Attribute{Value: float64(7), PII: true}
		if rapid.Bool().Draw(t, "without phone") {
			delete(other.User.Attributes, "phone")
		}
		got, err := compiled.Eval(one)
		again, err2 := compiled.Eval(other)
		if !reflect.DeepEqual(got, again) || (err == nil) != (err2 == nil) {
			t.Fatalf("%v, %v against %v, %v", got, err, again, err2)
		}
		if text, _ := json.Marshal(got); strings.Contains(string(text), "PERSONAL") {
			t.Fatalf("%s", text)
		}
	})
}

func drawExpr(t *rapid.T, depth int) string {
	leaf := func() string {
		return rapid.SampledFrom([]string{`user.email`, `user.name`, `user.login`, `user.attributes.phone`, `user.attributes["phone"]`,
			`user.attributes.office`, `user.attributes`, `user.groups`, `"x"`, `client.id`, `user.department`, `session.amr`, `request.scopes`}).Draw(t, "leaf")
	}
	if depth == 0 {
		return leaf()
	}
	sub := func() string { return drawExpr(t, depth-1) }
	switch rapid.IntRange(0, 8).Draw(t, "shape") {
	case 0:
		return fmt.Sprintf(`[%s, %s]`, sub(), sub())
	case 1:
		return fmt.Sprintf(`{"a": %s}`, sub())
	case 2:
		return fmt.Sprintf(`%s == %s`, sub(), sub())
	case 3:
		return fmt.Sprintf(`has(user.attributes.phone) ? %s : %s`, sub(), sub())
	case 4:
		return fmt.Sprintf(`user.attributes.map(k, k + string(user.attributes[k])).filter(k, k != %s)`, sub())
	case 5:
		return fmt.Sprintf(`size(%s)`, sub())
	case 6:
		return fmt.Sprintf(`dyn(%s)`, sub())
	case 7:
		return fmt.Sprintf(`"phone" in user.attributes || %s == %s`, sub(), sub())
	}
	return leaf()
}

// An expression costs what it may, and no more.
func TestAnExpressionHasACost(t *testing.T) {
	compiler := claim.NewCompiler()
	for _, text := range []string{
		`[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, [1,2,3,4,5,6,7,8,9].map(c, [1,2,3,4,5,6,7,8,9].map(d, [1,2,3,4,5,6,7,8,9].map(e, a+b+c+d+e)))))`,
		`user.groups.map(g, user.groups.map(h, ` + strings.Repeat(`"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + `, 10) + `g))`,
	} {
		f := facts()
		for n := range 500 {
			f.User.Groups = append(f.User.Groups, symbolon.GroupID(fmt.Sprint("group", n)))
		}
		compiled, err := compiler.Compile(text, inside)
		if err != nil {
			continue
		}
		if _, err := compiled.Eval(f); err == nil {
			t.Errorf("%.60s… ran to its end", text)
		}
	}
	for _, text := range []string{"", strings.Repeat(" ", claim.MaxLength) + "1", strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), `1 +`, `nobody.knows`, `"a" + 1`} {
		if _, err := compiler.Compile(text, inside); err == nil {
			t.Errorf("%.40q compiles", text)
		}
	}
}

// What fits no claim is no value.
func TestAValueFitsAClaim(t *testing.T) {
	compiler := claim.NewCompiler()
	for _, text := range []string{`b"bytes"`, `0.0/0.0`, `1.0/0.0`, `type(1)`, `{1: "a"}`, `18446744073709551615u`, `user.attributes.missing`} {
		compiled, err := compiler.Compile(text, inside)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := compiled.Eval(facts()); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`user.groups`, `user.attributes.phone`, `[1].map(x, x)`, `"a".matches("(a+)+$")`, `{`} {
		f.Add(seed)
	}
	compiler := claim.NewCompiler()
	f.Fuzz(func(t *testing.T, text string) {
		compiled, err := compiler.Compile(text, outside)
		if err != nil {
			return
		}
		got, err := compiled.Eval(facts())
		if err != nil {
			return
		}
		encoded, err := json.Marshal(got)
		if err != nil || strings.Contains(string(encoded), "PERSONAL") && !strings.Contains(text, "PERSONAL") {
			t.Errorf("%s, %v", encoded, err)
		}
	})
}
