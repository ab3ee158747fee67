package symbolon

import "time"

// Authorization is what a person gave a client in one login: every code, refresh token and
// access token that comes of it hangs on it and dies with it.
type Authorization struct {
	ID        AuthorizationID `json:"id"`
	User      UserID          `json:"user"`
	Client    ClientID        `json:"client"`
	Session   SessionID       `json:"session"`
	Resources []ResourceID    `json:"resources"`
	Scopes    []string        `json:"scopes"`
	Details   []Detail        `json:"authorization_details,omitempty"`
	Userinfo  []string        `json:"userinfo_claims,omitempty"` // that the claims parameter asked for at userinfo
	ACR       ACR             `json:"acr"`
	AMR       []string        `json:"amr"`
	AuthTime  time.Time       `json:"auth_time"`
	Created   time.Time       `json:"created"`
	Expires   time.Time       `json:"expires"` // the absolute end of its refresh tokens
}

// TokenKind separates the opaque tokens that share a table.
type TokenKind string

const (
	AccessToken  TokenKind = "access"
	RefreshToken TokenKind = "refresh"
)

// Token is the record of an opaque token: found by hash, its claims sealed. JWTs have none.
type Token struct {
	Hash          Hash
	ID            TokenID
	Kind          TokenKind
	Authorization AuthorizationID // "" for a client acting for itself
	Session       SessionID       // "" likewise
	User          UserID          // "" likewise
	Client        ClientID
	Issued        time.Time
	Expires       time.Time
	Used          time.Time // when a refresh token was rotated
	Data          []byte    // sealed claims
}

// TicketKind separates what is handed out to be used exactly once.
type TicketKind string

const (
	CodeTicket      TicketKind = "code"      // RFC 6749 §4.1.2
	EnrolmentTicket TicketKind = "enrolment" // a link that lets a person add a first credential
	PushedTicket    TicketKind = "pushed"    // RFC 9126 request_uri

	DeviceTicket      TicketKind = "device"      // RFC 8628 device_code
	UserCodeTicket    TicketKind = "usercode"    // the way from a user code to it
	BackchannelTicket TicketKind = "backchannel" // CIBA auth_req_id; User is who is asked
	AnswerTicket      TicketKind = "answer"      // what a person said to one of those two, once
)

// Ticket is single-use. What was made of it is remembered, so that a replay can undo it.
type Ticket struct {
	Hash          Hash
	Kind          TicketKind
	User          UserID
	Authorization AuthorizationID // what the first use gave
	Expires       time.Time
	Used          time.Time
	Data          []byte // sealed
}

// Revocation makes everything that names Target dead: a token, authorization, session, user or
// client id. With a Before, only what was issued until then. It is kept until Until, when the last
// thing it could concern has expired by itself.
type Revocation struct {
	Target string
	Before time.Time // zero = everything, for ever
	Until  time.Time
}

// SigningKey is one of the issuer's keys, its private part sealed. Published from Created, it signs
// from Active to Retired, and verifies until Expires.
type SigningKey struct {
	ID      KeyID
	Alg     string
	Private []byte // sealed PKCS#8
	Created time.Time
	Active  time.Time
	Retired time.Time
	Expires time.Time
}

// Stream is a receiver's subscription to security events (OpenID SSF 1.0 §8.1).
type Stream struct {
	ID          StreamID
	Client      ClientID
	Delivery    string // urn:ietf:rfc:8936 (poll) or urn:ietf:rfc:8935 (push)
	Endpoint    string // the receiver's, for push
	Events      []string
	Description string
	Status      string // "enabled", "paused", "disabled"
	Cursor      int64  // every event up to here is acknowledged
	Created     time.Time
	LastSeen    time.Time
}
