package declare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/goccy/go-yaml"

	"symbolon.dev"
)

// Write puts a set into a directory in the form that [Read] takes: one YAML file per list and
// one .cedar file per policy document. Entries are sorted, so that a diff shows only changes.
func Write(dir string, set Set) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, l := range lists {
		if err := writeList(dir, l.list, l.kind, set); err != nil {
			return err
		}
	}
	if err := writePeople(dir, set.People); err != nil {
		return err
	}
	return writePolicies(dir, set)
}

func writeList(dir, list, kind string, set Set) error {
	var entries []any
	for _, o := range sorted(set.Objects, kind) {
		entry, err := decodeAny(o.Doc)
		if err != nil {
			return fmt.Errorf("%s %q: %w", kind, o.ID, err)
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil
	}
	return writeYAML(filepath.Join(dir, list+".yaml"), map[string]any{list: entries})
}

func writePeople(dir string, people []Person) error {
	if len(people) == 0 {
		return nil
	}
	sort.Slice(people, func(i, j int) bool { return people[i].Login < people[j].Login })
	text, err := json.Marshal(people) // the JSON names are the file's names
	if err != nil {
		return err
	}
	entries, err := decodeAny(text)
	if err != nil {
		return err
	}
	return writeYAML(filepath.Join(dir, "people.yaml"), map[string]any{"people": entries})
}

func writePolicies(dir string, set Set) error {
	for _, o := range sorted(set.Objects, symbolon.KindPolicy) {
		var policy symbolon.Policy
		if err := json.Unmarshal(o.Doc, &policy); err != nil {
			return fmt.Errorf("policy %q: %w", o.ID, err)
		}
		if filepath.Base(o.ID) != o.ID {
			return fmt.Errorf("policy %q cannot be a file name", o.ID)
		}
		if err := os.WriteFile(filepath.Join(dir, o.ID+".cedar"), []byte(policy.Text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func writeYAML(file string, value any) error {
	text, err := yaml.MarshalWithOptions(value, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func decodeAny(text []byte) (any, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err
}

func sorted(objects []Object, kind string) []Object {
	var chosen []Object
	for _, o := range objects {
		if o.Kind == kind {
			chosen = append(chosen, o)
		}
	}
	sort.Slice(chosen, func(i, j int) bool { return chosen[i].ID < chosen[j].ID })
	return chosen
}
