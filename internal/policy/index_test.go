package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"pgregory.net/rapid"
)

// scan decides as Decide does, but over every policy of the set: no index, the whole context.
func (s *Snapshot) scan(t *rapid.T, r Request) Decision {
	q, err := s.ask(&r)
	if err != nil {
		t.Fatal(err)
	}
	all := &bucket{}
	for _, r := range s.rules {
		all.add(r, s.tables[string(q.cedar.Action.ID)].shape)
	}
	q.buckets = []*bucket{all}
	if q.cedar.Context, err = s.tables[r.Action].shape.record(r.Context, ^uint64(0)); err != nil {
		t.Fatal(err)
	}
	return q.judge()
}

// Groups form a small hierarchy with a diamond: a ⊂ b, c ⊂ d.
var hierarchy = map[string][]UID{"a": {{Group, "b"}, {Group, "c"}}, "b": {{Group, "d"}}, "c": {{Group, "d"}}, "d": nil}

func smallWorld() []Entity {
	var list []Entity
	for _, g := range []string{"a", "b", "c", "d"} {
		list = append(list, Entity{UID: UID{Group, g}, Parents: hierarchy[g]})
	}
	for _, o := range []string{"o", "p"} {
		list = append(list, Entity{UID: UID{Organisation, o}})
	}
	for _, r := range []string{"r1", "r2", "r3"} {
		e := Entity{UID: UID{Resource, r}, Attributes: map[string]any{"kind": "app", "criticality": "normal", "brokered": true}}
		if r != "r3" {
			e.Parents = []UID{{Organisation, map[string]string{"r1": "o", "r2": "p"}[r]}}
		}
		list = append(list, e)
	}
	return append(list, Entity{UID: UID{Service, "s1"}, Parents: []UID{{Group, "b"}}}, Entity{UID: UID{Service, "s2"}})
}

func pick(t *rapid.T, name string, options ...string) string {
	return rapid.SampledFrom(options).Draw(t, name)
}

// The scopes and conditions that random policies are made of. Some never validate together; such
// sets are thrown away.
func drawPolicy(t *rapid.T, n int) string {
	principal := pick(t, "principal", "principal", "principal is User", "principal is Service", `principal == User::"u1"`,
		`principal == Service::"s1"`, `principal in Group::"a"`, `principal in Group::"b"`, `principal in Group::"d"`,
		`principal is User in Group::"c"`, `principal in Organisation::"o"`, `principal is Service in Group::"d"`)
	action := pick(t, "action", "action", `action == Action::"access"`, `action in [Action::"access", Action::"users.read"]`,
		`action in Action::"admin"`, `action in [Action::"admin.read", Action::"access"]`, `action == Action::"users.read"`)
	resource := pick(t, "resource", "resource", "resource is Resource", `resource == Resource::"r1"`, `resource == Resource::"r2"`,
		`resource in Organisation::"o"`, `resource is Resource in Organisation::"p"`, "resource is Administration", `resource == Administration::"users"`)
	condition := pick(t, "condition", "", "", ` when { context.level > 1 }`, ` unless { context.scopes.contains("x") }`,
		` when { principal in Group::"d" }`, ` when { context has level && context.auth_age < 100 }`, ` when { context.auth_age + 9223372036854775807 > 0 }`)
	head := pick(t, "effect", "permit", "permit", "forbid", `@remedy("acr=phr") forbid`, `@mode("observe") forbid`, `@mode("observe") permit`)
	return fmt.Sprintf("@id(\"p%d\") %s (%s, %s, %s)%s;\n", n, head, principal, action, resource, condition)
}

func drawSet(t *rapid.T, entities []Entity) *Snapshot {
	var text strings.Builder
	for n := range rapid.IntRange(0, 30).Draw(t, "policies") {
		one := drawPolicy(t, n)
		if _, err := Compile([]Document{{ID: "d", Text: one}}, entities); err == nil {
			text.WriteString(one)
		}
	}
	s, err := Compile([]Document{{ID: "d", Text: text.String()}}, entities)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drawRequest(t *rapid.T) Request {
	r := Request{Action: "access", Resource: Entity{UID: UID{Resource, pick(t, "on", "r1", "r2", "r3")}},
		Context: map[string]any{"acr": pick(t, "acr", "", "aal1", "mfa", "phr"), "auth_age": rapid.SampledFrom([]int64{0, 50, 500}).Draw(t, "age"),
			"scopes": rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(t, "scopes")}}
	switch pick(t, "who", "user", "user", "s1", "s2") {
	case "s1":
		r.Principal.UID = UID{Service, "s1"}
	case "s2":
		r.Principal.UID = UID{Service, "s2"}
	default:
		r.Principal = Entity{UID: UID{User, pick(t, "id", "u1", "u2")}, Attributes: map[string]any{}}
		for _, g := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "unknown"}), 0, 3, rapid.ID).Draw(t, "groups") {
			r.Principal.Parents = append(r.Principal.Parents, UID{Group, g})
		}
		if rapid.Bool().Draw(t, "org") {
			r.Principal.Parents = append(r.Principal.Parents, UID{Organisation, "o"})
		}
	}
	if rapid.Bool().Draw(t, "admin") {
		r.Action, r.Resource = "users.read", Entity{UID: UID{Administration, pick(t, "part", "users", "keys")}}
	} else {
		r.Context["method"], r.Context["path"], r.Context["client"] = "GET", "/", "s1"
	}
	return r
}

// The index never loses a forbid: what it decides is what a scan of every policy decides. S3
func TestTheIndexDecidesAsAFullScan(t *testing.T) {
	entities := smallWorld()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSet(t, entities)
		for range 4 {
			r := drawRequest(t)
			got, want := s.Decide(r), s.scan(t, r)
			if want.Effect == Challenge && got.Effect == Deny { // not truthful: judged elsewhere
				got.Effect, got.Remedies, got.Reason = Challenge, want.Remedies, want.Reason
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v\nindex: %+v\n scan: %+v", r, got, want)
			}
		}
	})
}

// Cedar's own authorizer agrees, wherever we do not go beyond it on purpose.
func TestDecisionsAreCedars(t *testing.T) {
	entities := smallWorld()
	rapid.Check(t, func(t *rapid.T) {
		s, r := drawSet(t, entities), drawRequest(t)
		q, err := s.ask(&r)
		if err != nil {
			t.Fatal(err)
		}
		q.cedar.Context, _ = s.tables[r.Action].shape.record(r.Context, ^uint64(0))
		set := cedar.NewPolicySet()
		for _, rule := range s.rules {
			if !rule.observe {
				set.Add(cedar.PolicyID(rule.name), rule.policy)
			}
		}
		effect, diagnostic := cedar.Authorize(set, q, q.cedar)
		got := s.Decide(r)
		if want := effect == cedar.Allow && len(diagnostic.Errors) == 0; got.Allowed() != want {
			t.Fatalf("%+v\ngot %+v, Cedar says %v %+v", r, got, effect, diagnostic)
		}
	})
}

// Whatever a Challenge names, meeting it is enough: nobody is sent to log in in vain. S34
func TestAChallengeIsTruthful(t *testing.T) {
	entities := smallWorld()
	rapid.Check(t, func(t *rapid.T) {
		s, r := drawSet(t, entities), drawRequest(t)
		got := s.Decide(r)
		if got.Effect != Challenge {
			return
		}
		if remedy := got.Remedies[0]; !acrOf(r.Context).Meets(remedy.ACR) {
			r.Context["acr"] = remedy.ACR
		}
		if again := s.Decide(r); !again.Allowed() {
			t.Fatalf("%+v\n%+v\nagain: %+v", r, got, again)
		}
	})
}
