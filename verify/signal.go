package verify

import (
	"encoding/json"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Event types that the product sends and understands (CAEP 1.0 §3, RISC 1.0 §2, SSF 1.0 §8.1).
const (
	SessionRevoked       = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	TokenClaimsChange    = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change"
	CredentialChange     = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	AssuranceLevelChange = "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change"
	AccountDisabled      = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
	AccountEnabled       = "https://schemas.openid.net/secevent/risc/event-type/account-enabled"
	AccountPurged        = "https://schemas.openid.net/secevent/risc/event-type/account-purged"
	TokenRevoked         = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked"
	AuthorizationRevoked = "https://symbolon.dev/secevent/authorization-revoked" // sub_id: opaque, the grant_id
	ClientDisabled       = "https://symbolon.dev/secevent/client-disabled"       // sub_id: opaque, the client_id
	CatalogChanged       = "https://symbolon.dev/secevent/catalog-changed"
	KeyRotated           = "https://symbolon.dev/secevent/key-rotated" // sub_id: uri, the issuer
	StreamVerification   = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	StreamUpdated        = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

// Signals lists the event types that withdraw or change trust; a [Receiver] asks for them unless told otherwise.
func Signals() []string {
	return []string{SessionRevoked, TokenClaimsChange, CredentialChange, AssuranceLevelChange, AccountDisabled, AccountEnabled,
		AccountPurged, TokenRevoked, AuthorizationRevoked, ClientDisabled, CatalogChanged, KeyRotated}
}

// Delivery methods of SSF streams.
const (
	DeliveryPush = "urn:ietf:rfc:8935"
	DeliveryPoll = "urn:ietf:rfc:8936"
)

// Signal is one security event (RFC 8417) that a [Receiver] has verified.
type Signal struct {
	Type    string    // the event's URI
	ID      string    // jti of the SET
	At      time.Time // event_timestamp, else toe, else iat
	Subject SubjectID
	Data    map[string]any // the event's own members
}

// SubjectID is whom or what a signal is about (RFC 9493). More than one field narrows it down: a
// Session of a User is that session alone.
type SubjectID struct {
	User          string // iss_sub of the issuer, or the user of a complex subject
	Session       string // sid
	Client        string // client_id
	Token         string // jti of a token
	Authorization string // grant_id
}

// about lists the names by which tokens that a signal concerns can be found, the narrowest only.
func (s SubjectID) about() []name {
	var names []name
	for _, n := range [...]name{{byToken, s.Token}, {byAuthorization, s.Authorization}, {bySession, s.Session}, {byClient, s.Client}} {
		if n.id != "" {
			names = append(names, n)
		}
	}
	if len(names) == 0 && s.User != "" {
		names = append(names, name{byUser, s.User})
	}
	return names
}

// name is one way to call a token: by its jti, sid, grant_id, sub or client_id.
type name struct {
	by byte
	id string
}

const (
	byToken, byAuthorization, bySession, byUser, byClient = 't', 'g', 's', 'u', 'c'
)

// namesOf lists every way to call the token of these claims. A subject may be a person or a
// client, so it is both.
func namesOf(c *token.Claims) []name {
	names := make([]name, 0, 8)
	for _, n := range [...]name{{byToken, c.ID}, {byAuthorization, c.Authorization}, {bySession, c.SessionID},
		{byUser, c.Subject}, {byClient, c.Subject}, {byClient, c.ClientID}} {
		if n.id != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, ancestor := range token.Ancestors(c) { // a token that it was made from, or the client that held that
		names = append(names, name{byToken, ancestor}, name{byClient, ancestor})
	}
	for _, actor := range c.Actor.Chain() {
		names = append(names, name{byClient, actor}, name{byUser, actor})
	}
	return names
}

// set is the payload of a security event token in the form that SSF 1.0 §4 gives it.
type set struct {
	Issuer   string                     `json:"iss"`
	ID       string                     `json:"jti"`
	IssuedAt *float64                   `json:"iat"`
	Happened *float64                   `json:"toe"` // RFC 8417 §2.2
	Audience audience                   `json:"aud"`
	Subject  json.RawMessage            `json:"sub_id"`
	Events   map[string]json.RawMessage `json:"events"`
}

// audience reads a string or an array (RFC 7519 §4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*a = make([]string, 1)
		return json.Unmarshal(data, &(*a)[0])
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// signals reads the events of a SET, in the order of their types.
func (s *set) signals(issuer string) ([]Signal, error) {
	var out []Signal
	for uri, raw := range s.Events {
		signal := Signal{Type: uri, ID: s.ID, At: seconds(*s.IssuedAt)}
		if s.Happened != nil {
			signal.At = seconds(*s.Happened)
		}
		if err := json.Unmarshal(raw, &signal.Data); err != nil {
			return nil, symbolon.Errorf(symbolon.Invalid, "the event %s is malformed", uri).Because(err)
		}
		if at, ok := signal.Data["event_timestamp"].(float64); ok { // CAEP 1.0 §2
			signal.At = seconds(at)
		}
		var err error
		if signal.Subject, err = parseSubject(s.Subject, issuer, uri); err != nil {
			return nil, err
		}
		out = append(out, signal)
	}
	slices.SortFunc(out, func(a, b Signal) int {
		if a.Type < b.Type {
			return -1
		}
		return 1
	})
	return out, nil
}

func seconds(s float64) time.Time {
	const maxDate = 253402300799 // the end of the year 9999
	if !(s >= 0 && s <= maxDate) {
		return time.Time{}
	}
	return time.UnixMicro(int64(s * 1e6)).UTC()
}

// subject is a subject identifier, simple or complex (RFC 9493 §3, SSF 1.0 §3).
type subject struct {
	Format  string   `json:"format"`
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	ID      string   `json:"id"`
	JWTID   string   `json:"jti"`
	User    *subject `json:"user"`
	Session *subject `json:"session"`
}

func parseSubject(raw json.RawMessage, issuer, event string) (SubjectID, error) {
	var s subject
	if len(raw) == 0 {
		return SubjectID{}, nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return SubjectID{}, symbolon.Errorf(symbolon.Invalid, "the subject of the event is malformed").Because(err)
	}
	var out SubjectID
	switch s.Format {
	case "complex":
		out.User, out.Session = s.User.user(issuer), s.Session.opaque()
	case "iss_sub":
		out.User = s.user(issuer)
	case "jwt_id":
		if s.Issuer == issuer {
			out.Token = s.JWTID
		}
	case "opaque":
		switch event {
		case AuthorizationRevoked:
			out.Authorization = s.ID
		case ClientDisabled:
			out.Client = s.ID
		case SessionRevoked, AssuranceLevelChange:
			out.Session = s.ID
		}
	}
	return out, nil
}

func (s *subject) user(issuer string) string {
	if s == nil || s.Format != "iss_sub" || s.Issuer != issuer {
		return ""
	}
	return s.Subject
}

func (s *subject) opaque() string {
	if s == nil || s.Format != "opaque" {
		return ""
	}
	return s.ID
}
