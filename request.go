package symbolon

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

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

// Members are what the detail says; numbers as they are written.
func (d Detail) Members() map[string]any {
	decoder := json.NewDecoder(strings.NewReader(string(d)))
	decoder.UseNumber()
	var members map[string]any
	_ = decoder.Decode(&members) // what is no object has none
	return members
}

// Type is its type (RFC 9396 §2).
func (d Detail) Type() string {
	name, _ := d.Members()["type"].(string)
	return name
}

// Words are the description for people, with each {name} replaced by what the detail says there:
// {amount.value} is a member of a member. Only text and numbers are shown, cut to a line.
func (t DetailType) Words(d Detail) string {
	members := d.Members()
	return placeholder.ReplaceAllStringFunc(t.Description, func(found string) string {
		var value any = members
		for _, name := range strings.Split(strings.Trim(found, "{}"), ".") {
			inner, _ := value.(map[string]any)
			value = inner[name]
		}
		switch v := value.(type) {
		case string:
			return line(v)
		case json.Number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		}
		return "–"
	})
}

var placeholder = regexp.MustCompile(`\{[a-zA-Z0-9_.-]{1,64}\}`)

const maxWord = 120 // characters of one value on the consent page

func line(text string) string {
	kept := make([]rune, 0, maxWord)
	for _, r := range text {
		if !unicode.IsPrint(r) {
			r = '·' // direction marks and line breaks could make it read otherwise
		}
		if len(kept) == maxWord {
			return string(kept) + "…"
		}
		kept = append(kept, r)
	}
	return string(kept)
}
