package declare

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"

	"symbolon.dev"
	"symbolon.dev/internal/spell"
)

const maxFile = 4 << 20

// Read reads one file or every *.yaml, *.yml and *.cedar file of a directory. Getenv gives the
// client secrets that a file leaves to the environment (`env: NAME`).
func Read(path string, getenv func(string) string) (Set, error) {
	files, err := filesAt(path)
	if err != nil {
		return Set{}, err
	}
	r := reader{getenv: getenv, seen: map[string]string{}}
	var failures []error
	for _, file := range files {
		failures = append(failures, r.file(file))
	}
	return r.set, errors.Join(failures...)
}

func filesAt(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.cedar"} {
		found, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	sort.Strings(files)
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no .yaml or .cedar file", path)
	}
	return files, nil
}

type reader struct {
	getenv func(string) string
	seen   map[string]string // kind and id → file
	set    Set
}

func (r *reader) file(file string) error {
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%s is over %d bytes", file, maxFile)
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.HasSuffix(file, ".cedar") {
		return r.policy(file, text)
	}
	return r.document(file, text)
}

func (r *reader) policy(file string, text []byte) error {
	id := strings.TrimSuffix(filepath.Base(file), ".cedar")
	doc, err := json.Marshal(symbolon.Policy{ID: symbolon.PolicyID(id), Text: string(text)})
	if err != nil {
		return err
	}
	return r.add(Object{Kind: symbolon.KindPolicy, ID: id, Doc: doc, From: file})
}

func (r *reader) document(file string, text []byte) error {
	var top map[string]any
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&top); err != nil {
		return fmt.Errorf("%s: %s", file, yaml.FormatError(err, false, false))
	}
	var failures []error
	for name := range top {
		if !knownList(name) {
			failures = append(failures, unknownList(file, name))
		}
	}
	for _, l := range lists {
		entries, err := entriesOf(file, l.list, top[l.list])
		failures = append(failures, err)
		for i, entry := range entries {
			failures = append(failures, r.entry(file, l.kind, l.key, i, entry))
		}
	}
	failures = append(failures, r.people(file, top["people"]))
	return errors.Join(failures...)
}

func knownList(name string) bool {
	for _, l := range lists {
		if l.list == name {
			return true
		}
	}
	return name == "people"
}

func unknownList(file, name string) error {
	known := []string{"people"}
	for _, l := range lists {
		known = append(known, l.list)
	}
	if near := spell.Nearest(name, known); near != "" {
		return fmt.Errorf("%s: unknown key %q; did you mean %q?", file, name, near)
	}
	return fmt.Errorf("%s: unknown key %q; known are %s", file, name, strings.Join(known, ", "))
}

func entriesOf(file, list string, value any) ([]map[string]any, error) {
	if value == nil {
		return nil, nil
	}
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: %s must be a list", file, list)
	}
	entries := make([]map[string]any, len(items))
	for i, item := range items {
		if entries[i], ok = item.(map[string]any); !ok {
			return nil, fmt.Errorf("%s: %s[%d] must be a mapping", file, list, i)
		}
	}
	return entries, nil
}

func (r *reader) entry(file, kind, key string, index int, entry map[string]any) error {
	id, ok := entry[key].(string)
	if !ok || id == "" {
		return fmt.Errorf("%s: %s %d has no %s", file, kind, index+1, key)
	}
	if kind == symbolon.KindClient {
		if err := r.hashSecrets(entry); err != nil {
			return fmt.Errorf("%s: client %q: %w", file, id, err)
		}
	}
	doc, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("%s: %s %q: %w", file, kind, id, err)
	}
	return r.add(Object{Kind: kind, ID: id, Doc: doc, From: file})
}

// hashSecrets turns `env: NAME` into the hash of that variable's value, so that neither the
// file nor the wire carries a secret.
func (r *reader) hashSecrets(client map[string]any) error {
	secrets, _ := client["secrets"].([]any)
	for _, item := range secrets {
		secret, ok := item.(map[string]any)
		if !ok {
			continue // the catalog says what is wrong with it
		}
		name, ok := secret["env"].(string)
		if !ok {
			continue
		}
		value := r.getenv(name)
		if len(value) < 16 {
			return fmt.Errorf("environment variable %s must hold a secret of at least 16 characters", name)
		}
		sum := sha256.Sum256([]byte(value))
		delete(secret, "env")
		secret["sha256"] = hex.EncodeToString(sum[:])
	}
	return nil
}

func (r *reader) people(file string, value any) error {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: people: %w", file, err)
	}
	var people []Person
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&people); err != nil {
		return fmt.Errorf("%s: people: %w", file, err)
	}
	for _, p := range people {
		if p.Login == "" {
			return fmt.Errorf("%s: a person has no login", file)
		}
		if err := r.unique("person", strings.ToLower(p.Login), file); err != nil {
			return err
		}
		r.set.People = append(r.set.People, p)
	}
	return nil
}

func (r *reader) add(o Object) error {
	if err := r.unique(o.Kind, o.ID, o.From); err != nil {
		return err
	}
	r.set.Objects = append(r.set.Objects, o)
	return nil
}

func (r *reader) unique(kind, id, file string) error {
	key := kind + " " + id
	if other, twice := r.seen[key]; twice {
		return fmt.Errorf("%s: %s %q stands in %s already", file, kind, id, other)
	}
	r.seen[key] = file
	return nil
}
