// Package arch holds the house to its plan: the table of rooms and who may import whom.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "symbolon.dev"

// floor is how high a room stands; imports point down only. Doors share a floor and never
// import each other; so do rules, except where the table of exceptions says why.
type floor int

const (
	words floor = iota
	mechanisms
	rules
	doors
	outside
)

var rooms = map[string]floor{
	"": words,

	"token": mechanisms, "internal/key": mechanisms, "internal/policy": mechanisms, "internal/event": mechanisms,
	"internal/store": mechanisms, "internal/config": mechanisms, "internal/door": mechanisms, "internal/page": mechanisms,
	"internal/outbound": mechanisms, "internal/claim": mechanisms, "internal/ledger": mechanisms, "internal/declare": mechanisms, "internal/spell": mechanisms, "internal/telemetry": mechanisms,
	"internal/profile": mechanisms, // data that every rule and door may ask

	"internal/directory": rules, "internal/catalog": rules, "internal/client": rules, "internal/authn": rules,
	"internal/session": rules, "internal/issuer": rules, "internal/grant": rules, "internal/logout": rules, "internal/audit": rules, "verify": rules,

	"internal/oauth": doors, "internal/login": doors, "internal/account": doors, "internal/signals": doors,
	"internal/broker": doors, "internal/admin": doors,

	"internal/app": outside, "internal/demo": outside, "cmd/symbolon": outside, "e2e": outside, "bench": outside,
	"internal/store/storetest": outside, "internal/authn/authntest": outside, "internal/arch": outside,
}

// sideways lists the imports between rooms of one floor that the plan allows, each with its reason.
var sideways = map[string]string{
	"internal/config → internal/spell":      "suggests the nearest known key",
	"internal/declare → internal/spell":     "likewise",
	"internal/catalog → internal/spell":     "suggests the nearest known field",
	"internal/telemetry → internal/door":    "counts the door's events",
	"internal/page → internal/door":         "renders a door's error as a page",
	"internal/grant → internal/client":      "the plan's one rule that joins others: a grant is where client, session, issuer and policy meet",
	"internal/grant → internal/session":     "likewise",
	"internal/grant → internal/issuer":      "likewise",
	"internal/grant → internal/catalog":     "likewise: which resources and scopes exist",
	"internal/catalog → internal/client":    "who reads keys and names says which may be declared",
	"internal/issuer → internal/catalog":    "a token is made by its resource's rule",
	"internal/directory → internal/authn":   "an enrolment link ends in a credential",
	"internal/authn → internal/directory":   "a login finds its person",
	"internal/session → internal/authn":     "a session's strength is computed from its factors",
	"internal/app → internal/demo":          "",
	"internal/demo → internal/app":          "the demo is the app with sample data",
	"cmd/symbolon → internal/app":           "",
	"cmd/symbolon → internal/demo":          "",
	"e2e → internal/store/storetest":        "",
	"e2e → internal/authn/authntest":        "",
	"bench → internal/app":                  "",
	"internal/admin → internal/admin/tests": "",
}

// The broker knows only what any resource server may know (decision 1).
var brokerMayImport = []string{"", "token", "verify", "internal/policy", "internal/catalog", "internal/door", "internal/page", "internal/ledger"}

// What other people import must not drag the house along.
var publicMayImport = map[string][]string{"": {}, "token": {""}, "verify": {"", "token"}}

func TestImportsPointUpTheTableOnly(t *testing.T) {
	for room, imported := range importsOf(t, "../..") {
		standing, known := rooms[room]
		if !known {
			t.Errorf("room %q is not in the table of rooms", room)
			continue
		}
		for _, other := range imported {
			below, known := rooms[other]
			if !known || below < standing {
				continue
			}
			if _, ok := sideways[room+" → "+other]; !ok {
				t.Errorf("%s must not import %s", room, other)
			}
		}
	}
}

func TestTheBrokerIsAnOrdinaryResourceServer(t *testing.T) {
	for _, other := range importsOf(t, "../..")["internal/broker"] {
		if !slices.Contains(brokerMayImport, other) {
			t.Errorf("internal/broker must not import %s: it knows only what any resource server may know", other)
		}
	}
}

func TestPublicRoomsStandAlone(t *testing.T) {
	all := importsOf(t, "../..")
	for room, allowed := range publicMayImport {
		for _, other := range all[room] {
			if !slices.Contains(allowed, other) {
				t.Errorf("public room %q must not import %s", room, other)
			}
		}
	}
}

func TestFilesStayReadable(t *testing.T) {
	forEachGoFile(t, "../..", func(path string, text []byte) {
		if lines := strings.Count(string(text), "\n"); lines > 400 {
			t.Errorf("%s has %d lines; 400 are the most", path, lines)
		}
	})
}

// importsOf maps each room to the rooms that its production code imports.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	forEachGoFile(t, root, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		room := filepath.ToSlash(filepath.Dir(path))
		room = strings.TrimPrefix(room, ".")
		if _, seen := found[room]; !seen {
			found[room] = nil
		}
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if name != module && !strings.HasPrefix(name, module+"/") {
				continue
			}
			other := strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
			if !slices.Contains(found[room], other) {
				found[room] = append(found[room], other)
			}
		}
	})
	return found
}

func forEachGoFile(t *testing.T, root string, visit func(path string, text []byte)) {
	t.Helper()
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != "." || entry.Name() == "node_modules" || path == "tools") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := fs.ReadFile(tree, path)
		if err == nil {
			visit(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
