package policy_test

import (
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/policy"
)

const permitAll = `@id("all") permit (principal, action, resource);
`

func TestAChallengeNamesWhatWouldHelp(t *testing.T) { // S34
	const strong = `@id("strong") @remedy("acr=phr") forbid (principal, action == Action::"access", resource == Resource::"payroll") unless { context.phishing_resistant };
`
	const fresh = `@id("fresh") @remedy("max_age=300") forbid (principal, action == Action::"access", resource == Resource::"payroll") unless { context.auth_age < 300 };
`
	const fresher = `@id("fresher") @remedy("acr=mfa max_age=60") forbid (principal, action == Action::"access", resource) unless { context.level >= 2 && context.auth_age <= 60 };
`
	const never = `@id("never") forbid (principal, action == Action::"access", resource) when { context.method == "DELETE" };
`
	ann := person("ann", "staff")
	cases := map[string]struct {
		text   string
		ask    policy.Request
		effect policy.Effect
		remedy symbolon.Remedy
	}{
		"acr":                      {permitAll + strong, access(ann, "payroll"), policy.Challenge, symbolon.Remedy{ACR: "phr"}},
		"acr met":                  {permitAll + strong, access(ann, "payroll", "acr", "phr"), policy.Allow, symbolon.Remedy{}},
		"better than asked":        {permitAll + strong, access(ann, "payroll", "acr", "phrh"), policy.Allow, symbolon.Remedy{}},
		"age":                      {permitAll + fresh, access(ann, "payroll", "auth_age", 4000), policy.Challenge, symbolon.Remedy{MaxAge: 300}},
		"age unknown":              {permitAll + fresh, without(access(ann, "payroll"), "auth_age"), policy.Challenge, symbolon.Remedy{MaxAge: 300}},
		"age met":                  {permitAll + fresh, access(ann, "payroll", "auth_age", 299), policy.Allow, symbolon.Remedy{}},
		"both":                     {permitAll + strong + fresh, access(ann, "payroll", "auth_age", 4000), policy.Challenge, symbolon.Remedy{ACR: "phr", MaxAge: 300}},
		"the strictest of several": {permitAll + strong + fresh + fresher, access(ann, "payroll", "auth_age", 4000), policy.Challenge, symbolon.Remedy{ACR: "phr", MaxAge: 60}},
		"only what stands in the way": {permitAll + strong + fresh + fresher, access(ann, "payroll", "acr", "phr", "auth_age", 100),
			policy.Challenge, symbolon.Remedy{ACR: "mfa", MaxAge: 60}},
		"one forbid has no remedy": {permitAll + strong + never, access(ann, "payroll", "method", "DELETE"), policy.Deny, symbolon.Remedy{}},
		"nothing permits":          {strong, access(ann, "payroll"), policy.Deny, symbolon.Remedy{}},
		"software cannot log in":   {permitAll + strong, access(named(policy.Service, "edge"), "payroll"), policy.Deny, symbolon.Remedy{}},
		"an error beside it":       {permitAll + strong + `forbid (principal, action, resource == Resource::"payroll") when { 9223372036854775807 + 1 > 0 };`, access(ann, "payroll"), policy.Deny, symbolon.Remedy{}},
		"the remedy is too weak":   {permitAll + `@remedy("acr=mfa") forbid (principal, action == Action::"access", resource) unless { context.phishing_resistant };`, access(ann, "wiki"), policy.Deny, symbolon.Remedy{}},
		"the remedy is too slack":  {permitAll + `@remedy("max_age=3600") forbid (principal, action == Action::"access", resource) unless { context.auth_age < 300 };`, access(ann, "wiki", "auth_age", 5000), policy.Deny, symbolon.Remedy{}},
		"the reason is another":    {permitAll + `@remedy("acr=phr") forbid (principal, action == Action::"access", resource) when { context.path like "/secret*" };`, access(ann, "wiki", "path", "/secret"), policy.Deny, symbolon.Remedy{}},
		"it would meet another":    {permitAll + strong + `forbid (principal, action == Action::"access", resource) when { context.level == 3 };`, access(ann, "payroll"), policy.Deny, symbolon.Remedy{}},
		"it would lose the permit": {`permit (principal, action == Action::"access", resource) when { context.acr == "aal1" };` + strong, access(ann, "payroll"), policy.Deny, symbolon.Remedy{}},
		"what was derived is dropped": {permitAll + strong, access(ann, "payroll", "level", 1, "phishing_resistant", false),
			policy.Challenge, symbolon.Remedy{ACR: "phr"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := compile(t, c.text)
			got := s.Decide(c.ask)
			if got.Effect != c.effect {
				t.Fatalf("got %s (%s), want %s", got.Effect, got.Reason, c.effect)
			}
			if got.Effect != policy.Challenge {
				if len(got.Remedies) > 0 {
					t.Errorf("a %s names remedies", got.Effect)
				}
				return
			}
			if len(got.Remedies) != 1 || got.Remedies[0] != c.remedy {
				t.Fatalf("got %+v, want %+v", got.Remedies, c.remedy)
			}
			if again := s.Decide(meet(c.ask, got.Remedies[0])); again.Effect != policy.Allow {
				t.Errorf("with the remedy met: %s (%s)", again.Effect, again.Reason)
			}
		})
	}
}

// meet makes the request again as a person who has done what the remedy says.
func meet(r policy.Request, remedy symbolon.Remedy) policy.Request {
	acr, ok := r.Context["acr"].(symbolon.ACR)
	if !ok {
		text, _ := r.Context["acr"].(string)
		acr = symbolon.ACR(text)
	}
	if !acr.Meets(remedy.ACR) {
		acr = remedy.ACR
	}
	again := without(r, "level", "phishing_resistant")
	again.Context["acr"] = acr
	if remedy.MaxAge > 0 {
		again.Context["auth_age"] = int64(1)
	}
	return again
}

func without(r policy.Request, names ...string) policy.Request {
	context := map[string]any{}
	for k, v := range r.Context {
		context[k] = v
	}
	for _, name := range names {
		delete(context, name)
	}
	r.Context = context
	return r
}

func TestDecidingLeavesTheRequestAlone(t *testing.T) {
	s := compile(t, permitAll+`@remedy("acr=phr max_age=5") forbid (principal, action == Action::"access", resource) unless { context.phishing_resistant };`)
	ask := access(person("ann"), "wiki")
	before := len(ask.Context)
	if got := s.Decide(ask); got.Effect != policy.Challenge || len(ask.Context) != before || ask.Context["acr"] != symbolon.ACRSingle {
		t.Errorf("got %s, and the context is %v", got.Effect, ask.Context)
	}
	if got := s.Decide(policy.Request{Principal: person("ann"), Action: "login", Resource: named(policy.Service, "wiki")}); got.Effect != policy.Allow {
		t.Errorf("a request without a context: %+v", got)
	}
}
