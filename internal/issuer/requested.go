package issuer

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"symbolon.dev"
	"symbolon.dev/token"
)

const (
	claimDetails  = "authorization_details" // RFC 9396 §9.1
	claimUserinfo = "userinfo_claims"       // of a token for userinfo: asked for one by one (OpenID Connect Core 1.0 §5.5)
)

// claimScopes says which scope gives each claim about a person (OpenID Connect Core 1.0 §5.4).
var claimScopes = map[string]string{
	"name": "profile", claimUsername: "profile", "updated_at": "profile", "email": "email", "email_verified": "email",
}

// ScopeOfClaim is the scope that a claim about a person belongs to; false if there is no such claim.
func ScopeOfClaim(name string) (scope string, known bool) {
	scope, known = claimScopes[name]
	return scope, known
}

// ClaimsNamed tells of a person what was asked for by name, as far as it is known.
func ClaimsNamed(user *symbolon.User, names []string) map[string]any {
	told := UserInfo(user, []string{"profile", "email"})
	maps.DeleteFunc(told, func(name string, _ any) bool { return !slices.Contains(names, name) })
	return told
}

// UserInfoFor is what the holder of a token for userinfo may know: by its scopes, and by name.
func UserInfoFor(user *symbolon.User, c *token.Claims) map[string]any {
	told := UserInfo(user, c.Scope)
	var names []string
	for _, name := range list(c.Extra[claimUserinfo]) {
		text, _ := name.(string)
		names = append(names, text)
	}
	maps.Copy(told, ClaimsNamed(user, names))
	return told
}

func list(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case []string:
		all := make([]any, len(v))
		for i := range v {
			all[i] = v[i]
		}
		return all
	}
	return nil
}

// agreed adds what was agreed to in detail.
func (m *Mint) agreed(c *token.Claims) {
	if len(m.Details) > 0 {
		told := make([]any, len(m.Details))
		for i, d := range m.Details {
			told[i] = d.Members()
		}
		setExtra(c, claimDetails, told)
	}
	if a := m.Authorization; a != nil && len(a.Userinfo) > 0 && m.Resource.Identifier == c.Issuer+"/userinfo" {
		setExtra(c, claimUserinfo, a.Userinfo)
	}
}

// DetailsOf reads the authorization details of a token.
func DetailsOf(c *token.Claims) (details []symbolon.Detail) {
	for _, one := range list(c.Extra[claimDetails]) {
		text, err := json.Marshal(one)
		value := jsontext.Value(text)
		if err == nil && value.Canonicalize() == nil {
			details = append(details, symbolon.Detail(value))
		}
	}
	return details
}

// details of an exchange are those of the subject token that mean something at the target: all of them,
// or those asked for, each equal to one that is there. None is ever changed on its way.
func (x *Exchange) details() ([]symbolon.Detail, error) {
	var kept []symbolon.Detail
	for _, d := range DetailsOf(x.Subject) {
		if slices.ContainsFunc(x.Target.DetailTypes, func(t symbolon.DetailType) bool { return t.Type == d.Type() }) {
			kept = append(kept, d)
		}
	}
	return NarrowDetails(kept, x.Details)
}

// NarrowDetails keeps of what was granted what is asked for, all of it if nothing is. More than was
// granted is invalid_authorization_details (RFC 9396 §6).
func NarrowDetails(granted, asked []symbolon.Detail) ([]symbolon.Detail, error) {
	if len(asked) == 0 {
		return granted, nil
	}
	for _, d := range asked {
		if !slices.Contains(granted, d) {
			return nil, symbolon.Refuse(symbolon.Invalid, "invalid_authorization_details", "an authorization detail is asked for that was not granted")
		}
	}
	return asked, nil
}
