package symbolon

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// EventType names what happened; dots group.
type EventType string

const (
	SessionStarted       EventType = "session.started"
	SessionRaised        EventType = "session.raised"
	SessionEnded         EventType = "session.ended"
	LoginFailed          EventType = "login.failed"
	AuthorizationGranted EventType = "authorization.granted"

	AuthorizationRequested EventType = "authorization.requested" // a client asks a person who is elsewhere; Data of these three: grant
	AuthorizationApproved  EventType = "authorization.approved"
	AuthorizationDenied    EventType = "authorization.denied"

	AuthorizationRevoked EventType = "authorization.revoked"
	TokenRevoked         EventType = "token.revoked"
	TokenReplayed        EventType = "token.replayed" // a code or refresh token was used twice
	ConsentGiven         EventType = "consent.given"
	CredentialAdded      EventType = "credential.added"
	CredentialRenamed    EventType = "credential.renamed"
	CredentialRemoved    EventType = "credential.removed"
	EnrolmentCreated     EventType = "enrolment.created"
	UserCreated          EventType = "user.created"
	UserChanged          EventType = "user.changed"
	UserDisabled         EventType = "user.disabled"
	UserEnabled          EventType = "user.enabled"
	UserDeleted          EventType = "user.deleted"
	ClientDisabled       EventType = "client.disabled"
	ObjectChanged        EventType = "object.changed" // Data: kind, id, version
	ObjectDeleted        EventType = "object.deleted"
	KeyRotated           EventType = "key.rotated"
	StreamCreated        EventType = "stream.created" // Data of these three: stream_id
	StreamDeleted        EventType = "stream.deleted"
	StreamVerification   EventType = "stream.verification" // and state, if the receiver gave one
)

// Event is one entry of the ordered, hash-chained log: the audit trail and the feed at once.
// It commits with the change that it tells of. It holds ids, never secrets; personal data
// only in Data of the events that are about it.
type Event struct {
	Seq           int64           `json:"seq"` // given by the store, without gaps, in commit order
	ID            EventID         `json:"id"`
	At            time.Time       `json:"at"`
	Type          EventType       `json:"type"`
	Actor         string          `json:"actor,omitempty"` // user or client id; "system"
	User          UserID          `json:"user,omitempty"`
	Session       SessionID       `json:"session,omitempty"`
	Client        ClientID        `json:"client,omitempty"`
	Resource      ResourceID      `json:"resource,omitempty"`
	Authorization AuthorizationID `json:"authorization,omitempty"`
	Token         TokenID         `json:"token,omitempty"`
	Credential    CredentialID    `json:"credential,omitempty"`
	Reason        string          `json:"reason,omitempty"`
	RequestID     string          `json:"request_id,omitempty"`
	Data          map[string]any  `json:"data,omitempty"`
	Chain         Hash            `json:"-"` // SHA-256 over the previous entry's Chain and this entry
}

// Link computes the chain value of e after an entry whose chain value is previous.
func (e Event) Link(previous Hash) (Hash, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256(append(previous[:], body...)), nil
}

// LedgerEntry counts one canonical input of one hour: who used what, and what was decided.
type LedgerEntry struct {
	Hour     time.Time `json:"hour"`
	Kind     string    `json:"kind"`   // "issue", "access", "exchange", "introspect", "login", "admin"
	Effect   string    `json:"effect"` // "allow", "deny", "challenge"
	Subject  string    `json:"subject,omitempty"`
	Client   string    `json:"client,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Action   string    `json:"action,omitempty"`
	Policies []string  `json:"policies,omitempty"`
	Version  string    `json:"version,omitempty"` // of the policy set
	Reason   string    `json:"reason,omitempty"`
	Count    int64     `json:"count"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Request  string    `json:"request,omitempty"` // the last request id, to find it in the access log
}

// EventQuery narrows a search of the log. Zero fields do not narrow.
type EventQuery struct {
	Types   []EventType // any of them
	Actor   string
	Subject string // an id that any field but Actor holds
	From    time.Time
	To      time.Time // exclusive
	Before  int64     // a Seq, exclusive: the page before
	Limit   int
}

// LedgerQuery narrows a search of the ledger. Zero fields do not narrow.
type LedgerQuery struct {
	Kind, Effect, Subject, Client, Resource string

	From  time.Time // of the hour
	To    time.Time // exclusive
	Limit int
}
