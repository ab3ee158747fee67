package policy

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"symbolon.dev"
)

// Decide answers a request. It is pure and safe for concurrent use. The lists in a decision are
// shared; do not modify them.
func (s *Snapshot) Decide(r Request) Decision {
	if s == nil {
		return Decision{Effect: Deny, Reason: "no policies are loaded"}
	}
	q, err := s.ask(&r)
	if err != nil {
		return s.unjudged(err)
	}
	key, lasting := q.question(&r)
	if lasting {
		if known, ok := s.memo.find(key); ok {
			return known
		}
	}
	decision := s.decide(q, &r)
	if lasting {
		s.memo.keep(key, decision)
	}
	return decision
}

func (s *Snapshot) decide(q *query, r *Request) Decision {
	decision, err := q.judgeIn(r.Context)
	if err != nil {
		return s.unjudged(err)
	}
	if decision.Effect == Challenge && !s.lifts(r, decision.Remedies[0]) {
		decision.Effect, decision.Remedies = Deny, nil
		decision.Reason += ", and authenticating again would not lift it"
	}
	return decision
}

func (s *Snapshot) unjudged(err error) Decision {
	return Decision{Effect: Deny, Version: s.version, Errors: []string{err.Error()},
		Reason: "the request cannot be judged: " + err.Error()}
}

// query is one request in Cedar's form, with the policies that can apply.
type query struct {
	snapshot            *Snapshot
	cedar               types.Request
	principal, resource *prepared
	buckets             []*bucket
	shape               *shape
	uses                uint64 // attributes of the context that the picked policies read
}

func (s *Snapshot) ask(r *Request) (*query, error) {
	t, ok := s.tables[r.Action]
	if !ok {
		return nil, fmt.Errorf("there is no action %q", r.Action)
	}
	q := &query{snapshot: s, shape: t.shape}
	var err error
	if q.principal, err = s.entity(&r.Principal, t.shape.principals); err != nil {
		return nil, fmt.Errorf("the principal of %s: %w", t.shape.uid, err)
	}
	if q.resource, err = s.entity(&r.Resource, t.shape.resources); err != nil {
		return nil, fmt.Errorf("the resource of %s: %w", t.shape.uid, err)
	}
	q.buckets = t.find(q)
	for _, b := range q.buckets {
		q.uses |= b.uses
	}
	q.cedar = types.Request{Principal: q.principal.entity.UID, Action: t.shape.uid, Resource: q.resource.entity.UID}
	return q, t.shape.check(r.Context)
}

// entity readies a request's principal or resource.
func (s *Snapshot) entity(given *Entity, allowed []types.EntityType) (*prepared, error) {
	if !slices.Contains(allowed, types.EntityType(given.Type)) {
		return nil, fmt.Errorf("it cannot be a %q", given.Type)
	}
	if given.ID == "" {
		return nil, fmt.Errorf("it has no id")
	}
	if given.prepared == nil && given.Parents == nil && given.Attributes == nil {
		if known, ok := s.entities[given.cedar()]; ok {
			return known, nil
		}
	}
	return s.words.prepare(given)
}

// find picks the buckets whose policies' scope can match.
func (t *table) find(q *query) []*bucket {
	var uids [16]types.EntityUID
	var rows [8]*slot[*bucket]
	matching := t.rows.find(rows[:0], q.snapshot.lineage(uids[:0], q.resource), q.resource.entity.UID.Type)
	principals := q.snapshot.lineage(uids[:0], q.principal)
	found := make([]*bucket, 0, 8)
	for _, row := range matching {
		found = row.find(found, principals, q.principal.entity.UID.Type)
	}
	return found
}

// Get finds an entity while Cedar evaluates: the request's own first.
func (q *query) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid {
	case q.principal.entity.UID:
		return q.principal.entity, true
	case q.resource.entity.UID:
		return q.resource.entity, true
	}
	if known, ok := q.snapshot.entities[uid]; ok {
		return known.entity, true
	}
	return types.Entity{}, false
}

// judgeIn converts of a checked context what is read, and judges.
func (q *query) judgeIn(context map[string]any) (Decision, error) {
	converted, err := q.shape.record(context, q.uses)
	if err != nil {
		return Decision{}, err
	}
	q.cedar.Context = converted
	return q.judge(), nil
}

func (q *query) judge() Decision {
	forbids, failed := q.evaluate(func(b *bucket) []*rule { return b.forbids })
	permits, failedPermits := q.evaluate(func(b *bucket) []*rule { return b.permits })
	decision := Decision{Version: q.snapshot.version, Observed: q.observe()}
	failed = append(failed, failedPermits...)
	switch {
	case len(failed) > 0:
		decision.fail(failed)
	case len(forbids) > 0:
		decision.forbid(q, forbids, len(permits) > 0)
	case len(permits) > 0:
		decision.Effect, decision.Policies, decision.Reason = Allow, names(permits), "permitted"
	default:
		decision.Effect, decision.Reason = Deny, "no policy permits this"
	}
	return decision
}

func (d *Decision) fail(failed []types.DiagnosticError) {
	for _, failure := range failed {
		d.Policies = append(d.Policies, string(failure.PolicyID))
		d.Errors = append(d.Errors, fmt.Sprintf("policy %s: %s", failure.PolicyID, failure.Message))
	}
	slices.Sort(d.Errors)
	d.Policies = sorted(d.Policies)
	d.Effect, d.Reason = Deny, "a policy could not be evaluated: "+strings.Join(d.Policies, ", ")
}

func (d *Decision) forbid(q *query, forbids []types.DiagnosticReason, permitted bool) {
	d.Effect, d.Policies = Deny, names(forbids)
	d.Reason = "forbidden by " + strings.Join(d.Policies, ", ")
	if !permitted {
		d.Reason += ", and no policy permits this"
		return
	}
	if remedy, ok := q.remedy(forbids); ok {
		d.Effect, d.Remedies = Challenge, []symbolon.Remedy{remedy}
	}
}

// evaluate runs the picked policies of one sort: those that match, those that fail.
func (q *query) evaluate(sort func(*bucket) []*rule) ([]types.DiagnosticReason, []types.DiagnosticError) {
	_, found := cedar.Authorize(picked{q.buckets, sort}, q, q.cedar)
	return found.Reasons, found.Errors
}

// picked is a set of policies as Cedar iterates over it.
type picked struct {
	buckets []*bucket
	sort    func(*bucket) []*rule
}

func (p picked) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, b := range p.buckets {
			for _, r := range p.sort(b) {
				if !yield(cedar.PolicyID(r.name), r.policy) {
					return
				}
			}
		}
	}
}

// observe runs the policies that are only reported, each by itself.
func (q *query) observe() (seen []Observation) {
	for _, b := range q.buckets {
		for _, r := range b.observed {
			alone := picked{[]*bucket{{permits: []*rule{r}}}, func(b *bucket) []*rule { return b.permits }}
			effect, found := cedar.Authorize(alone, q, q.cedar)
			switch {
			case len(found.Errors) > 0:
				seen = append(seen, Observation{r.name, Deny, found.Errors[0].Message})
			case effect == cedar.Allow:
				seen = append(seen, Observation{Policy: r.name, Effect: Allow})
			case len(found.Reasons) > 0 && r.notes.remedy != nil:
				seen = append(seen, Observation{Policy: r.name, Effect: Challenge})
			case len(found.Reasons) > 0:
				seen = append(seen, Observation{Policy: r.name, Effect: Deny})
			}
		}
	}
	slices.SortFunc(seen, func(a, b Observation) int { return strings.Compare(a.Policy, b.Policy) })
	return seen
}

func names(reasons []types.DiagnosticReason) []string {
	list := make([]string, len(reasons))
	for i, reason := range reasons {
		list[i] = string(reason.PolicyID)
	}
	return sorted(list)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
