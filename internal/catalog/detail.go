package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"symbolon.dev"
)

const (
	maxDetails     = 20       // of one request
	maxDetailTypes = 50       // of one resource
	maxSchema      = 64 << 10 // bytes
)

// detailRule is a type of authorization detail, ready to judge by.
type detailRule struct {
	symbolon.DetailType
	resource *symbolon.Resource
	schema   *jsonschema.Schema
}

// takeDetails compiles the schemas of a resource's types. A type's name is unique.
func (s *Snapshot) takeDetails(r *symbolon.Resource, found *findings) {
	about := "resource " + string(r.ID)
	if len(r.DetailTypes) > maxDetailTypes {
		found.add(about, "authorization_details_types: more than %d", maxDetailTypes)
		return
	}
	for i, t := range r.DetailTypes {
		field := fmt.Sprintf("authorization_details_types[%d]", i)
		if !symbolon.ValidName(t.Type) {
			found.add(about, "%s.type: %q is not a name", field, t.Type)
			continue
		}
		if other, taken := s.details[t.Type]; taken {
			found.add(about, "%s.type: %q is declared by resource %s already", field, t.Type, other.resource.ID)
			continue
		}
		schema, err := compileSchema(t.Schema)
		if err != nil {
			found.add(about, "%s.schema: %s", field, strings.Join(strings.Fields(err.Error()), " "))
			continue
		}
		s.details[t.Type] = &detailRule{t, r, schema}
	}
}

// nowhere keeps schemas from reading files or addresses.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema must be complete in itself; it names %s", url)
}

func compileSchema(text json.RawMessage) (*jsonschema.Schema, error) {
	const place = "urn:symbolon:detail"
	if len(text) == 0 || len(text) > maxSchema {
		return nil, fmt.Errorf("it is missing, or over %d bytes", maxSchema)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nowhere{})
	compiler.AssertFormat()
	if err := compiler.AddResource(place, document); err != nil {
		return nil, err
	}
	return compiler.Compile(place)
}

// ReadDetails reads the parameter authorization_details of a client's request (RFC 9396 §2, §5). Each
// detail must be of a declared type that the client is registered for, and as its schema wants it. The
// error is invalid_authorization_details.
func (s *Snapshot) ReadDetails(c *symbolon.Client, raw string) ([]symbolon.Detail, error) {
	value := jsontext.Value(raw)
	if err := value.Canonicalize(); err != nil { // refuses doubled names and text that is not UTF-8
		return nil, invalidDetails("authorization_details is not JSON").Because(err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil || len(list) == 0 || len(list) > maxDetails {
		return nil, invalidDetails("authorization_details must be a list of 1 to %d objects", maxDetails)
	}
	details := make([]symbolon.Detail, 0, len(list))
	for i, one := range list {
		d := symbolon.Detail(one)
		if err := s.judgeDetail(c, d); err != nil {
			return nil, invalidDetails("authorization_details[%d]: %s", i, err)
		}
		if !slices.Contains(details, d) {
			details = append(details, d)
		}
	}
	return details, nil
}

func (s *Snapshot) judgeDetail(c *symbolon.Client, d symbolon.Detail) error {
	rule, known := s.details[d.Type()]
	switch {
	case d[0] != '{' || d.Type() == "":
		return errors.New("it must be an object with a type")
	case !known:
		return errors.New("its type is not known here")
	case !slices.Contains(c.DetailTypes, rule.Type):
		return errors.New("this client is not registered for its type")
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(d)))
	if err != nil {
		return errors.New("it is not JSON")
	}
	if err := rule.schema.Validate(instance); err != nil {
		return errors.New("it is not as the schema of its type wants it" + placeOf(err))
	}
	return rule.holdsLocations(d)
}

// placeOf says where a detail fails, by member names of the schema's own world; values are not repeated.
func placeOf(err error) string {
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return ""
	}
	for len(failed.Causes) > 0 {
		failed = failed.Causes[0]
	}
	if at := strings.Join(failed.InstanceLocation, "."); symbolon.ValidName(at) {
		return ", at " + at
	}
	return ""
}

// holdsLocations: a detail that names where it is for (RFC 9396 §2.2) may name its own resource only.
func (r *detailRule) holdsLocations(d symbolon.Detail) error {
	named, given := d.Members()["locations"]
	if !given {
		return nil
	}
	list, ok := named.([]any)
	if !ok || len(list) != 1 || list[0] != r.resource.Identifier {
		return errors.New("its locations are not those of its type")
	}
	return nil
}

// DetailResource is the resource that a detail is for.
func (s *Snapshot) DetailResource(d symbolon.Detail) (*symbolon.Resource, bool) {
	rule, ok := s.details[d.Type()]
	if !ok {
		return nil, false
	}
	return rule.resource, true
}

// DetailsAt keeps of granted details those that are for a resource.
func (s *Snapshot) DetailsAt(r symbolon.ResourceID, granted []symbolon.Detail) []symbolon.Detail {
	var kept []symbolon.Detail
	for _, d := range granted {
		if of, ok := s.DetailResource(d); ok && of.ID == r {
			kept = append(kept, d)
		}
	}
	return kept
}

// DetailTypes lists the names of all types, as metadata publishes them.
func (s *Snapshot) DetailTypes() []string {
	names := make([]string, 0, len(s.details))
	for name := range s.details {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func invalidDetails(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_authorization_details", format, args...)
}

// MayAskDetail reports whether a client is registered for the type of a detail.
func (s *Snapshot) MayAskDetail(c *symbolon.Client, d symbolon.Detail) bool {
	return slices.Contains(c.DetailTypes, d.Type())
}
