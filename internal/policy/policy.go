// Package policy decides who may do what: Cedar policies, compiled once, judged purely.
//
// The laws:
//
//   - [Snapshot.Decide] does no I/O and knows no clock: the same snapshot and request give the
//     same decision, at the issuer, at a broker, in a test.
//   - Nothing is permitted unless a policy permits it, and no forbid is ever lost: an unknown
//     action, a malformed request, a policy that cannot be evaluated, no snapshot at all – each
//     is [Deny].
//   - A [Challenge] is truthful. A forbid may name its remedy; only where every forbid in the way
//     does, a policy permits besides, and the same request with the remedies met is allowed on
//     this very snapshot, is the answer a challenge.
//   - A typo never changes meaning in silence: [Compile] refuses unknown annotations, types,
//     actions, attributes and entities, and duplicate names.
//
// Flow: documents → parse → annotations → schema check → an index by action, resource and
// principal. A request is converted once, picks the few policies whose scope can match, and
// Cedar evaluates those. A snapshot remembers its answers: the same question, as far as those
// policies can tell, is not evaluated twice.
//
// Annotations: @id("name") names a policy; @remedy("acr=phr max_age=300") on a forbid says what
// would lift it; @mode("observe") makes a policy judged and reported but never enforced;
// @description("…") is for people.
package policy

import "symbolon.dev"

// Document is a text of Cedar policies. They are named by @id, else "<document>#<n>" from 1.
type Document struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// UID names an entity: one of the types of the schema, and its id.
type UID struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// The entity types of the schema.
const (
	User           = "User"
	Service        = "Service"
	Group          = "Group"
	Organisation   = "Organisation"
	Resource       = "Resource"
	Administration = "Administration"
)

// Entity is something that policies speak of. Attribute values are string, bool, int, int64, UID,
// []string or []UID. One from [Snapshot.Prepare] is already converted; its fields are then no
// longer read.
type Entity struct {
	UID
	Parents    []UID          `json:"parents,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`

	prepared *prepared
}

// Request is a question. An entity given with it wins over the snapshot's of the same UID; one
// given as a bare UID is the snapshot's, if that knows it.
//
// Context holds what the schema declares for the action; values as in [Entity], and where the
// schema wants an entity a plain string is its id. Level and phishing_resistant follow from acr,
// delegated from actors: leave them out, or be consistent. Also acr, auth_age, amr, scopes, actors,
// from and subject_groups may be left out: nothing is known then (auth_age: longest ago). Anything
// else missing, unknown or of a wrong type is a [Deny] that says so.
type Request struct {
	Principal Entity
	Action    string
	Resource  Entity
	Context   map[string]any
}

// Effect is the outcome. The zero value permits nothing.
type Effect string

const (
	Allow     Effect = "allow"
	Deny      Effect = "deny"
	Challenge Effect = "challenge" // denied now; what Remedies name would turn it into Allow
)

func (e Effect) String() string { return string(e) }

// Decision is the answer, with what made it.
type Decision struct {
	Effect   Effect
	Policies []string          // sorted: that permitted, or that stood in the way
	Version  string            // of the policy set
	Remedies []symbolon.Remedy // of a Challenge: one, the strictest of all that are needed
	Observed []Observation     // what policies in observe mode would have done; sorted by policy
	Errors   []string          // why a policy or the request could not be evaluated
	Reason   string            // in plain words
}

// Allowed reports whether the request may go on.
func (d *Decision) Allowed() bool { return d.Effect == Allow }

// Observation is what a policy in observe mode would have said.
type Observation struct {
	Policy string `json:"policy"`
	Effect Effect `json:"effect"` // Challenge for a forbid that names a remedy
	Error  string `json:"error,omitempty"`
}
