package catalog

import (
	"fmt"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
)

const (
	maxLifetime = 24 * time.Hour      // of an access token
	minLifetime = 10 * time.Second    // below, clocks alone would end it
	maxSession  = 30 * 24 * time.Hour // of a browser's session at an app
	maxTimeout  = time.Hour
)

var (
	algorithms = []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"}
	// registered claims say who made a token and for whom; no rule may set them.
	registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "act", "cnf", "may_act", "client_id", "scope",
		"sid", "acr", "amr", "auth_time", "grant_id", "sub_kind", "nonce", "azp", "active", "token_type"}
	// guarded headers belong to HTTP or to the broker: an upstream cannot ask for its own use of them.
	guarded = []string{"Authorization", "Host", "Cookie", "Set-Cookie", "Connection", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length",
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id"}
)

func (c *checker) resource(v *symbolon.Resource) {
	c.must(!slices.Contains(reservedResources, v.ID), "this id is reserved")
	own := v.Identifier == c.Issuer || strings.HasPrefix(v.Identifier, c.Issuer+"/")
	c.must(!own, "identifier: it lies under the issuer's own address")
	c.text("name", v.Name)
	c.oneOf("kind", v.Kind, "app", "service")
	c.oneOf("criticality", v.Criticality, "low", "normal", "high", "critical")
	c.organisation(v.Organisation)
	_, exists := c.Client(v.Server)
	c.must(v.Server == "" || exists, "server: there is no client %q", v.Server)
	c.resourceScopes(v.Scopes)
	c.tokenRule(&v.Token)
	c.leaving(v)
	c.foreign(v)
	if v.Upstream != nil {
		spot, err := parseSite(v.Identifier)
		c.must(err != nil || c.host == "" || spot.name != c.host,
			"identifier: an application on the issuer's host would be sent its cookies; give it a host of its own")
		c.upstream(v.Upstream)
	}
}

func (c *checker) resourceScopes(scopes []symbolon.Scope) {
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = scope.Name
		c.must(scopeName(scope.Name), "scopes[%d].name: %q is not a scope", i, scope.Name)
		c.text("scopes["+scope.Name+"].description", scope.Description)
	}
	distinct(c, "scopes", names)
}

func (c *checker) tokenRule(rule *symbolon.TokenRule) {
	c.oneOf("token.format", rule.Format, formats...)
	c.oneOf("token.algorithm", rule.Algorithm, algorithms...)
	c.between("token.lifetime", rule.Lifetime, minLifetime, maxLifetime)
	c.between("token.session", rule.Session, minLifetime, maxSession)
	distinct(c, "token.claims", rule.Claims)
	for i, claim := range rule.Claims {
		c.claim(fmt.Sprintf("token.claims[%d]", i), claim)
	}
}

// claim is the name of a user's field or attribute.
func (c *checker) claim(field, name string) {
	c.must(symbolon.ValidName(name), "%s: %q is not the name of a claim", field, name)
	c.must(!slices.Contains(registered, name), "%s: %q is in every token already, or never", field, name)
}

func (c *checker) between(field string, d symbolon.Duration, low, high time.Duration) {
	given := time.Duration(d)
	c.must(given == 0 || given >= low && given <= high, "%s: %s is not between %s and %s", field, given, low, high)
}

func (c *checker) upstream(v *symbolon.Upstream) {
	if fault := upstreamFault(v.URL); fault != "" {
		c.fault("upstream.url: %s", fault)
	}
	c.between("upstream.timeout", v.Timeout, time.Millisecond, maxTimeout)
	c.must(v.CAFile == "" || strings.HasPrefix(v.CAFile, "/"), "upstream.ca_file: it must be an absolute path")
	for header, claim := range v.Headers {
		name := textproto.CanonicalMIMEHeaderKey(header)
		c.must(headerName(header), "upstream.headers: %q is not a header name", header)
		c.must(!slices.Contains(guarded, name), "upstream.headers: %s is not for an upstream to ask for", header)
		c.must(symbolon.ValidName(claim), "upstream.headers.%s: %q is not the name of a claim", header, claim)
	}
}

func upstreamFault(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !plainASCII(raw) || len(raw) > maxURI:
		return "it is not a URL"
	case u.User != nil || strings.ContainsAny(raw, "?#"):
		return "it must not have a user, query or fragment"
	case u.Scheme == "unix":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return "a socket is written unix:///path/to.sock"
		}
		return ""
	case !slices.Contains([]string{"http", "https", "h2c"}, u.Scheme):
		return "its scheme must be http, https, h2c or unix"
	case u.Hostname() == "":
		return "it must have a host"
	}
	return ""
}

// headerName reports whether s is a field name (RFC 9110 §5.1) that no server spells otherwise: "_" is
// left out, because some read it as "-".
func headerName(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}) < 0
}
