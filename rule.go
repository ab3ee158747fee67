package symbolon

import "encoding/json"

// Mapping computes one claim of a token by a CEL expression over named sources.
type Mapping struct {
	Claim string `json:"claim"`
	Expr  string `json:"expr"`
	PII   bool   `json:"pii,omitempty"` // the claim is personal data, whatever the expression reads
}

// Hook is a web address that is asked for facts when a token is made. It gets a signed JWT.
type Hook struct {
	URL       string   `json:"url"`
	Timeout   Duration `json:"timeout,omitempty"`   // default 1 s, at most 5 s
	Anonymous bool     `json:"anonymous,omitempty"` // its answers hold no personal data; without it, none reach an external resource
}

// Encryption says to which key, and how, something is encrypted (RFC 7516).
type Encryption struct {
	Key       json.RawMessage `json:"key"`                 // public JWK
	Algorithm string          `json:"algorithm,omitempty"` // "ECDH-ES+A256KW" (default of EC keys) or "RSA-OAEP-256"
	Content   string          `json:"content,omitempty"`   // "A256GCM" (default)
}

// Widening is a named exception: this client's exchanges for the resource may add these scopes,
// if the request is about one transaction, whose id is bound into the token.
type Widening struct {
	Name   string     `json:"name"`
	Client ClientID   `json:"client"`
	From   ResourceID `json:"from"` // the audience of the subject token
	Scopes []string   `json:"scopes"`
}

// External reports whether what the resource is told leaves the house. Declared zones count; of
// the others only those are inside that our broker serves and that no client reads tokens of.
func (r *Resource) External() bool {
	if r.Zone != "" {
		return r.Zone != "internal"
	}
	return r.Upstream == nil || r.Token.Format == "jwt"
}
