package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"symbolon.dev"
	"symbolon.dev/internal/spell"
)

const maxDocument = 512 << 10 // bytes

// findings gathers everything that is wrong, so that an operator sees it at once.
type findings struct{ list []string }

// add records a fault of a thing, e.g. "client orders", "redirect_uris[0]: has a fragment".
func (f *findings) add(about, format string, args ...any) {
	f.list = append(f.list, about+": "+fmt.Sprintf(format, args...))
}

func (f *findings) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.Sort(f.list)
	return symbolon.Errorf(symbolon.Invalid, "%s", strings.Join(slices.Compact(f.list), "\n"))
}

// declared is a whole catalog, decoded.
type declared struct {
	issuer        string
	clients       []*symbolon.Client
	resources     []*symbolon.Resource
	groups        []*symbolon.Group
	organisations []*symbolon.Organisation
	policies      []*symbolon.Policy
}

// take decodes one document into its place.
func (d *declared) take(found *findings, kind, id string, doc json.RawMessage) {
	about := ref{kind, id}.String()
	value, err := decode(kind, id, doc)
	if err != nil {
		found.add(about, "%s", err)
		return
	}
	switch v := value.(type) {
	case *symbolon.Client:
		d.clients = append(d.clients, v)
	case *symbolon.Resource:
		d.resources = append(d.resources, v)
	case *symbolon.Group:
		d.groups = append(d.groups, v)
	case *symbolon.Organisation:
		d.organisations = append(d.organisations, v)
	case *symbolon.Policy:
		d.policies = append(d.policies, v)
	}
}

// canonical is the form in which a document is kept: equal documents have equal bytes.
func canonical(found *findings, kind, id string, doc json.RawMessage) (json.RawMessage, bool) {
	value, err := decode(kind, id, doc)
	if err == nil {
		doc, err = json.Marshal(value)
	}
	if err != nil {
		found.add(ref{kind, id}.String(), "%s", err)
	}
	return doc, err == nil
}

// decode reads a document strictly: no unknown or doubled member, no wrong type, no other id.
func decode(kind, id string, doc json.RawMessage) (any, error) {
	if !symbolon.ValidName(id) {
		return nil, fmt.Errorf("an id is 1 to 128 of a-z A-Z 0-9 . _ : / -")
	}
	if len(doc) > maxDocument {
		return nil, fmt.Errorf("the document is over %d bytes", maxDocument)
	}
	switch kind {
	case symbolon.KindClient:
		v := &symbolon.Client{}
		return v, into(v, &v.ID, id, doc)
	case symbolon.KindResource:
		v := &symbolon.Resource{}
		return v, into(v, &v.ID, id, doc)
	case symbolon.KindGroup:
		v := &symbolon.Group{}
		return v, into(v, &v.ID, id, doc)
	case symbolon.KindOrganisation:
		v := &symbolon.Organisation{}
		return v, into(v, &v.ID, id, doc)
	case symbolon.KindPolicy:
		v := &symbolon.Policy{}
		return v, into(v, &v.ID, id, doc)
	}
	return nil, fmt.Errorf("there is no kind %q%s", kind, meant(kind, Kinds))
}

func into[ID ~string](value any, own *ID, id string, doc json.RawMessage) error {
	if err := strict.Unmarshal(doc, value, strict.RejectUnknownMembers(true)); err != nil {
		return explain(err, reflect.TypeOf(value).Elem())
	}
	switch *own {
	case "":
		*own = ID(id)
	case ID(id):
	default:
		return fmt.Errorf("the document names itself %q", *own)
	}
	return nil
}

// explain turns a decoder's error into words with the path of the field.
func explain(err error, shape reflect.Type) error {
	var semantic *strict.SemanticError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic) && errors.Is(err, strict.ErrUnknownName):
		parent, name := semantic.JSONPointer.Parent(), semantic.JSONPointer.LastToken()
		known := members(shape, parent)
		return fmt.Errorf("%s: unknown field%s", pathOf(parent.AppendToken(name)), meant(name, known))
	case errors.As(err, &semantic):
		reason := "cannot be " + article(semantic.JSONKind)
		if semantic.Err != nil {
			reason = semantic.Err.Error()
		}
		return fmt.Errorf("%s: %s", pathOf(semantic.JSONPointer), reason)
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %w", pathOf(syntax.JSONPointer), syntax.Err)
	}
	return err
}

func article(kind jsontext.Kind) string {
	switch kind {
	case '[', '{':
		return map[jsontext.Kind]string{'[': "a list", '{': "an object"}[kind]
	}
	return "a " + kind.String()
}

func meant(name string, known []string) string {
	if near := spell.Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

// pathOf writes /secrets/0/sha256 as secrets[0].sha256.
func pathOf(pointer jsontext.Pointer) string {
	var b strings.Builder
	for token := range pointer.Tokens() {
		switch {
		case strings.Trim(token, "0123456789") == "":
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + token)
		default:
			b.WriteString(token)
		}
	}
	if b.Len() == 0 {
		return "the document"
	}
	return b.String()
}

// members lists the names that a document may have at a place.
func members(shape reflect.Type, at jsontext.Pointer) (names []string) {
	for token := range at.Tokens() {
		shape = descend(shape, token)
	}
	for shape.Kind() == reflect.Pointer {
		shape = shape.Elem()
	}
	if shape.Kind() != reflect.Struct {
		return nil
	}
	for _, field := range reflect.VisibleFields(shape) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func descend(shape reflect.Type, token string) reflect.Type {
	switch shape.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if shape.Kind() == reflect.Pointer {
			return descend(shape.Elem(), token)
		}
		return shape.Elem()
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(shape) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name == token {
				return field.Type
			}
		}
	}
	return shape
}
