package oauth

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// claimsRequest is what the claims parameter asks for beyond what scopes give (OIDC Core §5.5): names
// of claims about the person, for the ID token and for userinfo.
type claimsRequest struct {
	idToken  []string
	userinfo []string
	subject  string // that the person must be; "" = anybody
}

// claimAsk is how one claim is asked for (OIDC Core §5.5.1). One that is nil is asked for as it is.
type claimAsk struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

const maxClaims = 50 // asked for in one place

// readClaims reads the claims parameter. It means something in OpenID Connect alone.
func (a *authorization) readClaims() error {
	raw := a.params.Get("claims")
	if raw == "" || !slices.Contains(a.ask.Scopes, grant.ScopeOpenID) {
		return nil
	}
	value := jsontext.Value(raw)
	var asked struct {
		Userinfo map[string]*claimAsk `json:"userinfo"`
		IDToken  map[string]*claimAsk `json:"id_token"`
	}
	if value.Kind() != '{' || value.Canonicalize() != nil || json.Unmarshal(value, &asked) != nil {
		return invalid("claims must be a JSON object as OpenID Connect Core section 5.5 has it")
	}
	if len(asked.Userinfo) > maxClaims || len(asked.IDToken) > maxClaims {
		return invalid("claims asks for more than %d", maxClaims)
	}
	a.claims.userinfo, a.claims.idToken = a.mayKnow(asked.Userinfo), a.mayKnow(asked.IDToken)
	for _, place := range []map[string]*claimAsk{asked.Userinfo, asked.IDToken} {
		if err := a.claims.expect(place["sub"]); err != nil {
			return err
		}
	}
	return a.readACRClaim(asked.IDToken["acr"])
}

// mayKnow keeps the claims that exist, and that this client could have by a scope as well. Whatever
// else is asked for is left out, essential or not (OIDC Core §5.5.1).
func (a *authorization) mayKnow(asked map[string]*claimAsk) (names []string) {
	for name := range asked {
		if scope, known := issuer.ScopeOfClaim(name); known && a.Grants.MayAsk(a.client, scope) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// expect takes a sub that is asked for by value: no other person will do (OIDC Core §5.5.1).
func (c *claimsRequest) expect(sub *claimAsk) error {
	if sub == nil || len(sub.Value) == 0 {
		return nil
	}
	var wanted string
	if err := json.Unmarshal(sub.Value, &wanted); err != nil || wanted == "" || c.subject != "" && c.subject != wanted {
		return invalid("claims asks for a sub that nobody can have")
	}
	c.subject = wanted
	return nil
}

// readACRClaim is acr_values by another name. An essential one of classes that are all unknown here
// cannot be met (OIDC Core §5.5.1.1).
func (a *authorization) readACRClaim(asked *claimAsk) error {
	if asked == nil {
		return nil
	}
	var wanted []string
	for _, one := range append(asked.Values, asked.Value) {
		var text string
		if len(one) > 0 && json.Unmarshal(one, &text) == nil {
			wanted = append(wanted, text)
		}
	}
	least := weakest(wanted)
	if least == symbolon.ACRNone && asked.Essential && len(wanted) > 0 {
		return symbolon.Refuse(symbolon.Denied, "unmet_authentication_requirements", "none of the essential classes of authentication exists here")
	}
	a.acr = strongest(a.acr, least)
	return nil
}

// readHint takes an ID token of ours, though it may have expired: it says whom the client expects.
func (a *authorization) readHint() error {
	hint := a.params.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	verifier := token.Verifier{Keys: a.Keys, Types: []string{token.TypeIDToken}, Clock: a.Clock}
	payload, err := verifier.Payload(hint)
	if err != nil {
		return invalid("the id_token_hint is no ID token of this issuer").Because(err)
	}
	var claims token.Claims
	if err := claims.UnmarshalJSON(payload); err != nil || claims.Issuer != a.Issuer || claims.Subject == "" {
		return invalid("the id_token_hint is no ID token of this issuer").Because(err)
	}
	if !slices.Contains(claims.Audience, string(a.client.ID)) {
		return invalid("the id_token_hint was issued to another client")
	}
	if a.claims.subject != "" && a.claims.subject != claims.Subject {
		return invalid("claims and id_token_hint name different people")
	}
	a.hint = claims.Subject
	return nil
}

// expected holds the person who is here to the one whom the client expects. Somebody else is asked to
// leave the place, once.
func (a *authorization) expected() error {
	wanted := cmp.Or(a.hint, a.claims.subject)
	if wanted == "" || wanted == a.Tokens.SubjectFor(a.client, a.user.ID) {
		return nil
	}
	if a.proofHolds() {
		return symbolon.Refuse(symbolon.Unauthenticated, "login_required", "somebody else logged in than the client expects")
	}
	return a.login("somebody else is logged in than the client expects", stepTo{ACR: a.acr, MaxAge: a.maxAge, Prompt: []string{promptSelect}})
}

// claimScopes are claims that are asked for one by one, as the consent page has them.
func (a *authorization) claimScopes() (names []string) {
	for _, name := range slices.Concat(a.claims.userinfo, a.claims.idToken) {
		scope, _ := issuer.ScopeOfClaim(name)
		if word := claimPrefix + name; !slices.Contains(a.ask.Scopes, scope) && !slices.Contains(names, word) {
			names = append(names, word)
		}
	}
	slices.Sort(names)
	return names
}

// claimPrefix marks a consent to one claim at userinfo, none of whose scopes begins so.
const claimPrefix = "claim:"

// covers reports whether a consent lets a client have a scope, or a claim that it asks for alone.
func covers(scopes []string, wanted string) bool {
	if slices.Contains(scopes, wanted) {
		return true
	}
	name, alone := strings.CutPrefix(wanted, claimPrefix)
	scope, known := issuer.ScopeOfClaim(name)
	return alone && known && slices.Contains(scopes, scope)
}
