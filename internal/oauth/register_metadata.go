package oauth

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/url"
	"slices"
	"strings"

	strict "github.com/go-json-experiment/json"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

// clientMetadata is RFC 7591 §2 with what OpenID Connect Dynamic Client Registration 1.0 §2, the three
// logout specifications, RFC 9126, RFC 9101, RFC 9449 and RFC 8705 add, as it is sent and as it is
// answered. What is not here is ignored (RFC 7591 §2), except the names in [unsupported].
type clientMetadata struct {
	RedirectURIs  []string `json:"redirect_uris,omitempty"`
	AuthMethod    string   `json:"token_endpoint_auth_method,omitempty"`
	AuthAlg       string   `json:"token_endpoint_auth_signing_alg,omitempty"`
	GrantTypes    []string `json:"grant_types,omitempty"`
	ResponseTypes []string `json:"response_types,omitempty"`
	Name          string   `json:"client_name,omitempty"`
	LogoURI       string   `json:"logo_uri,omitempty"`
	Scope         string   `json:"scope,omitempty"`
	TOSURI        string   `json:"tos_uri,omitempty"`
	PolicyURI     string   `json:"policy_uri,omitempty"`

	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`

	SubjectType            string         `json:"subject_type,omitempty"`
	SectorIdentifierURI    string         `json:"sector_identifier_uri,omitempty"`
	IDTokenAlg             string         `json:"id_token_signed_response_alg,omitempty"`
	DefaultMaxAge          *int64         `json:"default_max_age,omitempty"`
	RequireAuthTime        bool           `json:"require_auth_time,omitempty"`
	DefaultACR             []symbolon.ACR `json:"default_acr_values,omitempty"`
	RequestURIs            []string       `json:"request_uris,omitempty"`
	RequestAlg             string         `json:"request_object_signing_alg,omitempty"`
	RequireSignedRequest   bool           `json:"require_signed_request_object,omitempty"`
	RequirePushed          bool           `json:"require_pushed_authorization_requests,omitempty"`
	ResponseAlg            string         `json:"authorization_signed_response_alg,omitempty"`
	PostLogoutRedirectURIs []string       `json:"post_logout_redirect_uris,omitempty"`
	DPoPBound              bool           `json:"dpop_bound_access_tokens,omitempty"`
	CertificateBound       bool           `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	symbolon.ClientLogout
	symbolon.ClientDescription

	Statement string `json:"software_statement,omitempty"`
}

// unsupported are names that are understood and not offered: a client that was registered for one
// would get less protection than it believes.
var unsupported = []string{
	"id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_signed_response_alg",
	"userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc", "request_object_encryption_alg",
	"request_object_encryption_enc", "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
	"tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email",
}

// registerable methods need nothing that an operator has to declare.
var registerable = []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "self_signed_tls_client_auth", "none"}

const maxRedirects = 50

func wrongMetadata(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_client_metadata", format, args...)
}

func wrongRedirect(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_redirect_uri", format, args...)
}

// read takes the JSON body.
func (c *registering) read() error {
	body, err := readJSON(c)
	if err != nil {
		return err
	}
	return c.take(body)
}

func readJSON(c *registering) ([]byte, error) {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, wrongMetadata("the body must be application/json")
	}
	return io.ReadAll(c.r.Body)
}

// take reads metadata over what was read before: members that are there replace, others stay.
func (c *registering) take(body []byte) error {
	var present map[string]json.RawMessage
	if err := strict.Unmarshal(body, &present); err != nil {
		return wrongMetadata("the metadata is not a JSON object").Because(err)
	}
	for _, name := range unsupported {
		if value, ok := present[name]; ok && string(value) != "null" {
			return wrongMetadata("%s is not supported", name)
		}
	}
	if err := strict.Unmarshal(body, &c.metadata); err != nil {
		return wrongMetadata("a member of the metadata has the wrong type").Because(err)
	}
	return nil
}

// create makes a client of new metadata: nothing of it is anybody's choice but what the operator
// leaves open.
func (c *registering) create() error {
	c.access = token.NewOpaque(token.PrefixRegistration)
	c.client = &symbolon.Client{ID: symbolon.ClientID("dyn-" + strings.ToLower(rand.Text())), Organisation: c.vouched,
		Registered: &symbolon.Registration{At: c.Clock(), Statement: c.statement, Token: digest(c.access)}}
	if c.claims != nil {
		c.client.Registered.By = c.claims.Subject
	}
	return c.apply()
}

func digest(secret symbolon.Secret) string {
	sum := secret.Hash()
	return hex.EncodeToString(sum[:])
}

// apply writes the metadata into the client, within what it may have.
func (c *registering) apply() error {
	for _, rule := range []func() error{c.methods, c.grants, c.redirects, c.scopes, c.algorithms} {
		if err := rule(); err != nil {
			return err
		}
	}
	v, m := c.client, &c.metadata
	v.Name, v.LogoURI, v.TOSURI, v.PolicyURI = m.Name, m.LogoURI, m.TOSURI, m.PolicyURI
	v.SubjectType, v.SectorIdentifierURI = m.SubjectType, m.SectorIdentifierURI
	v.RedirectURIs, v.PostLogoutRedirectURIs = m.RedirectURIs, m.PostLogoutRedirectURIs
	v.DefaultMaxAge, v.RequireAuthTime, v.DefaultACR, v.RequestURIs = m.DefaultMaxAge, m.RequireAuthTime, m.DefaultACR, m.RequestURIs
	v.RequireSignedRequest, v.RequirePushed = m.RequireSignedRequest, m.RequirePushed
	v.DPoPBound, v.CertificateBound = m.DPoPBound, m.CertificateBound
	v.ClientLogout, v.ClientDescription = m.ClientLogout, m.ClientDescription
	c.renewSecret()
	return badMetadata(c.Catalog.Current().Admit(v))
}

// methods says how it authenticates. RFC 7591 §2: client_secret_basic if it says nothing.
func (c *registering) methods() error {
	m := &c.metadata
	m.AuthMethod = cmp.Or(m.AuthMethod, "client_secret_basic")
	if !slices.Contains(registerable, m.AuthMethod) || !slices.Contains(c.Clients.Methods(), m.AuthMethod) {
		return wrongMetadata("token_endpoint_auth_method: it is not one that clients may register for")
	}
	v := c.client
	v.AuthMethod, v.PKCE = m.AuthMethod, c.Registration.PKCE
	if m.AuthMethod == "none" {
		v.PKCE = ""
	}
	v.ClientKeys = symbolon.ClientKeys{JWKS: m.JWKS, JWKSURI: m.JWKSURI, AssertionAlg: m.AuthAlg}
	return nil
}

// grants says what it may use: RFC 7591 §2.1 ties response types to them.
func (c *registering) grants() error {
	m := &c.metadata
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{grant.TypeCode}
	}
	for _, one := range m.GrantTypes {
		if !slices.Contains(c.Registration.GrantTypes, one) && !slices.Contains(c.client.GrantTypes, one) {
			return wrongMetadata("grant_types: it is not one that clients may register for")
		}
	}
	code := slices.Contains(m.GrantTypes, grant.TypeCode)
	if len(m.ResponseTypes) == 0 && code {
		m.ResponseTypes = []string{"code"}
	}
	if len(m.ResponseTypes) > 1 || len(m.ResponseTypes) == 1 && (m.ResponseTypes[0] != "code" || !code) {
		return wrongMetadata("response_types: code, with the grant type authorization_code, is the only one")
	}
	c.client.GrantTypes = m.GrantTypes
	return nil
}

// redirects is OpenID Connect Dynamic Client Registration 1.0 §2, application_type: the web is https;
// a native application has a scheme of its own, the loopback interface, or a claimed https address.
func (c *registering) redirects() error {
	m := &c.metadata
	m.ApplicationType = cmp.Or(m.ApplicationType, "web")
	if len(m.RedirectURIs) > maxRedirects || len(m.PostLogoutRedirectURIs) > maxRedirects {
		return wrongRedirect("redirect_uris: more than %d", maxRedirects)
	}
	for _, uri := range m.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || m.ApplicationType == "web" && u.Scheme != "https" {
			return wrongRedirect("redirect_uris: those of a web application begin with https://")
		}
	}
	return nil
}

// scopes keeps of those asked for the ones that it may have (RFC 7591 §2: the server may replace them).
func (c *registering) scopes() error {
	m := &c.metadata
	may := slices.Concat(c.Registration.Scopes, c.client.Scopes)
	asked := strings.Fields(m.Scope)
	if len(asked) == 0 {
		asked = c.Registration.Scopes
	}
	var have []string
	for _, scope := range asked {
		if slices.Contains(may, scope) && !slices.Contains(have, scope) {
			have = append(have, scope)
		}
	}
	if len(have) == 0 {
		return wrongMetadata("scope: none of it is one that clients may register for")
	}
	c.client.Scopes, m.Scope = have, strings.Join(have, " ")
	return nil
}

// algorithms: an ID token is signed with RS256 unless it is said otherwise (OpenID Connect Dynamic
// Client Registration 1.0 §2), if there is such a key.
func (c *registering) algorithms() error {
	m, offered := &c.metadata, c.idTokenAlgorithms()
	if m.IDTokenAlg == "" && slices.Contains(offered, token.RS256) {
		m.IDTokenAlg = token.RS256
	}
	if m.IDTokenAlg != "" && !slices.Contains(offered, m.IDTokenAlg) {
		return wrongMetadata("id_token_signed_response_alg: it is not supported")
	}
	c.client.IDTokenAlg, c.client.RequestAlg, c.client.ResponseAlg = m.IDTokenAlg, m.RequestAlg, m.ResponseAlg
	return nil
}

// renewSecret gives a secret to a client that needs one and has none that lasts.
func (c *registering) renewSecret() {
	v, now := c.client, c.Clock()
	if !client.BySecret(v) {
		v.Secrets = nil
		return
	}
	life := c.Registration.SecretLife
	lasts := func(s symbolon.ClientSecret) bool { return s.Expires.IsZero() || now.Before(s.Expires.Add(-life/2)) }
	if slices.ContainsFunc(v.Secrets, lasts) {
		return
	}
	c.secret = token.NewOpaque(token.PrefixSecret)
	made := symbolon.ClientSecret{SHA256: digest(c.secret)}
	if life > 0 {
		made.Expires = now.Add(life)
	}
	old := slices.DeleteFunc(slices.Clone(v.Secrets), func(s symbolon.ClientSecret) bool { return !now.Before(s.Expires) })
	v.Secrets = append(old, made)
}

// registrationAnswer is RFC 7591 §3.2.1 and RFC 7592 §3. A secret is in it once: we keep its hash.
type registrationAnswer struct {
	ID            symbolon.ClientID `json:"client_id"`
	IssuedAt      int64             `json:"client_id_issued_at"`
	Secret        string            `json:"client_secret,omitempty"`
	SecretExpires *int64            `json:"client_secret_expires_at,omitempty"`
	AccessToken   string            `json:"registration_access_token"`
	URI           string            `json:"registration_client_uri"`
	clientMetadata
}

func (c *registering) answer(status int) {
	v := c.client
	out := registrationAnswer{ID: v.ID, IssuedAt: v.Registered.At.Unix(), AccessToken: c.access.Reveal(),
		URI: c.Issuer + pathRegister + "/" + string(v.ID), clientMetadata: metadataOf(v)}
	out.Statement = c.metadata.Statement
	if len(v.Secrets) > 0 {
		ends := int64(0)
		if last := v.Secrets[len(v.Secrets)-1].Expires; !last.IsZero() {
			ends = last.Unix()
		}
		out.Secret, out.SecretExpires = c.secret.Reveal(), &ends
	}
	answerJSON(c.w, status, out)
}

// metadataOf is how a client is registered.
func metadataOf(v *symbolon.Client) clientMetadata {
	m := clientMetadata{RedirectURIs: v.RedirectURIs, AuthMethod: v.AuthMethod, AuthAlg: v.AssertionAlg, GrantTypes: v.GrantTypes, Name: v.Name,
		LogoURI: v.LogoURI, TOSURI: v.TOSURI, PolicyURI: v.PolicyURI, Scope: strings.Join(v.Scopes, " "), JWKS: v.JWKS, JWKSURI: v.JWKSURI,
		SubjectType: v.SubjectType, SectorIdentifierURI: v.SectorIdentifierURI, IDTokenAlg: v.IDTokenAlg, DefaultMaxAge: v.DefaultMaxAge,
		RequireAuthTime: v.RequireAuthTime, DefaultACR: v.DefaultACR, RequestURIs: v.RequestURIs, RequestAlg: v.RequestAlg,
		RequireSignedRequest: v.RequireSignedRequest, RequirePushed: v.RequirePushed, ResponseAlg: v.ResponseAlg,
		PostLogoutRedirectURIs: v.PostLogoutRedirectURIs, DPoPBound: v.DPoPBound, CertificateBound: v.CertificateBound,
		ClientLogout: v.ClientLogout, ClientDescription: v.ClientDescription}
	if slices.Contains(v.GrantTypes, grant.TypeCode) {
		m.ResponseTypes = []string{"code"}
	}
	return m
}
