package admin

import (
	"context"
	"net/http"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/declare"
)

// Difference is one thing that apply would change, or has changed.
type Difference struct {
	Kind   string   `json:"kind"`
	ID     string   `json:"id"`
	Action string   `json:"action" enum:"create,change,delete"`
	Fields []string `json:"fields,omitempty" doc:"What differs, as path: old → new."`
}

// Outcome of apply and diff.
type Outcome struct {
	Differences []Difference `json:"differences"`
}

type applyInput struct {
	Prune  bool `query:"prune" doc:"Also delete declared objects that the set does not name. People are never deleted."`
	DryRun bool `query:"dry_run" doc:"Only say what would change."`
	Body   declare.Set
}

// declared mounts the whole-set operations behind `symbolon apply`, `diff` and `export`.
func (a *Admin) declared() {
	handle(a, operation{http.MethodPost, "/apply", "apply", "", "declared", "Make a declared set true", 0}, a.apply)
	handle(a, operation{http.MethodGet, "/export", "export", "", "declared", "Everything declared, in the form that apply takes; password hashes and clients that registered themselves left out", 0}, a.export)
}

// maxDeclared bounds the entries of one set.
const maxDeclared = 20_000

func (a *Admin) apply(ctx context.Context, who caller, in *applyInput) (*body[Outcome], error) {
	if len(in.Body.Objects)+len(in.Body.People) > maxDeclared {
		return nil, symbolon.Errorf(symbolon.Invalid, "a set may have %d entries at most; apply it in parts", maxDeclared)
	}
	kinds := []string{}
	for _, o := range in.Body.Objects {
		kinds = append(kinds, o.Kind)
	}
	if in.Prune {
		kinds = append(kinds, catalog.Kinds...)
	}
	if len(in.Body.People) > 0 {
		kinds = append(kinds, kindPerson)
	}
	if err := a.decideKinds(ctx, who, kinds, ".write"); err != nil {
		return nil, err
	}
	outcome, err := Applier{a.Store, a.Catalog, a.Directory, a.Clock}.Apply(ctx, who.id, who.requestID, in.Body, in.Prune, in.DryRun)
	return &body[Outcome]{outcome}, err
}

// decideKinds asks for each kind once: whoever may write policies may not thereby write people.
// A set of nothing needs the permit for sets as such.
func (a *Admin) decideKinds(ctx context.Context, who caller, kinds []string, verb string) error {
	if len(kinds) == 0 {
		return a.decide(who, eventOf(ctx), "declared"+verb, "declared")
	}
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		class, known := plurals[kind]
		if !known {
			return symbolon.Errorf(symbolon.Invalid, "%q is not a kind of thing that can be declared", kind)
		}
		if err := a.decide(who, eventOf(ctx), class+verb, class); err != nil {
			return err
		}
	}
	return nil
}

func (a *Admin) export(ctx context.Context, who caller, _ *nothing) (*body[declare.Set], error) {
	if err := a.decideKinds(ctx, who, append(slices.Clone(catalog.Kinds), kindPerson), ".read"); err != nil {
		return nil, err
	}
	objects, err := a.Store.Objects(ctx, catalog.Kinds...)
	if err != nil {
		return nil, err
	}
	var set declare.Set
	for _, o := range objects {
		if catalog.SelfRegistered(o) {
			continue // applied later, it would undo what the client has changed since
		}
		set.Objects = append(set.Objects, declare.Object{Kind: o.Kind, ID: o.ID, Doc: o.Doc})
	}
	for after := ""; ; {
		users, err := a.Directory.List(ctx, after, 500)
		if err != nil || len(users) == 0 {
			return &body[declare.Set]{set}, err
		}
		for i := range users {
			set.People = append(set.People, personOf(&users[i]))
		}
		after = users[len(users)-1].Login
	}
}
