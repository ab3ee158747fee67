package catalog

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/client"
)

// What a client may be declared with (RFC 7591 §2).
const (
	grantCode     = "authorization_code"
	grantRefresh  = "refresh_token"
	grantClient   = "client_credentials"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	grantDevice   = "urn:ietf:params:oauth:grant-type:device_code"
	grantCIBA     = "urn:openid:params:grant-type:ciba"
	grantJWT      = "urn:ietf:params:oauth:grant-type:jwt-bearer"

	methodNone = "none"
	maxSecrets = 16
)

var (
	grantTypes  = []string{grantCode, grantRefresh, grantClient, grantExchange, grantDevice, grantCIBA, grantJWT}
	idTokenAlgs = []string{"ES256", "RS256"}
	// oidcScopes need no registration: OpenID Connect Core §5.4, §11.
	oidcScopes = []string{"openid", "profile", "email", "offline_access"}
	// madeIDs begin the ids that the product makes: a client of such a name could be taken for a
	// person or a session, in a sub claim or in a revocation.
	madeIDs = []string{"usr_", "crd_", "ses_", "aut_", "tok_", "evt_", "key_", "str_", "req_", "pws_"}
)

func (c *checker) client(v *symbolon.Client) {
	made := slices.ContainsFunc(madeIDs, func(prefix string) bool { return strings.HasPrefix(string(v.ID), prefix) })
	c.must(!slices.Contains(reservedClients, v.ID) && !made, "this id is reserved")
	c.text("client_name", v.Name)
	c.organisation(v.Organisation)
	c.groups("groups", v.Groups)
	c.oneOf("token_endpoint_auth_method", v.AuthMethod, client.DeclarableMethods()...)
	c.oneOf("id_token_signed_response_alg", v.IDTokenAlg, idTokenAlgs...)
	c.oneOf("pkce", v.PKCE, "nonce")
	c.must(v.PKCE == "" || v.AuthMethod != methodNone, "pkce: only a confidential client may use the nonce instead")
	c.pairwise(v)
	c.clientRules(v)
	c.secrets(v)
	trust, _ := c.Trust(v)
	c.faults("", client.Check(v, trust))
	c.grants(v)
	c.clientScopes(v)
	c.binding(v)
	c.redirects("redirect_uris", v.RedirectURIs)
	c.redirects("post_logout_redirect_uris", v.PostLogoutRedirectURIs)
	c.logout(v)
	c.described(v)
	c.page("logo_uri", v.LogoURI)
	c.page("policy_uri", v.PolicyURI)
	c.page("tos_uri", v.TOSURI)
	c.requests(v)
	_, exists := c.Resource(symbolon.ResourceID(v.DefaultResource))
	c.must(v.DefaultResource == "" || exists, "default_resource: there is no resource %q", v.DefaultResource)
}

func (c *checker) secrets(v *symbolon.Client) {
	if v.AuthMethod == methodNone {
		c.must(len(v.Secrets) == 0, "secrets: a public client (token_endpoint_auth_method none) has none")
		c.must(!v.Broker, "broker: a public client cannot be one")
		return
	}
	if !client.BySecret(v) {
		c.must(len(v.Secrets) == 0, "secrets: a client of token_endpoint_auth_method %s has none", v.AuthMethod)
		return
	}
	c.must(len(v.Secrets) > 0 || v.Disabled, "secrets: a confidential client needs one; or set token_endpoint_auth_method to none")
	c.must(len(v.Secrets) <= maxSecrets, "secrets: more than %d", maxSecrets)
	seen := map[string]bool{}
	for i, secret := range v.Secrets {
		sum, err := hex.DecodeString(secret.SHA256)
		good := err == nil && len(sum) == 32 && strings.ToLower(secret.SHA256) == secret.SHA256
		c.must(good, "secrets[%d].sha256: it must be the SHA-256 of the secret in 64 lower-case hex digits", i)
		c.must(!seen[secret.SHA256], "secrets[%d].sha256: it is there twice", i)
		seen[secret.SHA256] = true
	}
}

func (c *checker) grants(v *symbolon.Client) {
	distinct(c, "grant_types", v.GrantTypes)
	for i, grant := range v.GrantTypes {
		c.must(slices.Contains(grantTypes, grant), "grant_types[%d]: %q is not one of %s%s",
			i, grant, strings.Join(grantTypes, ", "), meant(grant, grantTypes))
	}
	public, has := v.AuthMethod == methodNone, func(grant string) bool { return slices.Contains(v.GrantTypes, grant) }
	c.must(!public || !has(grantClient), "grant_types: a public client cannot use client_credentials")
	c.must(!public || !has(grantExchange), "grant_types: a public client cannot exchange tokens")
	c.must(!has(grantCode) || v.Broker || len(v.RedirectURIs) > 0, "redirect_uris: authorization_code needs at least one")
	c.must(!public || !has(grantCIBA), "grant_types: a public client cannot ask people who are elsewhere")
	c.must(!public || !has(grantJWT), "grant_types: a public client cannot present assertions")
	c.must(!has(grantRefresh) || has(grantCode) || has(grantDevice) || has(grantCIBA),
		"grant_types: refresh_token needs authorization_code, device_code or ciba")
	c.backchannel(v, has(grantCIBA))
}

func (c *checker) clientScopes(v *symbolon.Client) {
	distinct(c, "scopes", v.Scopes)
	distinct(c, "default_scopes", v.DefaultScopes)
	for i, scope := range v.Scopes {
		c.must(scopeName(scope), "scopes[%d]: %q is not a scope", i, scope)
	}
	may := v.Scopes
	if len(may) == 0 {
		may = oidcScopes
	}
	for i, scope := range v.DefaultScopes {
		c.must(slices.Contains(may, scope), "default_scopes[%d]: %q is not among the client's scopes", i, scope)
	}
}

// redirects are compared byte by byte when used, so they must be complete and unambiguous.
func (c *checker) redirects(field string, uris []string) {
	distinct(c, field, uris)
	for i, uri := range uris {
		if fault := redirectFault(uri); fault != "" {
			c.fault("%s[%d]: %s", field, i, fault)
		}
	}
}

// redirectFault says what is wrong with a redirect URI: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1.
func redirectFault(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || uri == "" || !plainASCII(uri) || len(uri) > maxURI:
		return "it is not a URI"
	case strings.ContainsRune(uri, '#'):
		return "it must not have a fragment"
	case u.Scheme == "":
		return "it must be absolute"
	case strings.ContainsAny(uri, `*\`):
		return "it must not have * or \\: it is compared exactly"
	}
	web := u.Scheme == "http" || u.Scheme == "https"
	switch {
	case web && (u.Hostname() == "" || u.Opaque != "" || u.User != nil):
		return "it must have a host, and no user"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "http:// is for loopback hosts only"
	case !web && !strings.Contains(u.Scheme, "."):
		return "a private-use scheme needs a dot, as com.example.app: (RFC 8252 §7.1)"
	}
	return ""
}
