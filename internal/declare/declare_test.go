package declare

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"symbolon.dev"
)

func dir(t *testing.T, files map[string]string) string {
	t.Helper()
	d := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

const sample = `
groups:
  - id: engineering
clients:
  - client_id: orders
    grant_types: [client_credentials]
    secrets: [{env: ORDERS_SECRET}]
resources:
  - id: orders
    identifier: https://orders.example.com
    token: {lifetime: 5m}
people:
  - login: ada
    groups: [engineering]
    attributes: {cost_centre: "42"}
    password_hash: $argon2id$x
`

// S4, S21: what is written can be read again, and says the same.
func TestWhatIsWrittenReadsTheSame(t *testing.T) {
	env := func(string) string { return "a-secret-of-some-length" }
	first, err := Read(dir(t, map[string]string{"all.yaml": sample, "wiki.cedar": "permit(principal, action, resource);\n"}), env)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Objects) != 4 || len(first.People) != 1 {
		t.Fatalf("%+v", first)
	}
	out := t.TempDir()
	if err := Write(out, first); err != nil {
		t.Fatal(err)
	}
	second, err := Read(out, env)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first.People, second.People) {
		t.Errorf("%+v became %+v", first.People, second.People)
	}
	for _, o := range first.Objects {
		if got := find(second, o.Kind, o.ID); string(got) != string(o.Doc) {
			t.Errorf("%s %s: %s became %s", o.Kind, o.ID, o.Doc, got)
		}
	}
}

func TestASecretIsReadFromTheEnvironmentAndOnlyItsHashLeaves(t *testing.T) {
	set, err := Read(dir(t, map[string]string{"all.yaml": sample}), func(string) string { return "a-secret-of-some-length" })
	if err != nil {
		t.Fatal(err)
	}
	doc := string(find(set, symbolon.KindClient, "orders"))
	if strings.Contains(doc, "a-secret") || strings.Contains(doc, "env") || !strings.Contains(doc, "sha256") {
		t.Error(doc)
	}
	if _, err := Read(dir(t, map[string]string{"all.yaml": sample}), func(string) string { return "" }); err == nil {
		t.Error("an empty secret was taken")
	}
}

func TestMistakesNameTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"clientz: []":                      `"clients"`,
		"clients: {a: b}":                  "list",
		"clients: [{client_name: x}]":      "client_id",
		"people: [{login: a, namme: b}]":   "namme",
		"people: [{name: b}]":              "login",
		"people: [{login: a}, {login: A}]": "already",
		"clients:\n\t- x":                  "all.yaml",
	} {
		_, err := Read(dir(t, map[string]string{"all.yaml": text}), os.Getenv)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "all.yaml") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func find(set Set, kind, id string) []byte {
	for _, o := range set.Objects {
		if o.Kind == kind && o.ID == id {
			return o.Doc
		}
	}
	return nil
}

func FuzzRead(f *testing.F) {
	f.Add(sample)
	f.Add("people: [{login: a}]")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "x.yaml")
		if os.WriteFile(file, []byte(text), 0o600) != nil {
			return
		}
		set, err := Read(file, func(string) string { return "" })
		if err != nil {
			return
		}
		for _, o := range set.Objects {
			if o.ID == "" {
				t.Fatal("a nameless object was read")
			}
		}
	})
}
