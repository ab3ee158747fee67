package symbolon

import "time"

// Change is one step of a transition. A store commits a list of them atomically, in order;
// the first that cannot hold fails the whole list with an [*Error] of kind [Conflict] or
// [NotFound] and leaves nothing behind. [Event] is a Change itself: a transition and the
// news of it cannot be separated.
type Change interface{ change() }

type (
	// PutUser inserts or replaces a person; Conflict if the login belongs to another.
	PutUser struct{ User User }
	// DeleteUser removes a person and their credentials and consents.
	DeleteUser struct{ ID UserID }
	// PutCredential inserts or replaces; Conflict if the handle belongs to another credential.
	PutCredential struct{ Credential Credential }
	// DeleteCredential fails with NotFound unless the credential is the user's.
	DeleteCredential struct {
		ID   CredentialID
		User UserID
	}
	// PutConsent replaces what the user allowed this client at this resource.
	PutConsent struct{ Consent Consent }

	// PutObject writes a declared object. Was is the version it replaces (0 = it is new);
	// Conflict if that is not the version found. The stored version is Was+1.
	PutObject struct {
		Object Object
		Was    int64
	}
	// DeleteObject fails with NotFound if there is none.
	DeleteObject struct{ Kind, ID string }

	// PutSession inserts a session or replaces one that has not ended (Conflict if it has).
	PutSession struct{ Session Session }
	// TouchSession moves LastSeen forward; it never moves it back and never fails.
	TouchSession struct {
		ID SessionID
		At time.Time
	}
	// EndSession fails with NotFound if there is no such session, with Conflict if it has ended.
	EndSession struct {
		ID SessionID
		At time.Time
	}

	// PutAuthorization records what a person gave a client.
	PutAuthorization struct{ Authorization Authorization }
	// IssueToken stores a new opaque token; Conflict if the hash is there.
	IssueToken struct{ Token Token }
	// UseToken marks a refresh token as rotated; Conflict if it is already, NotFound if unknown.
	UseToken struct {
		Hash Hash
		At   time.Time
	}
	// IssueTicket stores something single-use.
	IssueTicket struct{ Ticket Ticket }
	// UseTicket uses it: Conflict if used before, NotFound if unknown or of another kind.
	UseTicket struct {
		Hash          Hash
		Kind          TicketKind
		At            time.Time
		Authorization AuthorizationID // what this use gives; may be ""
	}
	// MarkOnce remembers a value that must not come again before Expires; Conflict if it has come.
	MarkOnce struct {
		Key     Hash
		Expires time.Time
	}
	// Revoke records a revocation; a second one for the same target only widens it.
	Revoke struct{ Revocation Revocation }

	// PutKey inserts or replaces a signing key.
	PutKey struct{ Key SigningKey }

	// PutStream inserts or replaces a subscription, Cursor and LastSeen excepted once it exists.
	PutStream struct{ Stream Stream }
	// AckStream moves a subscription's cursor forward, never back, and its LastSeen to At.
	AckStream struct {
		ID     StreamID
		Cursor int64
		At     time.Time
	}
	// DeleteStream fails with NotFound if there is none.
	DeleteStream struct{ ID StreamID }

	// Attempt counts a failure under a key until Expires, so that a throttle holds across replicas.
	Attempt struct {
		Key     string
		At      time.Time
		Expires time.Time
	}
	// ClearAttempts forgets the failures under a key.
	ClearAttempts struct{ Key string }
)

func (Event) change()            {}
func (PutUser) change()          {}
func (DeleteUser) change()       {}
func (PutCredential) change()    {}
func (DeleteCredential) change() {}
func (PutConsent) change()       {}
func (PutObject) change()        {}
func (DeleteObject) change()     {}
func (PutSession) change()       {}
func (TouchSession) change()     {}
func (EndSession) change()       {}
func (PutAuthorization) change() {}
func (IssueToken) change()       {}
func (UseToken) change()         {}
func (IssueTicket) change()      {}
func (UseTicket) change()        {}
func (MarkOnce) change()         {}
func (Revoke) change()           {}
func (PutKey) change()           {}
func (PutStream) change()        {}
func (AckStream) change()        {}
func (DeleteStream) change()     {}
func (Attempt) change()          {}
func (ClearAttempts) change()    {}
