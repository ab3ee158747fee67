package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

// plurals names the part of the API, and of the policy's words, for each declared kind.
var plurals = map[string]string{
	symbolon.KindClient: "clients", symbolon.KindResource: "resources", symbolon.KindPolicy: "policies",
	symbolon.KindGroup: "groups", symbolon.KindOrganisation: "organisations", kindPerson: "users",
}

const kindPerson = "person"

// objects mounts the declared kinds, all in the same way.
func (a *Admin) objects() {
	mountKind[symbolon.Client](a, symbolon.KindClient)
	mountKind[symbolon.Resource](a, symbolon.KindResource)
	mountKind[symbolon.Policy](a, symbolon.KindPolicy)
	mountKind[symbolon.Group](a, symbolon.KindGroup)
	mountKind[symbolon.Organisation](a, symbolon.KindOrganisation)
}

// Kept is a declared document with the version that If-Match takes.
type Kept[T any] struct {
	Version int64 `json:"version"`
	Doc     T     `json:"doc"`
}

type keptAnswer[T any] struct {
	ETag string `header:"ETag"`
	Body Kept[T]
}

// ObjectPath names a declared thing.
type ObjectPath struct {
	ID string `path:"id" maxLength:"128"`
}

type putObject[T any] struct {
	ObjectPath
	IfMatch     string `header:"If-Match" doc:"ETag of what is replaced; * = whatever is there; absent = whichever, if any."`
	IfNoneMatch string `header:"If-None-Match" doc:"* = only if there is none yet."`
	Body        T
}

func mountKind[T any](a *Admin, kind string) {
	plural := plurals[kind]
	class, read, write := plural, plural+".read", plural+".write"
	handle(a, operation{http.MethodGet, "/" + plural, "list-" + plural, read, class, "List " + plural, 0},
		func(ctx context.Context, _ caller, _ *nothing) (*body[page[Kept[T]]], error) {
			return listKind[T](ctx, a, kind)
		})
	handle(a, operation{http.MethodGet, "/" + plural + "/{id}", "get-" + kind, read, class, "One " + kind, 0},
		func(ctx context.Context, _ caller, in *ObjectPath) (*keptAnswer[T], error) {
			return getKind[T](ctx, a, kind, in.ID)
		})
	handle(a, operation{http.MethodPut, "/" + plural + "/{id}", "put-" + kind, write, class, "Declare a " + kind, 0},
		func(ctx context.Context, who caller, in *putObject[T]) (*keptAnswer[T], error) {
			return putKind(ctx, a, who, kind, in)
		})
	handle(a, operation{http.MethodDelete, "/" + plural + "/{id}", "delete-" + kind, write, class, "Remove a " + kind, http.StatusNoContent},
		func(ctx context.Context, who caller, in *struct {
			ObjectPath
			IfMatch string `header:"If-Match" doc:"ETag of what is deleted; absent = whichever."`
		}) (*nothing, error) {
			return nil, a.edit(ctx, who, catalog.Edit{Kind: kind, ID: in.ID, Delete: true}, in.IfMatch, "")
		})
}

func listKind[T any](ctx context.Context, a *Admin, kind string) (*body[page[Kept[T]]], error) {
	objects, err := a.Store.Objects(ctx, kind)
	if err != nil {
		return nil, err
	}
	out := page[Kept[T]]{Items: []Kept[T]{}}
	for i := range objects {
		kept, err := keptOf[T](&objects[i])
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, kept)
	}
	return &body[page[Kept[T]]]{out}, nil
}

func getKind[T any](ctx context.Context, a *Admin, kind, id string) (*keptAnswer[T], error) {
	object, err := a.Store.Object(ctx, kind, id)
	if err != nil {
		return nil, err
	}
	kept, err := keptOf[T](object)
	return &keptAnswer[T]{ETag: fmt.Sprintf("%q", strconv.FormatInt(kept.Version, 10)), Body: kept}, err
}

func putKind[T any](ctx context.Context, a *Admin, who caller, kind string, in *putObject[T]) (*keptAnswer[T], error) {
	doc, err := json.Marshal(in.Body)
	if err != nil {
		return nil, err
	}
	if err := a.edit(ctx, who, catalog.Edit{Kind: kind, ID: in.ID, Doc: doc}, in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	return getKind[T](ctx, a, kind, in.ID)
}

func keptOf[T any](o *symbolon.Object) (Kept[T], error) {
	kept := Kept[T]{Version: o.Version}
	return kept, json.Unmarshal(o.Doc, &kept.Doc)
}

// edit makes one change under the preconditions of RFC 9110 §13.1: If-Match names the version that
// is replaced, or with * any that exists; If-None-Match: * that there is none yet.
func (a *Admin) edit(ctx context.Context, who caller, e catalog.Edit, ifMatch, ifNoneMatch string) error {
	var err error
	if e.Was, err = a.expected(ctx, e, ifMatch, ifNoneMatch); err != nil {
		return err
	}
	err = a.Catalog.Put(ctx, who.id, who.requestID, e)
	if e.Was != catalog.Whatever && symbolon.IsKind(err, symbolon.Conflict) {
		return lostUpdate{err}
	}
	return err
}

// expected is the version that a change replaces, as [catalog.Edit] counts.
func (a *Admin) expected(ctx context.Context, e catalog.Edit, ifMatch, ifNoneMatch string) (int64, error) {
	switch {
	case ifNoneMatch == "*" && ifMatch == "":
		return 0, nil
	case ifNoneMatch != "":
		return 0, symbolon.Errorf(symbolon.Invalid, "If-None-Match may be * alone, and not beside If-Match")
	case ifMatch == "":
		return catalog.Whatever, nil
	case ifMatch == "*":
		there, err := a.Store.Object(ctx, e.Kind, e.ID)
		if symbolon.IsKind(err, symbolon.NotFound) {
			return 0, lostUpdate{err}
		}
		if err != nil {
			return 0, err
		}
		return there.Version, nil
	}
	version, err := strconv.ParseInt(strings.Trim(ifMatch, `"`), 10, 64)
	if err != nil || version < 1 {
		return 0, symbolon.Errorf(symbolon.Invalid, "If-Match must be the ETag of an earlier answer")
	}
	return version, nil
}
