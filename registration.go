package symbolon

import "time"

// ClientLogout is where a client hears that a session of its people is over, beside its
// post_logout_redirect_uris.
type ClientLogout struct {
	BackchannelLogoutURI      string `json:"backchannel_logout_uri,omitempty"`               // OpenID Connect Back-Channel Logout 1.0 §2.2
	BackchannelLogoutSession  bool   `json:"backchannel_logout_session_required,omitempty"`  // our logout tokens always name the session
	FrontchannelLogoutURI     string `json:"frontchannel_logout_uri,omitempty"`              // OpenID Connect Front-Channel Logout 1.0 §2
	FrontchannelLogoutSession bool   `json:"frontchannel_logout_session_required,omitempty"` // our frames always name it too
}

// ClientDescription is what a client says of itself that decides nothing (RFC 7591 §2, OpenID
// Connect Dynamic Client Registration 1.0 §2).
type ClientDescription struct {
	ApplicationType  string   `json:"application_type,omitempty"` // "web" (default) or "native"
	ClientURI        string   `json:"client_uri,omitempty"`       // its home page
	Contacts         []string `json:"contacts,omitempty"`         // e-mail addresses of its operators; shown to administrators alone
	InitiateLoginURI string   `json:"initiate_login_uri,omitempty"`
	SoftwareID       string   `json:"software_id,omitempty"`
	SoftwareVersion  string   `json:"software_version,omitempty"`
}

// Registration marks a client that nobody declared: it registered itself (RFC 7591), and whoever
// holds the registration access token may change it (RFC 7592).
type Registration struct {
	At        time.Time `json:"at"`
	By        string    `json:"by,omitempty"`                 // user or client that let it; "" = anybody might
	Statement string    `json:"software_statement,omitempty"` // issuer of the software statement, if it came with one
	Token     string    `json:"access_token_sha256"`          // hex, of the registration access token
}
