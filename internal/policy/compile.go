package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"symbolon.dev"
)

// Limits on what is compiled: text comes from people and from files.
const (
	MaxDocument = 256 << 10 // bytes of one document
	maxNesting  = 64        // brackets within brackets, and dots in a row; parser and checker recurse
)

// Snapshot is a compiled policy set with the entities it knows. Its answers never change; the nil
// Snapshot denies everything.
type Snapshot struct {
	words    *vocabulary
	version  string
	rules    []*rule
	entities map[types.EntityUID]*prepared
	tables   map[string]*table // by action
	memo     memo
}

// rule is one policy, ready to be evaluated.
type rule struct {
	notes
	name     string
	document string
	policy   *cedar.Policy
	ast      *ast.Policy
}

// Rule describes a compiled policy, for people and for the admin API.
type Rule struct {
	ID          string           `json:"id"`
	Document    string           `json:"document"`
	Line        int              `json:"line"`
	Effect      Effect           `json:"effect"` // Allow for a permit, Deny for a forbid
	Observe     bool             `json:"observe,omitempty"`
	Remedy      *symbolon.Remedy `json:"remedy,omitempty"`
	Description string           `json:"description,omitempty"`
}

// Compile parses, checks and indexes. Entities are those that policies may name – groups,
// organisations, services, resources – beside the administrations, which are built in; a policy
// that names another of these types is refused, for it could never do what it says. Its error is
// a [*Problems].
func Compile(documents []Document, entities []Entity) (*Snapshot, error) {
	words, err := readSchema()
	if err != nil {
		return nil, &Problems{[]Problem{{Message: err.Error()}}}
	}
	c := &compiler{words: words, names: map[string]bool{}, problems: &Problems{},
		snapshot: &Snapshot{words: words, entities: map[types.EntityUID]*prepared{}, tables: map[string]*table{}}}
	c.takeEntities(entities)
	ordered := slices.Clone(documents)
	slices.SortStableFunc(ordered, func(a, b Document) int { return strings.Compare(a.ID, b.ID) })
	for i, document := range ordered {
		if i > 0 && ordered[i-1].ID == document.ID {
			c.problems.add(Problem{Document: document.ID, Message: "there are two documents of this name"})
		}
		c.takeDocument(document)
	}
	if len(c.problems.List) > 0 {
		return nil, c.problems
	}
	c.snapshot.version = versionOf(ordered)
	c.snapshot.buildIndex()
	return c.snapshot, nil
}

// Version is a short hash of the documents: the same texts have the same version everywhere.
func (s *Snapshot) Version() string {
	if s == nil {
		return ""
	}
	return s.version
}

// Rules lists the compiled policies, by document and place.
func (s *Snapshot) Rules() []Rule {
	list := make([]Rule, 0, len(s.rules))
	for _, r := range s.rules {
		effect := Deny
		if r.ast.Effect == ast.EffectPermit {
			effect = Allow
		}
		list = append(list, Rule{ID: r.name, Document: r.document, Line: r.ast.Position.Line,
			Effect: effect, Observe: r.observe, Remedy: r.remedy, Description: r.description})
	}
	return list
}

type compiler struct {
	words    *vocabulary
	snapshot *Snapshot
	names    map[string]bool
	problems *Problems
}

func (c *compiler) takeEntities(entities []Entity) {
	known := c.snapshot.entities
	for _, entity := range c.words.actionEntities() {
		known[entity.UID] = &prepared{entity: entity}
	}
	for _, uid := range c.words.administrations() {
		known[uid] = &prepared{entity: types.Entity{UID: uid}}
	}
	for _, entity := range entities {
		ready, err := c.words.prepare(&entity)
		switch uid := entity.cedar(); {
		case err != nil:
			c.problems.add(Problem{Message: err.Error()})
		case known[uid] != nil && entity.Type != Administration:
			c.problems.add(Problem{Message: fmt.Sprintf("%s is given twice", uid)})
		default:
			known[uid] = ready
		}
	}
}

func (c *compiler) takeDocument(document Document) {
	if err := checkText(document); err != nil {
		c.problems.add(Problem{Document: document.ID, Message: err.Error()})
		return
	}
	policies, err := cedar.NewPolicyListFromBytes(document.ID, []byte(document.Text))
	if err != nil {
		c.problems.add(located(document.ID, err))
		return
	}
	for i, parsed := range policies {
		c.takePolicy(document.ID, fmt.Sprintf("%s#%d", document.ID, i+1), parsed)
	}
}

func (c *compiler) takePolicy(document, name string, parsed *cedar.Policy) {
	r := &rule{document: document, policy: parsed, ast: (*ast.Policy)(parsed.AST())}
	var err error
	if r.notes, err = readNotes(r.ast); r.id != "" && err == nil {
		name = r.id
	}
	r.name = name
	complain := func(message string) {
		at := parsed.Position()
		c.problems.add(Problem{document, name, at.Line, at.Column, message})
	}
	switch {
	case err != nil:
		complain(err.Error())
	case c.names[name]:
		complain("another policy has this name")
	}
	c.names[name] = true
	if err := c.words.validator.Policy("", r.ast); err != nil {
		complain(err.Error())
	}
	for _, uid := range r.mentions() {
		if c.snapshot.entities[uid] == nil && uid.Type != User {
			complain(fmt.Sprintf("there is no %s", uid))
		}
	}
	c.snapshot.rules = append(c.snapshot.rules, r)
}

// mentions lists the entities that the policy names, in its scope and its conditions.
func (r *rule) mentions() []types.EntityUID {
	var found []types.EntityUID
	for _, scope := range []ast.IsScopeNode{r.ast.Principal, r.ast.Action, r.ast.Resource} {
		found = append(found, scopeOf(scope).uids...)
	}
	for _, condition := range r.ast.Conditions {
		ast.Inspect(ast.NewNode(condition.Body), func(node ast.IsNode) bool {
			if value, ok := node.(ast.NodeValue); ok {
				found = append(found, entitiesIn(value.Value)...)
			}
			return true
		})
	}
	return found
}

func entitiesIn(value types.Value) (found []types.EntityUID) {
	switch v := value.(type) {
	case types.EntityUID:
		return []types.EntityUID{v}
	case types.Set:
		for element := range v.All() {
			found = append(found, entitiesIn(element)...)
		}
	case types.Record:
		for element := range v.Values() {
			found = append(found, entitiesIn(element)...)
		}
	}
	return found
}

func versionOf(ordered []Document) string {
	h := sha256.New()
	for _, document := range ordered {
		_, _ = fmt.Fprintf(h, "%d:%s%d:%s", len(document.ID), document.ID, len(document.Text), document.Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
