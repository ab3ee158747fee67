package policy

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"symbolon.dev"
)

// prepared is an entity in Cedar's form, with its parents also as a list.
type prepared struct {
	entity  types.Entity
	parents []types.EntityUID
}

func (u UID) cedar() types.EntityUID {
	return types.EntityUID{Type: types.EntityType(u.Type), ID: types.String(u.ID)}
}

// Prepare converts an entity once, for use in many requests. It fails if the schema does not
// know such an entity.
func (s *Snapshot) Prepare(entity Entity) (Entity, error) {
	ready, err := s.words.prepare(&entity)
	entity.prepared = ready
	return entity, err
}

func (v *vocabulary) prepare(entity *Entity) (*prepared, error) {
	if entity.prepared != nil {
		return entity.prepared, nil
	}
	ready := &prepared{entity: types.Entity{UID: entity.cedar()}, parents: make([]types.EntityUID, len(entity.Parents))}
	for i, parent := range entity.Parents {
		ready.parents[i] = parent.cedar()
	}
	ready.entity.Parents = types.NewEntityUIDSet(ready.parents...)
	attributes := make(types.RecordMap, len(entity.Attributes))
	for name, value := range entity.Attributes {
		converted, err := toValue(value, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: attribute %s: %w", entity.cedar(), name, err)
		}
		attributes[types.String(name)] = converted
	}
	if len(attributes) > 0 {
		ready.entity.Attributes = types.NewRecord(attributes)
	}
	return ready, v.checkEntity(ready)
}

// checkEntity holds an entity against the schema; the library takes any id of an enumerated type.
func (v *vocabulary) checkEntity(ready *prepared) error {
	uid := ready.entity.UID
	if enum, ok := v.schema.Enums[uid.Type]; ok {
		if len(ready.parents) > 0 || ready.entity.Attributes.Len() > 0 || !slices.Contains(enum.Values, uid) {
			return fmt.Errorf("%s is not one of the schema's", uid)
		}
		return nil
	}
	if err := v.validator.Entity(ready.entity); err != nil {
		return fmt.Errorf("%s: %w", uid, err)
	}
	return nil
}

// toValue converts a Go value. Where want is an entity type, a string is the id of one; with a
// nil want the value's own type decides.
func toValue(value any, want resolved.IsType) (types.Value, error) {
	entityType, wantEntity := want.(resolved.EntityType)
	switch v := value.(type) {
	case UID:
		return v.cedar(), nil
	case bool:
		return types.Boolean(v), nil
	case int:
		return types.Long(v), nil
	case int64:
		return types.Long(v), nil
	case []string:
		return toSet(v, want)
	case []UID:
		return toSet(v, want)
	}
	text, ok := toText(value)
	switch {
	case !ok:
		return nil, fmt.Errorf("a %T cannot be used in a policy", value)
	case wantEntity:
		return types.EntityUID{Type: types.EntityType(entityType), ID: types.String(text)}, nil
	}
	return types.String(text), nil
}

func toText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case symbolon.ACR:
		return string(v), true
	case symbolon.UserID:
		return string(v), true
	case symbolon.ClientID:
		return string(v), true
	case symbolon.ResourceID:
		return string(v), true
	case symbolon.OrganisationID:
		return string(v), true
	}
	return "", false
}

func toSet[T any](elements []T, want resolved.IsType) (types.Value, error) {
	var element resolved.IsType
	if set, ok := want.(resolved.SetType); ok {
		element = set.Element
	}
	values := make([]types.Value, len(elements))
	for i, e := range elements {
		converted, err := toValue(e, element)
		if err != nil {
			return nil, err
		}
		values[i] = converted
	}
	return types.NewSet(values...), nil
}
