package policy

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"symbolon.dev"
)

// longestAgo is the age of an authentication that nobody knows the time of.
const longestAgo = math.MaxInt64

// record converts the attributes of a checked context that uses names: those that a policy which
// may apply reads.
func (s *shape) record(given map[string]any, uses uint64) (types.Record, error) {
	if uses == 0 {
		return types.Record{}, nil
	}
	values := make(types.RecordMap, bits.OnesCount64(uses))
	for i, attribute := range s.attributes {
		if uses&(1<<i) == 0 {
			continue
		}
		value, ok := given[attribute.name]
		if !ok {
			value, _ = inferred(attribute.name, given)
		}
		converted, err := toValue(value, attribute.kind)
		if err != nil {
			return types.Record{}, err
		}
		values[types.String(attribute.name)] = converted
	}
	return types.NewRecord(values), nil
}

// check holds a request's whole context against the shape.
func (s *shape) check(given map[string]any) error {
	seen := 0
	for _, attribute := range s.attributes {
		value, ok := given[attribute.name]
		if !ok {
			if _, can := inferred(attribute.name, nil); !can {
				return fmt.Errorf("the context of %s lacks %s", s.uid, attribute.name)
			}
			continue
		}
		if seen++; !suits(value, attribute.kind) {
			return fmt.Errorf("the context of %s: %s cannot be a %T", s.uid, attribute.name, value)
		}
	}
	if seen < len(given) {
		return s.stranger(given)
	}
	return s.checkConsistent(given)
}

func (s *shape) stranger(given map[string]any) error {
	for name := range given {
		if s.find(name) < 0 {
			return fmt.Errorf("the context of %s has no %s", s.uid, name)
		}
	}
	return nil
}

// find gives the place of an attribute, or -1.
func (s *shape) find(name string) int {
	for i, attribute := range s.attributes {
		if attribute.name == name {
			return i
		}
	}
	return -1
}

// checkConsistent refuses a context that contradicts itself: a policy on level and one on acr
// must see the same login.
func (s *shape) checkConsistent(given map[string]any) error {
	for _, name := range [...]string{"level", "phishing_resistant", "delegated"} {
		value, ok := given[name]
		if !ok || name != "delegated" && s.find("acr") < 0 {
			continue
		}
		if want, _ := inferred(name, given); !same(value, want) {
			return fmt.Errorf("the context of %s contradicts itself: %s is %v", s.uid, name, value)
		}
	}
	return nil
}

func same(given, want any) bool {
	if n, ok := given.(int); ok {
		return int64(n) == want
	}
	return given == want
}

// inferred is the value of an attribute that a request leaves out; false if it may not.
func inferred(name string, given map[string]any) (any, bool) {
	switch name {
	case "acr":
		return "", true
	case "level":
		return acrOf(given).Level(), true
	case "phishing_resistant":
		return acrOf(given).Meets(symbolon.ACRPhishing), true
	case "auth_age":
		return int64(longestAgo), true
	case "delegated":
		return size(given["actors"]) > 0, true
	case "amr", "scopes", "actors", "from", "subject_groups":
		return []string(nil), true
	}
	return nil, false
}

func acrOf(given map[string]any) symbolon.ACR {
	text, _ := toText(given["acr"])
	return symbolon.ACR(text)
}

func size(value any) int {
	switch v := value.(type) {
	case []string:
		return len(v)
	case []UID:
		return len(v)
	}
	return 0
}

// suits reports whether a Go value can become one of the schema's type.
func suits(value any, want resolved.IsType) bool {
	switch w := want.(type) {
	case resolved.StringType:
		_, ok := toText(value)
		return ok
	case resolved.LongType:
		_, small := value.(int)
		_, ok := value.(int64)
		return ok || small
	case resolved.BoolType:
		_, ok := value.(bool)
		return ok
	case resolved.EntityType:
		uid, isUID := value.(UID)
		_, isText := toText(value)
		return isText || isUID && uid.Type == string(w)
	case resolved.SetType:
		return suitsSet(value, w.Element)
	}
	return false
}

func suitsSet(value any, element resolved.IsType) bool {
	switch list := value.(type) {
	case []string:
		return true // of strings or of ids
	case []UID:
		for _, uid := range list {
			if !suits(uid, element) {
				return false
			}
		}
		return true
	}
	return false
}
