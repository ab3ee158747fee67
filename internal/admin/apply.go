package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/declare"
	"symbolon.dev/internal/directory"
)

// Applier makes a declared set true. Objects change in one transaction, then people; a set
// that is already true changes nothing and leaves no trace in the log.
type Applier struct {
	Store interface {
		Objects(ctx context.Context, kinds ...string) ([]symbolon.Object, error)
	}
	Catalog   *catalog.Catalog
	Directory *directory.Directory
	Clock     symbolon.Clock
}

// Apply says what differs and, unless dry, makes it so. With prune, objects that the set does
// not name are deleted; people never are.
func (a Applier) Apply(ctx context.Context, actor, requestID string, set declare.Set, prune, dry bool) (Outcome, error) {
	current, err := a.Store.Objects(ctx, catalog.Kinds...)
	if err != nil {
		return Outcome{}, err
	}
	edits, differences := catalog.Plan(current, editsOf(set), prune)
	users, changed, err := a.people(ctx, set.People)
	if err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Differences: []Difference{}}
	for _, d := range differences {
		outcome.Differences = append(outcome.Differences, Difference{d.Kind, d.ID, d.Action, d.Fields})
	}
	outcome.Differences = append(outcome.Differences, changed...)
	if dry {
		return outcome, a.Catalog.Check(ctx, edits...)
	}
	if len(edits) > 0 {
		if err := a.Catalog.Put(ctx, actor, requestID, edits...); err != nil {
			return outcome, err
		}
	}
	if len(users) > 0 {
		err = a.Directory.Put(ctx, actor, requestID, users...)
	}
	return outcome, err
}

func editsOf(set declare.Set) []catalog.Edit {
	edits := make([]catalog.Edit, 0, len(set.Objects))
	for _, o := range set.Objects {
		edits = append(edits, catalog.Edit{Kind: o.Kind, ID: o.ID, Doc: o.Doc, Was: catalog.Whatever})
	}
	return edits
}

// people compares the declared people with those there and keeps only what differs.
func (a Applier) people(ctx context.Context, declared []declare.Person) ([]symbolon.User, []Difference, error) {
	var users []symbolon.User
	var differences []Difference
	for _, p := range declared {
		there, err := a.Directory.ByLogin(ctx, p.Login)
		switch {
		case isNotFound(err):
			differences = append(differences, Difference{Kind: kindPerson, ID: p.Login, Action: "create"})
		case err != nil:
			return nil, nil, err
		default:
			fields := fieldsThatDiffer(personOf(there), p)
			if p.PasswordHash != "" && p.PasswordHash != there.PasswordHash {
				fields = append(fields, "password_hash")
			}
			if len(fields) == 0 {
				continue
			}
			differences = append(differences, Difference{Kind: kindPerson, ID: p.Login, Action: "change", Fields: fields})
		}
		users = append(users, userOf(p, a.Clock()))
	}
	return users, differences, nil
}

// fieldsThatDiffer names fields, not values: the values are about a person.
func fieldsThatDiffer(there, declared declare.Person) []string {
	before, after := members(there), members(declared)
	delete(after, "password_hash")
	var fields []string
	for name := range union(before, after) {
		if !reflect.DeepEqual(before[name], after[name]) {
			fields = append(fields, name)
		}
	}
	sort.Strings(fields)
	return fields
}

func members(p declare.Person) map[string]any {
	sort.Strings(p.Groups)
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a person does not marshal: %v", err)) // plain strings and JSON values always do
	}
	m := map[string]any{}
	_ = json.Unmarshal(text, &m)
	return m
}

func union(a, b map[string]any) map[string]bool {
	all := map[string]bool{}
	for name := range a {
		all[name] = true
	}
	for name := range b {
		all[name] = true
	}
	return all
}

func isNotFound(err error) bool {
	var known *symbolon.Error
	return errors.As(err, &known) && known.Kind == symbolon.NotFound
}
