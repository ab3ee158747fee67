package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"symbolon.dev/internal/policy"
)

// A set of n policies as a company might have: most for one application or one group, some for all.
func large(b *testing.B, n int) (*policy.Snapshot, policy.Request) {
	b.Helper()
	var text strings.Builder
	entities := world()
	for i := range n {
		switch group, resource := fmt.Sprintf("g%d", i), fmt.Sprintf("r%d", i); i % 4 {
		case 0, 1:
			entities = append(entities, policy.Entity{UID: policy.UID{Type: policy.Resource, ID: resource},
				Attributes: map[string]any{"kind": "app", "criticality": "normal", "brokered": true}})
			fmt.Fprintf(&text, "permit (principal in Group::\"staff\", action == Action::\"access\", resource == Resource::%q) when { context.level >= 1 };\n", resource)
		case 2:
			entities = append(entities, policy.Entity{UID: policy.UID{Type: policy.Group, ID: group}})
			fmt.Fprintf(&text, "forbid (principal in Group::%q, action == Action::\"access\", resource) unless { context.phishing_resistant };\n", group)
		case 3:
			fmt.Fprintf(&text, "permit (principal == User::\"usr_%d\", action in Action::\"admin.read\", resource);\n", i)
		}
	}
	text.WriteString(permitStaff + `forbid (principal is User, action == Action::"access", resource) unless { context.level >= 1 };`)
	s, err := policy.Compile([]policy.Document{{ID: "test", Text: text.String()}}, entities)
	if err != nil {
		b.Fatal(err)
	}
	return s, access(person("ann", "staff", "engineering"), "wiki", "acr", "phr", "amr", []string{"hwk", "user"}, "scopes", []string{"read", "write"})
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 50, 100, 1000} {
		s, ask := large(b, n)
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) { decide(b, s, ask) })
		ask.Principal, _ = s.Prepare(ask.Principal)
		b.Run(fmt.Sprintf("policies=%d/prepared", n), func(b *testing.B) { decide(b, s, ask) })
	}
}

func decide(b *testing.B, s *policy.Snapshot, ask policy.Request) {
	b.ReportAllocs()
	for b.Loop() {
		if got := s.Decide(ask); got.Effect != policy.Allow {
			b.Fatal(got.Reason)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		large(b, 100)
	}
}
