package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"symbolon.dev"
)

// Difference is one object that an apply would change.
type Difference struct {
	Kind   string
	ID     string
	Action string   // "create", "change" or "delete"
	Fields []string // of a change: "path: old → new", and for policies lines with - and +
}

// Plan compares what is wanted with what is there and keeps the edits that change something, each
// bound to the version it was compared with. With prune, objects that nobody wants are deleted,
// except the policies that a new store begins with, and clients that registered themselves: only an
// explicit edit deletes those.
func Plan(current []symbolon.Object, desired []Edit, prune bool) ([]Edit, []Difference) {
	there := map[ref]symbolon.Object{}
	for _, o := range current {
		if slices.Contains(Kinds, o.Kind) {
			there[ref{o.Kind, o.ID}] = o
		}
	}
	var p plan
	wanted := map[ref]bool{}
	for _, e := range desired {
		at := ref{e.Kind, e.ID}
		wanted[at] = true
		p.compare(there[at], e)
	}
	if prune {
		p.prune(there, wanted)
	}
	return p.edits, p.differences
}

type plan struct {
	edits       []Edit
	differences []Difference
}

func (p *plan) add(e Edit, action string, fields []string) {
	p.edits = append(p.edits, e)
	p.differences = append(p.differences, Difference{e.Kind, e.ID, action, fields})
}

func (p *plan) compare(old symbolon.Object, e Edit) {
	if e.Was == Whatever {
		e.Was = old.Version
	}
	if e.Delete {
		if old.Version > 0 {
			p.add(e, "delete", nil)
		}
		return
	}
	doc, ok := canonical(&findings{}, e.Kind, e.ID, e.Doc)
	if !ok {
		doc = e.Doc // Put says what is wrong with it
	}
	switch {
	case old.Version == 0:
		p.add(e, "create", nil)
	case !bytes.Equal(doc, old.Doc):
		p.add(e, "change", fieldsThatDiffer(old.Doc, doc))
	}
}

func (p *plan) prune(there map[ref]symbolon.Object, wanted map[ref]bool) {
	for _, e := range seeds() {
		wanted[ref{e.Kind, e.ID}] = true
	}
	var gone []Edit
	for at, o := range there {
		if !wanted[at] && !SelfRegistered(o) {
			gone = append(gone, Edit{Kind: o.Kind, ID: o.ID, Delete: true, Was: o.Version})
		}
	}
	slices.SortFunc(gone, func(a, b Edit) int { return strings.Compare(a.Kind+" "+a.ID, b.Kind+" "+b.ID) })
	for _, e := range gone {
		p.add(e, "delete", nil)
	}
}

// SelfRegistered reports whether an object is a client that registered itself (RFC 7591): nobody
// declared it, so what is declared says nothing about it.
func SelfRegistered(o symbolon.Object) bool {
	var c struct {
		Registered *symbolon.Registration `json:"registered"`
	}
	return o.Kind == symbolon.KindClient && json.Unmarshal(o.Doc, &c) == nil && c.Registered != nil
}

func fieldsThatDiffer(old, fresh json.RawMessage) (lines []string) {
	before, after := flatten(old), flatten(fresh)
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, b := before[path], after[path]
		switch {
		case a == b:
		case strings.HasSuffix(path, ".sha256"):
			lines = append(lines, path+": changed")
		case strings.Contains(a+b, `\n`):
			lines = append(lines, textDifference(path, a, b)...)
		default:
			lines = append(lines, fmt.Sprintf("%s: %s → %s", path, orNone(a), orNone(b)))
		}
	}
	return lines
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// flatten gives every leaf of a document by its path, as JSON text.
func flatten(doc json.RawMessage) map[string]string {
	leaves := map[string]string{}
	var value any
	if json.Unmarshal(doc, &value) == nil {
		walk(leaves, "", value)
	}
	return leaves
}

func walk(leaves map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			walk(leaves, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case []any:
		for i, element := range v {
			walk(leaves, fmt.Sprintf("%s[%d]", path, i), element)
		}
	default:
		text, _ := json.Marshal(v) // a JSON scalar
		leaves[path] = string(text)
	}
}

const maxLines = 40 // of a text difference

// textDifference shows the lines between the first and the last that differ.
func textDifference(path, before, after string) (lines []string) {
	a, b := linesOf(before), linesOf(after)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	for len(a) > start && len(b) > start && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	lines = append(lines, fmt.Sprintf("%s: from line %d", path, start+1))
	for _, line := range a[start:] {
		lines = append(lines, "- "+line)
	}
	for _, line := range b[start:] {
		lines = append(lines, "+ "+line)
	}
	if len(lines) > maxLines {
		lines = append(lines[:maxLines], fmt.Sprintf("… %d more", len(lines)-maxLines))
	}
	return lines
}

func linesOf(quoted string) []string {
	var text string
	_ = json.Unmarshal([]byte(quoted), &text) // "" where there is none
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
