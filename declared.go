package symbolon

import (
	"encoding/json"
	"time"
)

// Kinds of declared object: what `symbolon apply` makes true, beside people.
const (
	KindClient       = "client"
	KindResource     = "resource"
	KindPolicy       = "policy"
	KindGroup        = "group"
	KindOrganisation = "organisation"
)

// Object is a declared thing as it is kept: one JSON document with a version.
type Object struct {
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Version int64           `json:"version"` // grows by one with each change
	Doc     json.RawMessage `json:"doc"`
	Updated time.Time       `json:"updated"`
}

// Client is software that asks for tokens (RFC 6749 §2); a service is a client with a
// resource of its own. Field names follow RFC 7591 where it has one.
type Client struct {
	ID                     ClientID       `json:"client_id"`
	Name                   string         `json:"client_name,omitempty"`
	Organisation           OrganisationID `json:"organisation,omitempty"`
	AuthMethod             string         `json:"token_endpoint_auth_method,omitempty"` // default client_secret_basic (either of basic and post is taken), "none" = public
	Secrets                []ClientSecret `json:"secrets,omitempty"`
	ClientKeys                            // what it authenticates with instead of a secret
	RedirectURIs           []string       `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string       `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes             []string       `json:"grant_types,omitempty"` // default authorization_code
	Scopes                 []string       `json:"scopes,omitempty"`      // what it may ask for
	DefaultScopes          []string       `json:"default_scopes,omitempty"`
	DefaultResource        string         `json:"default_resource,omitempty"` // resource id, where a request names none
	PKCE                   string         `json:"pkce,omitempty"`             // "" = S256 required; "nonce" = the OIDC nonce may stand in (confidential only)
	IDTokenAlg             string         `json:"id_token_signed_response_alg,omitempty"`
	ClientRequests                        // how it asks people for authorization
	ClientBackchannel                     // how it asks people who are elsewhere
	ClientBinding                         // to what its access tokens are bound
	ClientLogout                          // how it hears that a session is over
	ClientDescription                     // what it says of itself
	FirstParty             bool           `json:"first_party,omitempty"` // no consent page
	Broker                 bool           `json:"broker,omitempty"`      // fronts resources; may use their callback URLs
	Groups                 []GroupID      `json:"groups,omitempty"`
	LogoURI                string         `json:"logo_uri,omitempty"`
	PolicyURI              string         `json:"policy_uri,omitempty"`
	TOSURI                 string         `json:"tos_uri,omitempty"`
	Disabled               bool           `json:"disabled,omitempty"`
	Registered             *Registration  `json:"registered,omitempty"` // nil = it is declared

	SubjectType         string                   `json:"subject_type,omitempty"`          // "public" (default) or "pairwise" (OpenID Connect Core 1.0 §8)
	SectorIdentifierURI string                   `json:"sector_identifier_uri,omitempty"` // of its pairwise subjects (§8.1)
	Tokens              map[ResourceID]TokenRule `json:"tokens,omitempty"`                // tightens the rules of resources for this client; "*" = of all others
}

// ClientBinding says what a client must prove to get a token, and again with each use of it.
type ClientBinding struct {
	DPoPBound        bool `json:"dpop_bound_access_tokens,omitempty"`                   // a key, by a DPoP proof (RFC 9449 §5.2)
	DPoPNonce        bool `json:"dpop_nonce_required,omitempty"`                        // with a nonce of the issuer (§8)
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty"` // the certificate of its connection (RFC 8705 §3.4)
}

// ClientSecret is one of several that may be valid at once, so that rotation needs no gap.
type ClientSecret struct {
	SHA256  string    `json:"sha256"` // hex of the SHA-256 of a generated secret
	Expires time.Time `json:"expires,omitzero"`
}

// ClientKeys are the public side of what a client proves itself with.
type ClientKeys struct {
	JWKS             json.RawMessage `json:"jwks,omitempty"`                            // RFC 7517; or:
	JWKSURI          string          `json:"jwks_uri,omitempty"`                        // where they are
	AssertionAlg     string          `json:"token_endpoint_auth_signing_alg,omitempty"` // default any that is taken
	EndpointAudience bool            `json:"token_endpoint_audience,omitempty"`         // legacy: an assertion may be for the token endpoint's URL
	Trust            string          `json:"trust,omitempty"`                           // name of the trust of its organisation that vouches for it
	Subjects         []string        `json:"workload_subjects,omitempty"`               // SPIFFE ids or subjects of tokens; the last segment may be *
	SubjectDN        string          `json:"tls_client_auth_subject_dn,omitempty"`      // RFC 8705 §2.1.2: exactly one of these five
	SANDNS           string          `json:"tls_client_auth_san_dns,omitempty"`
	SANURI           string          `json:"tls_client_auth_san_uri,omitempty"`
	SANIP            string          `json:"tls_client_auth_san_ip,omitempty"`
	SANEmail         string          `json:"tls_client_auth_san_email,omitempty"`
}

// ClientBackchannel is the registration of CIBA Core 1.0 §4.
type ClientBackchannel struct {
	DeliveryMode         string `json:"backchannel_token_delivery_mode,omitempty"` // "poll" (default) or "ping"
	NotificationEndpoint string `json:"backchannel_client_notification_endpoint,omitempty"`
	BackchannelAlg       string `json:"backchannel_authentication_request_signing_alg,omitempty"` // set = only signed requests are taken
}

// Resource is something a token is for (RFC 8707). One with an Upstream is served by the broker.
type Resource struct {
	ID           ResourceID     `json:"id"`
	Identifier   string         `json:"identifier"` // absolute URI, no fragment: the audience, and at the broker the URL
	Name         string         `json:"name,omitempty"`
	Kind         string         `json:"kind,omitempty"`        // "app" (browsers) or "service" (default)
	Criticality  string         `json:"criticality,omitempty"` // "low", "normal" (default), "high", "critical"
	Organisation OrganisationID `json:"organisation,omitempty"`
	Scopes       []Scope        `json:"scopes,omitempty"`
	DetailTypes  []DetailType   `json:"authorization_details_types,omitempty"`
	Server       ClientID       `json:"server,omitempty"` // the client that is this resource's server: may introspect and exchange its tokens
	Token        TokenRule      `json:"token,omitzero"`
	Upstream     *Upstream      `json:"upstream,omitempty"`
	Zone         string         `json:"zone,omitempty"`     // "internal" or "external"; see [Resource.External]
	Widening     []Widening     `json:"widening,omitempty"` // what an exchange may add beyond the subject token

	// Foreign, if set, makes this the authorization server of another domain, by its issuer URL, and
	// gives the ids that our clients have there: they get ID-JAGs for it and no other token.
	Foreign map[ClientID]string `json:"foreign_clients,omitempty"`
}

// Scope is a named piece of authority at a resource, with the words for the consent page.
type Scope struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// TokenRule says how access tokens for a resource are made. Zero values: opaque, 10 minutes
// (12 hours for a browser's session at an app), ES256.
type TokenRule struct {
	Format    string   `json:"format,omitempty"`   // "opaque", "jwt" or "jwe" (a JWT encrypted to Encryption)
	Lifetime  Duration `json:"lifetime,omitempty"` // of an access token
	Session   Duration `json:"session,omitempty"`  // of a browser's session at an app
	Algorithm string   `json:"algorithm,omitempty"`
	Claims    []string `json:"claims,omitempty"`  // names of user fields or attributes that the resource is given
	Binding   string   `json:"binding,omitempty"` // what each presenter must prove: "" = nothing, "dpop", "mtls", "any" (either)

	Mappings   []Mapping    `json:"mappings,omitempty"`   // further claims, computed
	Hook       *Hook        `json:"hook,omitempty"`       // a source that mappings read
	Subject    string       `json:"subject,omitempty"`    // "public" (default) or "pairwise": other resources get another sub
	Sector     string       `json:"sector,omitempty"`     // resources of one sector get the same sub; default the identifier's host
	Encryption *Encryption  `json:"encryption,omitempty"` // of format "jwe"
	Embed      []ResourceID `json:"embed,omitempty"`      // that a token may carry inner tokens for
	Status     bool         `json:"status,omitempty"`     // a JWT names its place in a Token Status List
	MayAct     ClientID     `json:"may_act,omitempty"`    // who alone may act for the subject of a token (RFC 8693 §4.4)
}

// Upstream is where the broker finds the application, and what it tells it.
type Upstream struct {
	URL     string            `json:"url"`               // http://, https://, h2c://, unix:///path/to.sock
	Headers map[string]string `json:"headers,omitempty"` // header → claim of the upstream's JWT, for apps that read no JWT
	CAFile  string            `json:"ca_file,omitempty"`
	Timeout Duration          `json:"timeout,omitempty"` // to the first response byte; default 30 s
}

// Policy is one Cedar document. Its policies are named by @id, else "<document>#<n>".
type Policy struct {
	ID   PolicyID `json:"id"`
	Text string   `json:"text"`
}

// Group gathers people, clients and other groups.
type Group struct {
	ID          GroupID   `json:"id"`
	Description string    `json:"description,omitempty"`
	Parents     []GroupID `json:"parents,omitempty"`
}

// Organisation is a company or a part of one, ours or a partner's.
type Organisation struct {
	ID    OrganisationID `json:"id"`
	Name  string         `json:"name,omitempty"`
	Trust []Trust        `json:"trust,omitempty"`
}

// Trust is an authority that may vouch for the clients of one organisation, and for no others.
type Trust struct {
	Name        string          `json:"name"`
	Issuer      string          `json:"issuer,omitempty"`       // iss of its tokens; their keys are discovered there unless given here
	TrustDomain string          `json:"trust_domain,omitempty"` // of SPIFFE ids
	Anchors     string          `json:"anchors,omitempty"`      // X.509 authorities, PEM
	JWKS        json.RawMessage `json:"jwks,omitempty"`         // keys, or a SPIFFE bundle; or:
	JWKSURI     string          `json:"jwks_uri,omitempty"`     // where they are

	Assertions *AssertionRule `json:"assertions,omitempty"`          // nil = its assertions are no grants
	Software   bool           `json:"software_statements,omitempty"` // it may vouch for clients that register themselves (RFC 7591 §2.3)
}

// AssertionRule says what an issuer's assertions are good for as grants (RFC 7523 §2.1).
type AssertionRule struct {
	Clients   []ClientID   `json:"clients"`            // who may present them
	Resources []ResourceID `json:"resources"`          // what a token may be for
	Claim     string       `json:"claim,omitempty"`    // that names the person; default sub
	People    string       `json:"people,omitempty"`   // what it is of a person of this organisation: "login" or "id"; "" = none
	Services  bool         `json:"services,omitempty"` // sub may be the id of the client that presents it
}

// Duration reads and writes as Go text ("90s", "12h").
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}
