package catalog_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
)

func exported(t testing.TB, s *catalog.Snapshot) (*catalog.Snapshot, string) {
	t.Helper()
	text, err := json.Marshal(s.Export())
	if err != nil {
		t.Fatal(err)
	}
	var view catalog.View
	if err := json.Unmarshal(text, &view); err != nil {
		t.Fatal(err)
	}
	imported, err := catalog.Import(view)
	if err != nil {
		t.Fatal(err)
	}
	return imported, string(text)
}

func busy(t testing.TB) *catalog.Snapshot {
	c, _ := open(t)
	put(t, c, append(neighbours(),
		confidential("edge", `,"broker":true`), confidential("ops", `,"groups":["administrators","finance"],"organisation":"acme"`),
		confidential("off", `,"disabled":true`), app("wiki", "https://wiki.example"), app("pay", "https://pay.example"),
		rule("apps", `
			@id("staff") permit (principal in Group::"staff", action == Action::"access", resource);
			@id("login") permit (principal, action == Action::"login", resource) when { principal has organisation };
			@id("authorize") permit (principal is User in Group::"finance", action == Action::"authorize", resource) when { context.client in Group::"finance" };
			@id("pay") @remedy("acr=phr max_age=300") forbid (principal is User, action == Action::"access", resource == Resource::"pay") unless { context.phishing_resistant && context.auth_age <= 300 };
			@id("deleg") @mode("observe") forbid (principal, action == Action::"access", resource) when { context.delegated };
			@id("call") permit (principal == Service::"orders", action == Action::"exchange", resource == Resource::"wiki");`))...)
	return c.Current()
}

func TestAnExportHoldsNoSecret(t *testing.T) { // S47
	s := busy(t)
	imported, text := exported(t, s)
	for _, never := range []string{sum, "sha256", "secrets", "redirect_uris"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is in the export", never)
		}
	}
	if imported.Version != s.Version || imported.Policy.Version() != s.Policy.Version() || imported.Issuer != s.Issuer {
		t.Error("the versions differ")
	}
	for _, c := range imported.Clients() {
		if c.AuthMethod == "" || c.AuthMethod == "none" || len(c.Secrets) > 0 {
			t.Errorf("%s could be authenticated at a broker", c.ID)
		}
	}
	if again, _ := exported(t, imported); !reflect.DeepEqual(again.Export(), imported.Export()) {
		t.Error("an export of an import differs")
	}
	if _, err := catalog.Import(catalog.View{Policies: []symbolon.Policy{{ID: "x", Text: "permit"}}}); err == nil {
		t.Error("a view with a broken policy is taken")
	}
	if _, err := catalog.Import(catalog.View{}); err != nil {
		t.Errorf("an empty view: %v", err)
	}
}

// A broker decides as the issuer does. S15, S32
func TestAnImportDecidesAsTheOriginal(t *testing.T) {
	issuing := busy(t)
	enforcing, _ := exported(t, issuing)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, options ...string) string { return rapid.SampledFrom(options).Draw(t, name) }
		user := &symbolon.User{ID: "usr_1", Organisation: symbolon.OrganisationID(draw("org", "", "acme", "other")), Department: draw("dep", "", "x")}
		for _, g := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"staff", "finance", "administrators", "none"}), rapid.ID).Draw(t, "groups") {
			user.Groups = append(user.Groups, symbolon.GroupID(g))
		}
		service := symbolon.ClientID(draw("service", "orders", "edge", "ops", "off"))
		target := symbolon.ResourceID(draw("resource", "orders", "wiki", "pay", "admin", "signals"))
		action := draw("action", "access", "login", "authorize", "issue", "exchange", "introspect", "users.read", "snapshot.read", "signals")
		human, acr, age := rapid.Bool().Draw(t, "human"), draw("acr", "", "aal1", "phr"), rapid.Int64Range(0, 1000).Draw(t, "age")
		ask := func(s *catalog.Snapshot) policy.Decision {
			client, _ := s.Client(service)
			resource, _ := s.Resource(target)
			r := policy.Request{Principal: s.ServiceEntity(client), Action: action, Resource: s.ResourceEntity(resource), Context: map[string]any{}}
			if human {
				r.Principal = s.UserEntity(user)
			}
			login := func() { r.Context["acr"], r.Context["auth_age"] = acr, age }
			switch action {
			case "access":
				login()
				r.Context["method"], r.Context["path"], r.Context["client"], r.Context["actors"] = "GET", "/", string(service), []string{"edge"}
			case "login":
				login()
				r.Resource = s.ServiceEntity(client)
			case "authorize":
				login()
				r.Context["client"] = string(service)
			case "exchange":
				r.Context["subject_kind"], r.Context["subject"], r.Context["from"] = "user", "usr_1", []string{string(target)}
			case "users.read", "snapshot.read", "signals":
				login()
				r.Resource = policy.AdministrationOf(action)
			}
			return s.Policy.Decide(r)
		}
		if got, want := ask(enforcing), ask(issuing); !reflect.DeepEqual(got, want) {
			t.Fatalf("issuer: %+v\nbroker: %+v", want, got)
		}
	})
}

func TestAPrincipalFromClaimsIsTheSameAsFromTheDirectory(t *testing.T) { // S11, S12
	s := busy(t)
	access := func(who policy.Entity) string {
		r, _ := s.Resource("wiki")
		got := s.Policy.Decide(policy.Request{Principal: who, Action: "access", Resource: s.ResourceEntity(r),
			Context: map[string]any{"method": "GET", "path": "/", "client": "edge"}})
		return fmt.Sprint(got.Effect, got.Policies)
	}
	user := s.UserEntity(&symbolon.User{ID: "usr_1", Groups: []symbolon.GroupID{"finance"}, Organisation: "acme"})
	if got, want := access(s.PrincipalEntity("user", "usr_1", []string{"finance"}, "acme", "", "")), access(user); got != want || got != "allow[staff]" {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := access(s.PrincipalEntity("service", "orders", []string{"staff"}, "", "", "")); got != "deny[]" {
		t.Errorf("a token says more of a service than the catalog: %s", got)
	}
	if got := access(s.PrincipalEntity("service", "ops", nil, "", "", "")); got != "allow[staff]" {
		t.Errorf("got %s", got)
	}
	if got := s.PrincipalEntity("service", "off", nil, "", "", ""); got.ID != "" {
		t.Errorf("a disabled service is somebody: %v", got.UID)
	}
	for _, kind := range []string{"", "User", "Service", "device"} {
		if got := access(s.PrincipalEntity(kind, "usr_1", []string{"finance"}, "", "", "")); got != "deny[]" {
			t.Errorf("kind %q: %s", kind, got)
		}
	}
	if got := access(s.PrincipalEntity("user", "", []string{"finance"}, "", "", "")); got != "deny[]" {
		t.Errorf("nobody: %s", got)
	}
}

func BenchmarkAccess(b *testing.B) {
	s := busy(b)
	r, _ := s.Resource("wiki")
	who := s.PrincipalEntity("user", "usr_1", []string{"finance"}, "acme", "", "")
	b.ReportAllocs()
	for b.Loop() {
		got := s.Policy.Decide(policy.Request{Principal: who, Action: "access", Resource: s.ResourceEntity(r),
			Context: map[string]any{"method": "GET", "path": "/", "client": "edge", "acr": "phr", "auth_age": int64(5), "amr": []string{"hwk"}, "scopes": []string{"read"}}})
		if !got.Allowed() {
			b.Fatal(got.Reason)
		}
	}
}
