// Package profile is the table of what each client profile tightens.
//
// A profile is data: [Of] gives the [Rules] of a client, and every door asks them at the place
// where the rule belongs. No code asks for a profile by its name. Laws:
//
//   - A rule only ever tightens: its zero value is what holds for everybody.
//   - A client may ask for more than its profile does; never for less.
//   - The catalog refuses a client whose registration its own profile would refuse in every request.
package profile

import (
	"slices"
	"time"

	"symbolon.dev"
)

// Names of profiles, as clients declare them. No name is [Baseline].
const (
	Baseline = "baseline"              // OAuth 2.1 and RFC 9700
	FAPI2    = "fapi2"                 // FAPI 2.0 Security Profile, final
	Signing  = "fapi2-message-signing" // that, and FAPI 2.0 Message Signing, final
	MCP      = "mcp"                   // authorization of the Model Context Protocol
)

// Rules are what a profile asks for beyond the baseline.
type Rules struct {
	Pushed              bool          // authorization requests are pushed (RFC 9126)
	Challenge           bool          // a PKCE challenge, and nothing in its place
	Confidential        bool          // the client authenticates
	AuthMethods         []string      // by one of these; nil = any
	Bound               bool          // access tokens are bound to a key (RFC 9449, RFC 8705)
	CodeLife            time.Duration // of an authorization code at most; 0 = as usual
	KeepRefresh         bool          // refresh tokens are not rotated
	Algorithms          []string      // of everything that is signed; nil = any
	IssuerAudience      bool          // assertions are for the issuer, as a string, and for no endpoint
	SignedRequest       bool          // request objects, signed (RFC 9101)
	RequestLife         time.Duration // from nbf to exp of a request object, and since nbf; 0 = only exp counts
	SignedResponse      bool          // JARM
	SignedIntrospection bool          // RFC 9701
	Resource            bool          // a request names the resource that its token is for (RFC 8707)
	NamedRedirect       bool          // a request names its redirect URI
}

// keyed methods of client authentication prove a key without showing a secret.
var keyed = []string{"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}

var fapi2 = Rules{
	Pushed: true, Challenge: true, Confidential: true, AuthMethods: keyed, Bound: true, CodeLife: time.Minute, KeepRefresh: true,
	Algorithms: []string{"PS256", "ES256", "EdDSA"}, IssuerAudience: true, NamedRedirect: true,
}

// table is every profile there is.
var table = map[string]Rules{
	"":       {},
	Baseline: {},
	FAPI2:    fapi2,
	Signing:  signing(fapi2),
	MCP:      {Challenge: true, Resource: true},
}

func signing(r Rules) Rules {
	r.SignedRequest, r.RequestLife, r.SignedResponse, r.SignedIntrospection = true, time.Hour, true, true
	return r
}

// Names lists the profiles that a client may declare.
func Names() []string { return []string{Baseline, FAPI2, Signing, MCP} }

// Of gives the rules of a client: its profile's, and what its own registration adds. A profile that
// is not known asks for everything.
func Of(c *symbolon.Client) Rules {
	r, known := table[c.Profile]
	if !known {
		r = table[Signing]
		r.Resource = true
	}
	r.Pushed = r.Pushed || c.RequirePushed
	r.SignedRequest = r.SignedRequest || c.RequireSignedRequest
	r.Bound = r.Bound || c.DPoPBound || c.CertificateBound
	return r
}

// Takes reports whether the rules let something be signed with alg.
func (r Rules) Takes(alg string) bool {
	return r.Algorithms == nil || slices.Contains(r.Algorithms, alg)
}

// TakesMethod reports whether a client may authenticate by a method.
func (r Rules) TakesMethod(method string) bool {
	return (r.AuthMethods == nil || slices.Contains(r.AuthMethods, method)) && !(r.Confidential && method == "none")
}

// Allowed keeps of a list of algorithms those that the rules take.
func (r Rules) Allowed(algorithms []string) []string {
	return slices.DeleteFunc(slices.Clone(algorithms), func(alg string) bool { return !r.Takes(alg) })
}
