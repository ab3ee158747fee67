package grant

import (
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

// Scopes of OpenID Connect Core 1.0 §5.4 and §11. They belong to the userinfo endpoint, not to
// any declared resource.
const (
	ScopeOpenID  = "openid"
	ScopeProfile = "profile"
	ScopeEmail   = "email"
	ScopeOffline = "offline_access"
)

// UserinfoID is the id of the resource that [Userinfo] describes.
const UserinfoID symbolon.ResourceID = "userinfo"

// Userinfo is the audience that the issuer itself is for people who log in with OpenID Connect:
// a request for openid that names no resource gets an access token for {issuer}/userinfo.
func Userinfo(issuerURL string) *symbolon.Resource {
	return &symbolon.Resource{
		ID: UserinfoID, Identifier: issuerURL + "/userinfo", Name: "your identity", Kind: "service",
		Scopes: []symbolon.Scope{
			{Name: ScopeOpenID, Description: "who you are to this application"},
			{Name: ScopeProfile, Description: "your name"},
			{Name: ScopeEmail, Description: "your e-mail address"},
			{Name: ScopeOffline, Description: "access while you are not there"},
		},
	}
}

// Ask is what a request wants, held against what exists and what its client may have.
type Ask struct {
	Scopes    []string
	Resources []*symbolon.Resource // as asked; userinfo is the last one if openid is among the scopes
}

// IDs names the resources.
func (a Ask) IDs() []symbolon.ResourceID {
	ids := make([]symbolon.ResourceID, len(a.Resources))
	for i, r := range a.Resources {
		ids[i] = r.ID
	}
	return ids
}

// Ask resolves the scopes and resource indicators of an authorization request (RFC 6749 §3.3,
// RFC 8707 §2). A request without scopes gets the client's defaults, one without resources its
// default resource. Errors: invalid_scope, invalid_target.
func (g *Grants) Ask(s *catalog.Snapshot, c *symbolon.Client, scopes, identifiers []string) (Ask, error) {
	resources, err := g.resources(s, c, identifiers)
	if err != nil {
		return Ask{}, err
	}
	openid := slices.Contains(scopes, ScopeOpenID) || len(scopes) == 0 && slices.Contains(c.DefaultScopes, ScopeOpenID)
	if openid && !slices.Contains(resources, g.userinfo) {
		resources = append(resources, g.userinfo)
	}
	if len(resources) == 0 {
		return Ask{}, invalidTarget("name the resource that the token is for (RFC 8707)")
	}
	granted, err := askScopes(c, scopes, resources, mayAsk(c))
	return Ask{granted, resources}, err
}

// resources finds what the indicators name, each once.
func (g *Grants) resources(s *catalog.Snapshot, c *symbolon.Client, identifiers []string) ([]*symbolon.Resource, error) {
	if len(identifiers) == 0 {
		if r, ok := s.Resource(symbolon.ResourceID(c.DefaultResource)); ok {
			return []*symbolon.Resource{r}, nil
		}
		return nil, nil
	}
	var found []*symbolon.Resource
	for _, identifier := range identifiers {
		r, ok := g.byIdentifier(s, identifier)
		if !ok {
			return nil, unavailableTarget()
		}
		if !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (g *Grants) byIdentifier(s *catalog.Snapshot, identifier string) (*symbolon.Resource, bool) {
	if identifier == g.userinfo.Identifier {
		return g.userinfo, true
	}
	r, ok := s.ByIdentifier(identifier)
	return r, ok && r.Foreign == nil // for another domain's server there are assertions alone
}

// ByID finds a resource that an authorization names, userinfo included.
func (g *Grants) ByID(s *catalog.Snapshot, id symbolon.ResourceID) (*symbolon.Resource, bool) {
	if id == UserinfoID {
		return g.userinfo, true
	}
	return s.Resource(id)
}

// askScopes holds scopes against the resources and the client's registration. Where userinfo is
// among the resources, a scope that nobody knows is ignored (OIDC Core §3.1.2.1); elsewhere it is
// an error. Of the client's defaults those count that fit.
func askScopes(c *symbolon.Client, asked []string, resources []*symbolon.Resource, may func(scope string) bool) ([]string, error) {
	lenient := len(asked) == 0 || slices.ContainsFunc(resources, func(r *symbolon.Resource) bool { return r.ID == UserinfoID })
	if len(asked) == 0 {
		asked = c.DefaultScopes
	}
	granted := make([]string, 0, len(asked))
	for _, scope := range asked {
		known := slices.ContainsFunc(resources, func(r *symbolon.Resource) bool { return declares(r, scope) })
		switch {
		case slices.Contains(granted, scope), !known && lenient, scope == ScopeOffline && !Registered(c, TypeRefresh):
		case !known, !may(scope):
			return nil, invalidScope(scope)
		default:
			granted = append(granted, scope)
		}
	}
	return granted, nil
}

// mayAsk is what a client may have from a person: the scopes it is registered for. One that
// registers none may ask who the person is, and nothing else.
func mayAsk(c *symbolon.Client) func(scope string) bool {
	return func(scope string) bool {
		if len(c.Scopes) > 0 {
			return slices.Contains(c.Scopes, scope)
		}
		return scope == ScopeOpenID || scope == ScopeProfile || scope == ScopeEmail || scope == ScopeOffline
	}
}

// mayHave is what a client may have for itself: the scopes it is registered for. For one that
// registers none, policy alone decides.
func mayHave(c *symbolon.Client) func(scope string) bool {
	return func(scope string) bool { return len(c.Scopes) == 0 || slices.Contains(c.Scopes, scope) }
}

func declares(r *symbolon.Resource, scope string) bool {
	return slices.ContainsFunc(r.Scopes, func(s symbolon.Scope) bool { return s.Name == scope })
}

// ScopesAt is the part of the granted scopes that means something at a resource.
func ScopesAt(r *symbolon.Resource, granted []string) []string {
	kept := make([]string, 0, len(granted))
	for _, scope := range granted {
		if declares(r, scope) {
			kept = append(kept, scope)
		}
	}
	return kept
}

// oneOf picks the audience of a token from what an authorization gave: the one that is named,
// or the only one there is; userinfo counts only where nothing else was granted.
func (g *Grants) oneOf(s *catalog.Snapshot, granted []symbolon.ResourceID, named []string) (*symbolon.Resource, error) {
	if len(named) > 0 {
		wanted := make([]*symbolon.Resource, len(named))
		for n, name := range named {
			r, ok := g.byIdentifier(s, name)
			if !ok || !slices.Contains(granted, r.ID) {
				return nil, invalidTarget("this resource was not part of the authorization")
			}
			wanted[n] = r
		}
		return carrier(wanted)
	}
	own := slices.DeleteFunc(slices.Clone(granted), func(id symbolon.ResourceID) bool { return id == UserinfoID })
	if len(own) == 0 {
		own = granted
	}
	if len(own) != 1 {
		return nil, invalidTarget("several resources were authorized: name one of them with the resource parameter")
	}
	if r, ok := g.ByID(s, own[0]); ok {
		return r, nil
	}
	return nil, unavailableTarget()
}

// narrow keeps of granted what is asked, all of it if nothing is; asking for more is invalid_scope
// (RFC 6749 §6).
func narrow(granted, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return granted, nil
	}
	kept := make([]string, 0, len(asked))
	for _, scope := range asked {
		if !slices.Contains(granted, scope) {
			return nil, invalidScope(scope)
		}
		if !slices.Contains(kept, scope) {
			kept = append(kept, scope)
		}
	}
	return kept, nil
}

func invalidTarget(message string) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_target", "%s", message)
}

// unavailableTarget says the same of a resource that does not exist and of one that policy keeps
// from this client, so that a token request cannot be used to look around.
func unavailableTarget() *symbolon.Error {
	return symbolon.Refuse(symbolon.Denied, "invalid_target", "no token for this resource: it is unknown, or policy does not give this client one")
}

func invalidScope(scope string) error {
	if !ValidScope(scope) {
		scope = "that was sent"
	}
	return symbolon.Refuse(symbolon.Invalid, "invalid_scope", "the scope %s is unknown here or more than may be asked for", scope)
}

// ValidScope reports whether s is a scope token: RFC 6749 §3.3.
func ValidScope(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e || r == '"' || r == '\\' }) < 0
}
