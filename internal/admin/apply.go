package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/declare"
	"symbolon.dev/internal/directory"
)

// Applier makes a declared set true. All of it is checked first; then objects change in one
// transaction, and people in a second. A set that is already true changes nothing and leaves no
// trace in the log.
//
// Whether a person is disabled changes only where the set says so: absent leaves them as they
// are, so that applying an old file does not let somebody in who was shut out meanwhile.
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
	people, changed, err := a.people(ctx, set.People)
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
	return outcome, a.put(ctx, actor, requestID, people)
}

func (a Applier) put(ctx context.Context, actor, requestID string, people []wanted) error {
	if len(people) == 0 {
		return nil
	}
	users := make([]symbolon.User, len(people))
	for i, w := range people {
		users[i] = w.user
	}
	if err := a.Directory.Put(ctx, actor, requestID, users...); err != nil {
		return err
	}
	for _, w := range people {
		if !w.enable {
			continue
		}
		if err := a.Directory.Enable(ctx, w.there.ID, actor, requestID); err != nil {
			return err
		}
	}
	return nil
}

func editsOf(set declare.Set) []catalog.Edit {
	edits := make([]catalog.Edit, 0, len(set.Objects))
	for _, o := range set.Objects {
		edits = append(edits, catalog.Edit{Kind: o.Kind, ID: o.ID, Doc: o.Doc, Was: catalog.Whatever})
	}
	return edits
}

// people compares the declared people with those there and keeps only what differs.
func (a Applier) people(ctx context.Context, declared []declare.Person) ([]wanted, []Difference, error) {
	var people []wanted
	var differences []Difference
	for _, p := range declared {
		there, err := a.Directory.ByLogin(ctx, p.Login)
		if err != nil && !symbolon.IsKind(err, symbolon.NotFound) {
			return nil, nil, err
		}
		w, err := wantedOf(p, there, a.Clock())
		if err != nil {
			return nil, nil, err
		}
		if d, differs := w.difference(); differs {
			people, differences = append(people, w), append(differences, d)
		}
	}
	return people, differences, nil
}

func (w wanted) difference() (Difference, bool) {
	if w.there == nil {
		return Difference{Kind: kindPerson, ID: w.user.Login, Action: "create"}, true
	}
	fields := fieldsThatDiffer(personOf(w.there), personOf(&w.user))
	if w.user.PasswordHash != "" && w.user.PasswordHash != w.there.PasswordHash {
		fields = append(fields, "password_hash")
	}
	return Difference{Kind: kindPerson, ID: w.user.Login, Action: "change", Fields: fields}, len(fields) > 0
}

// fieldsThatDiffer names fields, not values: the values are about a person.
func fieldsThatDiffer(there, declared declare.Person) []string {
	before, after := members(there), members(declared)
	var fields []string
	for name := range union(before, after) {
		if !reflect.DeepEqual(before[name], after[name]) {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields
}

func members(p declare.Person) map[string]any {
	slices.Sort(p.Groups)
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
