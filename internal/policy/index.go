package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// table holds the policies that can apply to one action: found by what their scope says of the
// resource, then of the principal. A policy stands in exactly one bucket of a table, under the
// narrowest thing its scope names; whoever could match it looks there.
type table struct {
	shape *shape
	rows  slot[*slot[*bucket]]
}

// bucket holds policies that the same requests must look at.
type bucket struct {
	permits, forbids, observed []*rule
	uses                       uint64 // attributes of the context that any of them reads
}

// slot files things under an entity, under an entity type, or under neither.
type slot[T any] struct {
	byUID  map[types.EntityUID]T
	byType map[types.EntityType]T
	any    T
	hasAny bool
}

// narrowing is what a scope says of a principal, action or resource.
type narrowing struct {
	uids       []types.EntityUID // == and in; several only for actions
	kind       types.EntityType  // is
	everything bool
	descend    bool // in, not ==
}

func scopeOf(scope ast.IsScopeNode) narrowing {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return narrowing{uids: []types.EntityUID{s.Entity}}
	case ast.ScopeTypeIn:
		return narrowing{uids: []types.EntityUID{s.Entity}, descend: true}
	case ast.ScopeTypeInSet:
		return narrowing{uids: s.Entities, descend: true}
	case ast.ScopeTypeIsIn:
		return narrowing{uids: []types.EntityUID{s.Entity}, kind: s.Type, descend: true}
	case ast.ScopeTypeIs:
		return narrowing{kind: s.Type}
	}
	return narrowing{everything: true}
}

func (s *Snapshot) buildIndex() {
	for name, shape := range s.words.shapes {
		t := &table{shape: shape}
		for _, r := range s.rules {
			if scopeOf(r.ast.Action).coversAction(shape) {
				t.file(r)
			}
		}
		s.tables[name] = t
	}
}

// coversAction reports whether an action scope takes in the action of a shape.
func (n narrowing) coversAction(s *shape) bool {
	if n.everything {
		return true
	}
	return slices.ContainsFunc(n.uids, func(uid types.EntityUID) bool {
		return uid == s.uid || n.descend && slices.Contains(s.lineage, uid)
	})
}

func (t *table) file(r *rule) {
	row := t.rows.at(scopeOf(r.ast.Resource), func() *slot[*bucket] { return &slot[*bucket]{} })
	place := row.at(scopeOf(r.ast.Principal), func() *bucket { return &bucket{} })
	place.add(r, t.shape)
}

// at gives the place for a scope, made if it is the first.
func (s *slot[T]) at(n narrowing, fresh func() T) T {
	switch {
	case len(n.uids) == 1:
		return entry(&s.byUID, n.uids[0], fresh)
	case n.kind != "":
		return entry(&s.byType, n.kind, fresh)
	}
	if !s.hasAny {
		s.any, s.hasAny = fresh(), true
	}
	return s.any
}

func entry[K comparable, T any](m *map[K]T, key K, fresh func() T) T {
	if *m == nil {
		*m = map[K]T{}
	}
	if _, ok := (*m)[key]; !ok {
		(*m)[key] = fresh()
	}
	return (*m)[key]
}

// find appends what is filed under any of the uids, the type, or neither.
func (s *slot[T]) find(found []T, uids []types.EntityUID, kind types.EntityType) []T {
	if len(s.byUID) > 0 {
		for _, uid := range uids {
			if place, ok := s.byUID[uid]; ok {
				found = append(found, place)
			}
		}
	}
	if place, ok := s.byType[kind]; ok {
		found = append(found, place)
	}
	if s.hasAny {
		found = append(found, s.any)
	}
	return found
}

func (b *bucket) add(r *rule, s *shape) {
	b.uses |= r.reads(s)
	switch {
	case r.observe:
		b.observed = append(b.observed, r)
	case r.ast.Effect == ast.EffectPermit:
		b.permits = append(b.permits, r)
	default:
		b.forbids = append(b.forbids, r)
	}
}

// reads is the subset of a shape's context that the policy's conditions read.
func (r *rule) reads(s *shape) (uses uint64) {
	for _, condition := range r.ast.Conditions {
		ast.Inspect(ast.NewNode(condition.Body), func(node ast.IsNode) bool {
			name, object := "", ast.IsNode(nil)
			switch n := node.(type) {
			case ast.NodeTypeAccess:
				name, object = string(n.Value), n.Arg
			case ast.NodeTypeHas:
				name, object = string(n.Value), n.Arg
			case ast.NodeTypeVariable:
				if n.Name == "context" { // by itself: all of it
					uses = ^uint64(0)
				}
			}
			if variable, ok := object.(ast.NodeTypeVariable); !ok || variable.Name != "context" {
				return true
			}
			if i := s.find(name); i >= 0 {
				uses |= 1 << i
			}
			return false
		})
	}
	return uses
}

// lineage is an entity and everything it is in, without duplicates: its own parents, and what
// the snapshot knows of their parents.
func (s *Snapshot) lineage(buffer []types.EntityUID, of *prepared) []types.EntityUID {
	found := append(buffer, of.entity.UID)
	for _, parent := range of.parents {
		if !slices.Contains(found, parent) {
			found = append(found, parent)
		}
	}
	for i := 1; i < len(found); i++ {
		known, ok := s.entities[found[i]]
		if !ok {
			continue
		}
		for _, parent := range known.parents {
			if !slices.Contains(found, parent) {
				found = append(found, parent)
			}
		}
	}
	return found
}
