package policy_test

import (
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/policy"
)

// world is a small organisation: what policies of the tests may name.
func world() []policy.Entity {
	group := func(id string, parents ...policy.UID) policy.Entity {
		return policy.Entity{UID: policy.UID{Type: policy.Group, ID: id}, Parents: parents}
	}
	resource := func(id, criticality string) policy.Entity {
		return policy.Entity{UID: policy.UID{Type: policy.Resource, ID: id}, Attributes: map[string]any{
			"kind": "app", "criticality": criticality, "brokered": true,
			"server": policy.UID{Type: policy.Service, ID: id}}}
	}
	service := func(id string) policy.Entity { return policy.Entity{UID: policy.UID{Type: policy.Service, ID: id}} }
	staff := policy.UID{Type: policy.Group, ID: "staff"}
	return []policy.Entity{group("staff"), group("finance", staff), group("engineering", staff), group("brokers"),
		resource("wiki", "normal"), resource("payroll", "critical"), service("wiki"), service("payroll"), service("edge"),
		{UID: policy.UID{Type: policy.Organisation, ID: "acme"}}}
}

func compile(t testing.TB, text string) *policy.Snapshot {
	t.Helper()
	s, err := policy.Compile([]policy.Document{{ID: "test", Text: text}}, world())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func person(id string, groups ...string) policy.Entity {
	e := policy.Entity{UID: policy.UID{Type: policy.User, ID: id}, Attributes: map[string]any{"organisation": "acme"}}
	for _, g := range groups {
		e.Parents = append(e.Parents, policy.UID{Type: policy.Group, ID: g})
	}
	return e
}

func named(kind, id string) policy.Entity { return policy.Entity{UID: policy.UID{Type: kind, ID: id}} }

func access(who policy.Entity, resource string, with ...any) policy.Request {
	r := policy.Request{Principal: who, Action: "access", Resource: named(policy.Resource, resource),
		Context: map[string]any{"method": "GET", "path": "/", "client": "edge", "acr": symbolon.ACRSingle, "auth_age": 60}}
	for i := 0; i < len(with); i += 2 {
		r.Context[with[i].(string)] = with[i+1]
	}
	return r
}

const permitStaff = `@id("staff") permit (principal in Group::"staff", action == Action::"access", resource);
`

func TestNothingIsPermittedByDefault(t *testing.T) { // S3
	staff := compile(t, permitStaff)
	cases := map[string]struct {
		set    *policy.Snapshot
		ask    policy.Request
		reason string
	}{
		"no snapshot":        {nil, access(person("ann", "staff"), "wiki"), "no policies are loaded"},
		"no policies":        {compile(t, ""), access(person("ann", "staff"), "wiki"), "no policy permits this"},
		"nobody permits":     {staff, access(person("eve"), "wiki"), "no policy permits this"},
		"undeclared group":   {staff, access(person("eve", "Staff"), "wiki"), "no policy permits this"},
		"unknown action":     {staff, policy.Request{Principal: person("ann", "staff"), Action: "enter", Resource: named(policy.Resource, "wiki")}, `no action "enter"`},
		"action group":       {staff, policy.Request{Principal: person("ann", "staff"), Action: "admin", Resource: named(policy.Administration, "users")}, `no action "admin"`},
		"wrong principal":    {staff, access(named(policy.Group, "staff"), "wiki"), `cannot be a "Group"`},
		"no principal":       {staff, access(policy.Entity{}, "wiki"), "cannot be a"},
		"no id":              {staff, access(named(policy.User, ""), "wiki"), "has no id"},
		"bare new resource":  {staff, access(person("ann", "staff"), "nowhere"), "missing required attribute"},
		"unknown context":    {staff, access(person("ann", "staff"), "wiki", "ip", "10.0.0.1"), "has no ip"}, // S1
		"wrong context type": {staff, access(person("ann", "staff"), "wiki", "method", 7), "method cannot be a int"},
		"wrong entity type":  {staff, access(person("ann", "staff"), "wiki", "client", policy.UID{Type: policy.User, ID: "x"}), "client cannot be"},
		"wrong set element":  {staff, access(person("ann", "staff"), "wiki", "actors", []policy.UID{{Type: policy.User, ID: "x"}}), "actors cannot be"},
		"acr and level":      {staff, access(person("ann", "staff"), "wiki", "level", 4), "contradicts itself"},
		"phishing_resistant": {staff, access(person("ann", "staff"), "wiki", "phishing_resistant", true), "contradicts itself"},
		"delegated":          {staff, access(person("ann", "staff"), "wiki", "delegated", false, "actors", []string{"edge"}), "contradicts itself"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := c.set.Decide(c.ask)
			if got.Effect != policy.Deny || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %s (%s), want deny (%s)", got.Effect, got.Reason, c.reason)
			}
		})
	}
	missing := access(person("ann", "staff"), "wiki")
	delete(missing.Context, "path")
	if got := staff.Decide(missing); got.Effect != policy.Deny || !strings.Contains(got.Reason, "lacks path") {
		t.Errorf("got %s (%s)", got.Effect, got.Reason)
	}
}

func TestADecisionNamesWhatMadeIt(t *testing.T) { // S4
	s := compile(t, permitStaff+`
		@id("everyone-reads") permit (principal, action == Action::"access", resource == Resource::"wiki") when { context.method == "GET" };
		@id("no-payroll") forbid (principal, action == Action::"access", resource == Resource::"payroll") unless { principal in Group::"finance" };
		forbid (principal, action == Action::"access", resource) when { context.path like "/internal/*" };`)
	cases := []struct {
		ask      policy.Request
		effect   policy.Effect
		policies string
	}{
		{access(person("ann", "staff"), "wiki"), policy.Allow, "everyone-reads staff"},
		{access(person("ann", "engineering"), "wiki"), policy.Allow, "everyone-reads staff"}, // through the group's parent
		{access(person("ann", "engineering"), "payroll"), policy.Deny, "no-payroll"},
		{access(person("fin", "finance"), "payroll"), policy.Allow, "staff"},
		{access(person("fin", "engineering"), "payroll", "path", "/internal/x"), policy.Deny, "no-payroll test#4"},
		{access(named(policy.Service, "edge"), "wiki", "method", "POST"), policy.Deny, ""},
	}
	for _, c := range cases {
		got := s.Decide(c.ask)
		if got.Effect != c.effect || strings.Join(got.Policies, " ") != c.policies || got.Version != s.Version() {
			t.Errorf("%s: got %s by %v (%s), want %s by %s", c.ask.Principal.ID, got.Effect, got.Policies, got.Reason, c.effect, c.policies)
		}
	}
}

func TestAPolicyThatFailsDenies(t *testing.T) { // S3: the evaluator alone would skip it
	overflow := `when { context.auth_age + 9223372036854775807 > 0 };`
	for name, text := range map[string]string{
		"forbid": `@id("bad") forbid (principal, action == Action::"access", resource) ` + overflow,
		"permit": `@id("bad") permit (principal, action == Action::"access", resource) ` + overflow,
	} {
		t.Run(name, func(t *testing.T) {
			got := compile(t, permitStaff+text).Decide(access(person("ann", "staff"), "wiki"))
			if got.Effect != policy.Deny || len(got.Errors) != 1 || strings.Join(got.Policies, " ") != "bad" {
				t.Errorf("got %+v", got)
			}
		})
	}
	elsewhere := `@id("bad") forbid (principal, action == Action::"access", resource == Resource::"payroll") ` + overflow
	if got := compile(t, permitStaff+elsewhere).Decide(access(person("ann", "staff"), "wiki")); got.Effect != policy.Allow {
		t.Errorf("a policy that does not apply is not evaluated: got %+v", got)
	}
}

func TestObservedPoliciesAreOnlyReported(t *testing.T) { // S43
	s := compile(t, permitStaff+`
		@id("soon") @mode("observe") @remedy("acr=phr") forbid (principal is User, action == Action::"access", resource) unless { context.phishing_resistant };
		@id("later") @mode("observe") forbid (principal, action == Action::"access", resource == Resource::"wiki");
		@id("broken") @mode("observe") forbid (principal, action == Action::"access", resource) when { context.auth_age * 9223372036854775807 > 0 };
		@id("wider") @mode("observe") permit (principal, action == Action::"access", resource);`)
	got := s.Decide(access(person("ann", "staff"), "wiki"))
	if got.Effect != policy.Allow {
		t.Fatalf("got %+v", got)
	}
	want := []policy.Effect{policy.Deny, policy.Deny, policy.Challenge, policy.Allow} // broken later soon wider
	for i, o := range got.Observed {
		if i >= len(want) || o.Effect != want[i] || (o.Policy == "broken") != (o.Error != "") {
			t.Errorf("observation %d: %+v", i, o)
		}
	}
	if len(got.Observed) != len(want) {
		t.Errorf("got %d observations", len(got.Observed))
	}
	if got := s.Decide(access(person("eve"), "wiki")); got.Effect != policy.Deny {
		t.Errorf("an observed permit permitted: %+v", got)
	}
}
