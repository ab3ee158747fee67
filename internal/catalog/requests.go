package catalog

import (
	"net/url"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/profile"
)

// objectAlgs may sign request objects and answers (RFC 9101 §10.1, JARM §3): asymmetric ones, as
// everything here.
var objectAlgs = []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"}

// requests checks how a client asks, and that its own profile would not refuse each of its requests.
func (c *checker) requests(v *symbolon.Client) {
	c.oneOf("profile", v.Profile, profile.Names()...)
	c.oneOf("request_object_signing_alg", v.RequestAlg, objectAlgs...)
	c.oneOf("authorization_signed_response_alg", v.ResponseAlg, objectAlgs...)
	c.requestURIs(v.RequestURIs)
	distinct(c, "authorization_details_types", v.DetailTypes)
	for i, name := range v.DetailTypes {
		_, known := c.details[name]
		c.must(known, "authorization_details_types[%d]: no resource declares the type %q", i, name)
	}
	distinct(c, "required_scopes", v.RequiredScopes)
	for i, scope := range v.RequiredScopes {
		c.must(slices.Contains(v.Scopes, scope) || len(v.Scopes) == 0 && slices.Contains(oidcScopes, scope),
			"required_scopes[%d]: %q is not among the client's scopes", i, scope)
	}
	c.must(v.DefaultMaxAge == nil || *v.DefaultMaxAge >= 0, "default_max_age: it must be a number of seconds")
	for i, acr := range v.DefaultACR {
		c.must(acr.Level() > 0, "default_acr_values[%d]: %q is no class of authentication here", i, acr)
	}
	c.ownProfile(v)
}

func (c *checker) requestURIs(uris []string) {
	distinct(c, "request_uris", uris)
	for i, uri := range uris {
		u, err := url.Parse(uri)
		good := err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(uri) <= maxURI && plainASCII(uri)
		c.must(good, "request_uris[%d]: it must be an https:// URL", i)
	}
}

func (c *checker) ownProfile(v *symbolon.Client) {
	rules := profile.Of(v)
	method := v.AuthMethod
	if method == "" {
		method = "client_secret_basic"
	}
	c.must(rules.TakesMethod(method), "token_endpoint_auth_method: the profile %s does not take %s", v.Profile, method)
	c.must(!rules.Challenge || v.PKCE == "", "pkce: the profile %s wants a challenge", v.Profile)
	c.must(!rules.IssuerAudience || !v.EndpointAudience, "token_endpoint_audience: the profile %s wants assertions for the issuer", v.Profile)
	for field, alg := range map[string]string{"id_token_signed_response_alg": v.IDTokenAlg, "request_object_signing_alg": v.RequestAlg,
		"authorization_signed_response_alg": v.ResponseAlg, "token_endpoint_auth_signing_alg": v.AssertionAlg} {
		c.must(alg == "" || rules.Takes(alg), "%s: the profile %s does not take %s", field, v.Profile, alg)
	}
	signs := len(v.JWKS) > 0 || v.JWKSURI != ""
	c.must(!rules.SignedRequest || signs, "jwks: a client that must sign its requests needs keys")
}
