package policy

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

//go:embed schema.cedarschema
var schemaText string

// Schema is the built-in schema, as Cedar text with comments.
func Schema() string { return schemaText }

// vocabulary is the schema in the forms that compiling and deciding need.
type vocabulary struct {
	schema    *resolved.Schema
	validator *validate.Validator
	shapes    map[string]*shape // by action; those that can be requested
}

// shape is what a request for one action looks like.
type shape struct {
	uid        types.EntityUID
	lineage    []types.EntityUID // the action and the action groups it is in
	principals []types.EntityType
	resources  []types.EntityType
	attributes []attribute // of the context, by name; at most 64, so that a uint64 can name a subset
}

type attribute struct {
	name string
	kind resolved.IsType
}

func readSchema() (*vocabulary, error) {
	var parsed schema.Schema
	parsed.SetFilename("schema.cedarschema")
	if err := parsed.UnmarshalCedar([]byte(schemaText)); err != nil {
		return nil, fmt.Errorf("the built-in schema: %w", err)
	}
	meaning, err := parsed.Resolve()
	if err != nil {
		return nil, fmt.Errorf("the built-in schema: %w", err)
	}
	v := &vocabulary{schema: meaning, validator: validate.New(meaning), shapes: map[string]*shape{}}
	for uid, action := range meaning.Actions {
		if action.AppliesTo != nil {
			v.shapes[string(uid.ID)] = v.shapeOf(uid, action.AppliesTo)
		}
	}
	return v, nil
}

func (v *vocabulary) shapeOf(uid types.EntityUID, applies *resolved.AppliesTo) *shape {
	s := &shape{uid: uid, principals: applies.Principals, resources: applies.Resources}
	s.lineage = v.ancestors([]types.EntityUID{uid})
	for _, name := range slices.Sorted(maps.Keys(applies.Context)) {
		s.attributes = append(s.attributes, attribute{string(name), applies.Context[name].Type})
	}
	return s
}

func (v *vocabulary) ancestors(found []types.EntityUID) []types.EntityUID {
	for i := 0; i < len(found); i++ {
		for parent := range v.schema.Actions[found[i]].Entity.Parents.All() {
			if !slices.Contains(found, parent) {
				found = append(found, parent)
			}
		}
	}
	return found
}

// actionEntities are the actions as entities with all their ancestors, for "in" inside conditions.
func (v *vocabulary) actionEntities() []types.Entity {
	var all []types.Entity
	for uid := range v.schema.Actions {
		lineage := v.ancestors([]types.EntityUID{uid})
		all = append(all, types.Entity{UID: uid, Parents: types.NewEntityUIDSet(lineage[1:]...)})
	}
	return all
}

// administrations are the entities that the schema itself enumerates.
func (v *vocabulary) administrations() []types.EntityUID {
	return v.schema.Enums[Administration].Values
}

// AdministrationOf is the part of the administration that an admin action is about:
// "users.write" → Administration::"users", "signals" → Administration::"signals".
func AdministrationOf(action string) Entity {
	part, _, _ := strings.Cut(action, ".")
	return Entity{UID: UID{Administration, part}}
}
