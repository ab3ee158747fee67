// Package oauth is the door of the standard endpoints: OAuth 2.1, OpenID Connect, and the
// extensions that the metadata lists.
//
// Each endpoint is a table of named steps, in one place, each step one small function that cites
// what it enforces. A request walks down its table; the first step that refuses ends it, and its
// name goes into the log. What a step needs of the rules (clients, sessions, grants, policy) it
// asks; it decides nothing itself. Laws of the door:
//
//   - A parameter comes once, is of bounded size and is plain text, or the request is refused.
//   - Until the client and its redirect URI are certain, an error is a page on our own origin.
//     Afterwards it is a redirect with error, state and iss (RFC 9207).
//   - Login and consent are other doors: /authorize seals what it wants into a step, redirects,
//     and judges everything anew when the browser comes back with the same request.
//   - No endpoint changes anything for a browser that merely follows a link: a code goes to the
//     registered redirect URI only, and a POST to /authorize is no more than the link it stands for.
//   - No answer that carries a secret may be cached. Cross-origin scripts may call what needs no cookie.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/session"
)

// Catalog gives the current snapshot of what is declared.
type Catalog interface{ Current() *catalog.Snapshot }

// Consents finds what a person has allowed before.
type Consents interface {
	Consents(ctx context.Context, user symbolon.UserID) ([]symbolon.Consent, error)
}

// Config of [Handler]; every field but HTTP and Registration is needed.
type Config struct {
	Issuer   string // URL without a path
	Door     *door.Door
	Catalog  Catalog
	Clients  *client.Authenticator
	Sessions *session.Sessions
	Grants   *grant.Grants
	Tokens   *issuer.Issuer
	Keys     *key.Ring
	Vault    *key.Vault
	Consents Consents
	Clock    symbolon.Clock
	HTTP     *http.Client // for request objects by reference (RFC 9101 §5.2), guarded; nil = none are fetched

	Registration Registration // the zero value = clients are declared
}

const (
	pathOpenID     = "/.well-known/openid-configuration"
	pathOAuth      = "/.well-known/oauth-authorization-server"
	pathJWKS       = "/jwks"
	pathAuthorize  = "/authorize"
	pathToken      = "/token"
	pathIntrospect = "/introspect"
	pathRevoke     = "/revoke"
	pathUserinfo   = "/userinfo"
)

// Paths lists where [Handler] has to be mounted.
var Paths = []string{pathOpenID, pathOAuth, pathJWKS, pathAuthorize, pathToken, pathIntrospect, pathRevoke, pathUserinfo,
	pathDeviceAuthorization, pathBackchannel, pathPushed, catalog.ProtectedPath + "/", issuer.StatusPath, pathRegister, pathRegister + "/"}

type endpoints struct{ Config }

// Handler serves all endpoints.
func Handler(c Config) http.Handler {
	e := &endpoints{c}
	mux := http.NewServeMux()
	public := func(path string, methods string, h http.Handler) { mux.Handle(path, crossOrigin(methods, h)) }
	public(pathOpenID, "GET", c.Door.Handle("openid-configuration", asJSON, e.metadata))
	public(pathOAuth, "GET", c.Door.Handle("oauth-authorization-server", asJSON, e.metadata))
	public(pathJWKS, "GET", c.Door.Handle("jwks", asJSON, e.jwks))
	public(pathToken, "POST", c.Door.Handle("token", asJSON, e.token))
	public(pathUserinfo, "GET, POST", c.Door.Handle("userinfo", asBearer, e.userinfo))
	public(pathDeviceAuthorization, "POST", c.Door.Handle("device_authorization", asJSON, e.deviceAuthorization))
	mux.Handle("POST "+pathBackchannel, c.Door.Handle("bc-authorize", asBackchannel, e.backchannel))
	public(pathRevoke, "POST", c.Door.Handle("revoke", asJSON, e.revoke))
	public(catalog.ProtectedPath+"/", "GET", c.Door.Handle("oauth-protected-resource", door.AsProblem, e.protected))
	public(issuer.StatusPath, "GET", c.Door.Handle("status-list", door.AsProblem, e.statusList))
	public(issuer.StatusPath+"{list}", "GET", c.Door.Handle("status-list", door.AsProblem, e.statusList))
	public(pathPushed, "POST", c.Door.Handle("par", asJSON, e.par))
	mux.Handle("GET "+pathAuthorize, c.Door.Handle("authorize", page.Crossing, e.authorize))
	mux.Handle("POST "+pathAuthorize, c.Door.Handle("authorize", page.Crossing, e.authorizeByPost))
	mux.Handle("POST "+pathIntrospect, c.Door.Handle("introspect", asJSON, e.introspect))
	if c.Registration.enabled() {
		public(pathRegister, "POST", c.Door.Handle("register", asRegistration, e.register))
		public(pathRegister+"/{id}", "GET, PUT, DELETE", c.Door.Handle("register.client", asRegistration, e.manage))
	}
	return mux
}

// step is one check of an endpoint's table.
type step[T any] struct {
	name  string
	cites string
	do    func(T) error
}

// errAnswered ends a walk that has written its answer.
var errAnswered = errors.New("answered")

// walk goes down a table until a step refuses or answers. An error carries the step's name for the log.
func walk[T any](table []step[T], state T) error {
	for _, s := range table {
		switch err := s.do(state); {
		case errors.Is(err, errAnswered):
			return nil
		case err != nil:
			return fmt.Errorf("%s (%s): %w", s.name, s.cites, err)
		}
	}
	return nil
}
