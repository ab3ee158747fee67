package policy

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is remembered is what would be decided anew, whatever was asked before. S3, S4
func TestARememberedDecisionIsTheOneThatWouldBeMade(t *testing.T) {
	entities := smallWorld()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSet(t, entities)
		for range 12 {
			r := drawRequest(t)
			ready, err := s.Prepare(r.Principal)
			if err != nil {
				t.Fatal(err)
			}
			if r.Principal.Type == User {
				r.Principal = ready
			}
			q, err := s.ask(&r)
			if err != nil {
				t.Fatal(err)
			}
			if _, lasting := q.question(&r); !lasting {
				t.Fatalf("%+v is not remembered", r)
			}
			for range 2 {
				if got, want := s.Decide(r), s.decide(q, &r); !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v\nremembered: %+v\n      anew: %+v", r, got, want)
				}
			}
		}
	})
}

// Two contexts that differ in what is read are never taken for each other.
func TestContextsAreToldApart(t *testing.T) {
	words, err := readSchema()
	if err != nil {
		t.Fatal(err)
	}
	shape, seen := words.shapes["access"], map[string]map[string]any{}
	for _, scopes := range [][]string{nil, {""}, {"a", "b"}, {"a,b"}, {"ab"}, {"a"}, {"b", "a"}} {
		for _, path := range []string{"/", "/a", "/a\x00", "a/"} {
			for _, age := range []int64{0, 1, -1, 64, 1 << 40} {
				given := map[string]any{"method": "GET", "path": path, "client": "c", "scopes": scopes, "auth_age": age}
				told, ok := shape.tell(nil, given, ^uint64(0))
				if !ok || seen[string(told)] != nil {
					t.Fatalf("%v reads as %v", given, seen[string(told)])
				}
				seen[string(told)] = given
			}
		}
	}
}

// Whoever can choose what is asked cannot make the memory grow.
func TestMemoryIsBounded(t *testing.T) {
	s, err := Compile([]Document{{ID: "d", Text: `permit (principal is Service, action == Action::"access", resource) when { context.path == "/7" };`}}, smallWorld())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) Decision {
		return s.Decide(Request{Principal: Entity{UID: UID{Service, "s1"}}, Action: "access", Resource: Entity{UID: UID{Resource, "r1"}},
			Context: map[string]any{"method": "GET", "path": path, "client": "s1"}})
	}
	for n := range 3 * memoRoom {
		if got := ask("/" + strconv.Itoa(n)); got.Allowed() != (n == 7) {
			t.Fatalf("/%d: %+v", n, got)
		}
	}
	ask("/" + strings.Repeat("x", memoContext))
	held, longest := 0, 0
	s.memo.known.Range(func(key, _ any) bool {
		held, longest = held+1, max(longest, len(key.(question).context))
		return true
	})
	if held > memoRoom || longest > memoContext {
		t.Errorf("%d decisions are kept, contexts of up to %d bytes", held, longest)
	}
}
