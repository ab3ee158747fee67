package symbolon

import (
	"strconv"
	"time"
)

// User is a person. What the fields hold about them is personal data except ID, Groups,
// Organisation, Department, Employment and Disabled.
type User struct {
	ID           UserID               `json:"id"`
	Login        string               `json:"login"` // unique, compared case-folded
	Name         string               `json:"name,omitempty"`
	Email        string               `json:"email,omitempty"`
	Organisation OrganisationID       `json:"organisation,omitempty"`
	Department   string               `json:"department,omitempty"`
	Employment   string               `json:"employment,omitempty"` // employee, contractor, partner, …
	Groups       []GroupID            `json:"groups,omitempty"`
	Attributes   map[string]Attribute `json:"attributes,omitempty"`
	PasswordHash string               `json:"-"` // PHC string, argon2id; "" = no password
	Disabled     bool                 `json:"disabled,omitempty"`
	Created      time.Time            `json:"created"`
	Updated      time.Time            `json:"updated"`
}

// Attribute is a claim about a person, with where it comes from and how fresh it is.
type Attribute struct {
	Value  any       `json:"value"`
	Source string    `json:"source,omitempty"` // "declared", "scim", an upstream's id, …
	At     time.Time `json:"at"`
	PII    bool      `json:"pii,omitempty"`
}

// Credential is an authenticator of a user. Data is the method's own JSON, sealed at rest.
type Credential struct {
	ID       CredentialID `json:"id"`
	User     UserID       `json:"user"`
	Kind     string       `json:"kind"` // "passkey", later "totp", "recovery", …
	Name     string       `json:"name"`
	Handle   []byte       `json:"-"` // unique look-up key, e.g. the WebAuthn credential id
	Data     []byte       `json:"-"`
	Created  time.Time    `json:"created"`
	LastUsed time.Time    `json:"last_used,omitzero"`
}

// Session is one person's life at the issuer after a login. Its secret lives in a cookie,
// only the hash is kept. It ends at Expires, after Idle without use, or when it is ended.
type Session struct {
	ID       SessionID     `json:"id"`
	User     UserID        `json:"user"`
	Secret   Hash          `json:"-"`
	ACR      ACR           `json:"acr"`
	AMR      []string      `json:"amr"` // RFC 8176
	AuthTime time.Time     `json:"auth_time"`
	Agent    string        `json:"agent,omitempty"` // browser and system in words, for the person's own list
	Created  time.Time     `json:"created"`
	LastSeen time.Time     `json:"last_seen"`
	Expires  time.Time     `json:"expires"`
	Idle     time.Duration `json:"-"`
	Ended    time.Time     `json:"ended,omitzero"`
}

// Live reports whether the session can still be used at now.
func (s *Session) Live(now time.Time) bool {
	return s.Ended.IsZero() && now.Before(s.Expires) && now.Before(s.LastSeen.Add(s.Idle))
}

// Consent is what a person allowed a client to have at a resource.
type Consent struct {
	User     UserID     `json:"user"`
	Client   ClientID   `json:"client"`
	Resource ResourceID `json:"resource"`
	Scopes   []string   `json:"scopes"`
	Declined []string   `json:"declined,omitempty"` // optional scopes that were asked for and left out
	Details  []Detail   `json:"authorization_details,omitempty"`
	At       time.Time  `json:"at"`
}

// Supersede is the mark that lets one writer alone replace this version of u. It goes into the
// commit beside [PutUser] or [DeleteUser]; whoever read the same version and comes second gets
// Conflict, reads again and starts over. The successor's Updated must differ.
func (u *User) Supersede(now time.Time) MarkOnce {
	version := "user/" + string(u.ID) + "/" + strconv.FormatInt(u.Updated.UnixMicro(), 10)
	return MarkOnce{Key: HashOf(version), Expires: now.Add(time.Hour)}
}
