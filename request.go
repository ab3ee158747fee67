package symbolon

import "encoding/json"

// ClientRequests says how a client asks people for authorization, and how it is answered.
type ClientRequests struct {
	Profile              string   `json:"profile,omitempty"`                               // "baseline" (default), "fapi2", "fapi2-message-signing", "mcp"; see internal/profile
	RequirePushed        bool     `json:"require_pushed_authorization_requests,omitempty"` // RFC 9126 §6
	RequireSignedRequest bool     `json:"require_signed_request_object,omitempty"`         // RFC 9101 §10.5
	RequestAlg           string   `json:"request_object_signing_alg,omitempty"`            // default any that is taken
	RequestURIs          []string `json:"request_uris,omitempty"`                          // where request objects may be fetched, byte for byte
	ResponseAlg          string   `json:"authorization_signed_response_alg,omitempty"`     // JARM §3; default ES256
	DetailTypes          []string `json:"authorization_details_types,omitempty"`           // RFC 9396 §10: that it may ask for
	RequiredScopes       []string `json:"required_scopes,omitempty"`                       // set = people may leave out any other
	RequireAuthTime      bool     `json:"require_auth_time,omitempty"`                     // this and the next two: OpenID Connect Registration 1.0 §2
	DefaultMaxAge        *int64   `json:"default_max_age,omitempty"`                       // seconds
	DefaultACR           []ACR    `json:"default_acr_values,omitempty"`
}

// DetailType is a kind of authorization detail that a resource understands (RFC 9396 §2). Its name
// is unique at the issuer.
type DetailType struct {
	Type        string          `json:"type"`
	Description string          `json:"description,omitempty"` // for the consent page; {name} stands for a member of the detail
	Schema      json.RawMessage `json:"schema"`                // JSON Schema of the whole detail, its type included
}

// Detail is one authorization detail: a JSON object in canonical form (RFC 8785), so that equal
// ones are equal strings.
type Detail string
