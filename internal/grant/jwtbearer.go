package grant

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// The JWT bearer grant, RFC 7523 §2.1: an issuer that an organisation is declared to trust says who
// somebody is, a client that the same declaration names presents it, and policy decides. What it says
// reaches no further than its organisation: it can speak of that organisation's people, and of the
// client that presents it, of nobody else. How strongly somebody logged in elsewhere counts for nothing.
const (
	maxAssertionLife = time.Hour // from now to exp: the jti is remembered as long
	assertionTokens  = time.Hour // the longest life of what an assertion gives
)

// assertion is one that has been verified.
type assertion struct {
	*token.Claims
	org  *symbolon.Organisation
	rule *symbolon.AssertionRule
	jag  bool // it is an ID-JAG, and says for which client, resource and scopes it is good
}

func (g *Grants) jwtBearer(ctx context.Context, q *Request) (*Response, error) {
	if client.Public(q.Client) {
		return nil, symbolon.Refuse(symbolon.Denied, "unauthorized_client", "a public client cannot present assertions")
	}
	if q.Assertion == "" {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the parameter assertion is missing")
	}
	snapshot := g.Catalog.Current()
	a, err := g.openAssertion(ctx, snapshot, q)
	if err != nil {
		return nil, err
	}
	r, scopes, err := g.assertedAsk(snapshot, q, a)
	if err != nil {
		return nil, err
	}
	once := symbolon.MarkOnce{Key: symbolon.HashOf("assertion " + a.Issuer + " " + a.ID), Expires: a.Expires.Add(leeway)}
	var response *Response
	var changes []symbolon.Change
	if a.rule.Services && a.Subject == string(q.Client.ID) {
		response, changes, err = g.assertedService(ctx, snapshot, q, r, scopes)
	} else {
		response, changes, err = g.assertedPerson(ctx, snapshot, q, a, r, scopes)
	}
	if err != nil {
		return nil, err
	}
	err = g.commit(ctx, append(changes, once))
	if symbolon.IsKind(err, symbolon.Conflict) {
		return nil, badAssertion("it was presented before")
	}
	return response, err
}

// openAssertion verifies an assertion: RFC 7523 §3. Whatever is wrong, its bearer reads the same.
func (g *Grants) openAssertion(ctx context.Context, s *catalog.Snapshot, q *Request) (*assertion, error) {
	typ, iss := peek(q.Assertion)
	org, trust, ok := s.Asserter(iss)
	if !ok || g.Keys == nil || !slices.Contains(trust.Assertions.Clients, q.Client.ID) {
		return nil, badAssertion("no issuer that is trusted to this client")
	}
	a := &assertion{org: org, rule: trust.Assertions, jag: strings.EqualFold(strings.TrimPrefix(typ, "application/"), TypeOfJAG)}
	types := []string{"", "JWT"}
	if a.jag {
		if !g.Draft(DraftJAG) {
			return nil, badAssertion("ID-JAGs are not enabled")
		}
		types = []string{TypeOfJAG}
	}
	keys, err := g.Keys.IssuerKeys(ctx, trust)
	if err != nil {
		return nil, err
	}
	verifier := token.Verifier{Keys: keys, Types: types, Issuer: trust.Issuer, Audience: g.Issuer, Leeway: leeway, Clock: g.Clock}
	if a.Claims, err = verifier.Verify(q.Assertion); err != nil {
		if symbolon.IsKind(err, symbolon.Unavailable) {
			return nil, err
		}
		return nil, badAssertion(err.Error())
	}
	return a, a.holds(q, g.Clock())
}

// peek reads who an assertion claims to be of, to find the keys that prove it.
func peek(compact string) (typ, iss string) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 || len(compact) > token.DefaultMaxSize {
		return "", ""
	}
	var header struct {
		Type string `json:"typ"`
	}
	var payload struct {
		Issuer string `json:"iss"`
	}
	for i, into := range []any{&header, &payload} {
		plain, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(plain, into) != nil {
			return "", ""
		}
	}
	return header.Type, payload.Issuer
}

// holds asks more than the RFC: one audience, an id, a near end. An ID-JAG is for one client.
func (a *assertion) holds(q *Request, now time.Time) error {
	switch {
	case len(a.Audience) != 1:
		return badAssertion("it is for more than this service")
	case a.ID == "" || len(a.ID) > 256:
		return badAssertion("it has no jti, so it could be presented again")
	case a.Subject == "":
		return badAssertion("it has no sub")
	case a.Expires.Sub(now) > maxAssertionLife:
		return badAssertion("it is valid for more than an hour")
	case a.jag && a.IssuedAt.IsZero():
		return badAssertion("it has no iat")
	case a.jag && a.ClientID != string(q.Client.ID), a.ClientID != "" && a.ClientID != string(q.Client.ID):
		return badAssertion("it is for another client")
	}
	return nil
}

// assertedAsk is the resource and the scopes: those asked for, within what the declaration and an
// ID-JAG leave.
func (g *Grants) assertedAsk(s *catalog.Snapshot, q *Request, a *assertion) (*symbolon.Resource, []string, error) {
	named := q.Resources
	if said := a.resources(); len(said) > 0 {
		if len(named) == 0 {
			named = said
		}
		if slices.ContainsFunc(named, func(r string) bool { return !slices.Contains(said, r) }) {
			return nil, nil, invalidTarget("the assertion is not for this resource")
		}
	}
	if len(named) > 1 {
		return nil, nil, invalidTarget("a token has one audience: name one resource")
	}
	resources, err := g.resources(s, q.Client, named)
	switch {
	case err != nil:
		return nil, nil, err
	case len(resources) == 0:
		return nil, nil, invalidTarget("name the resource that the token is for (RFC 8707)")
	case !slices.Contains(a.rule.Resources, resources[0].ID):
		return nil, nil, unavailableTarget()
	}
	asked := q.Scopes
	if len(a.Scope) > 0 {
		if asked, err = narrow(a.Scope, q.Scopes); err != nil {
			return nil, nil, err
		}
	}
	scopes, err := askScopes(q.Client, asked, resources, mayHave(q.Client))
	return resources[0], scopes, err
}

// resources an ID-JAG is for: text or a list.
func (a *assertion) resources() []string {
	switch said := a.Extra["resource"].(type) {
	case string:
		return []string{said}
	case []any:
		var list []string
		for _, one := range said {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}

// assertedService is a client whose own platform vouches for it.
func (g *Grants) assertedService(ctx context.Context, s *catalog.Snapshot, q *Request, r *symbolon.Resource, scopes []string) (*Response, []symbolon.Change, error) {
	subject := subjectOf{kind: token.KindService, id: string(q.Client.ID)}
	if err := g.mayAssert(s, q, subject, r, scopes); err != nil {
		return nil, nil, err
	}
	issued, changes, err := g.Tokens.Issue(ctx, issuer.Mint{Client: q.Client, Resource: r, Scopes: scopes, Lifetime: assertionTokens, Holder: q.Holder})
	if err != nil {
		return nil, nil, err
	}
	return answer(issued, r), changes, nil
}

// assertedPerson is somebody of the organisation that the issuer speaks for.
func (g *Grants) assertedPerson(ctx context.Context, s *catalog.Snapshot, q *Request, a *assertion, r *symbolon.Resource, scopes []string) (*Response, []symbolon.Change, error) {
	user, err := g.assertedUser(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	groups := make([]string, len(user.Groups))
	for i, group := range user.Groups {
		groups[i] = string(group)
	}
	subject := subjectOf{kind: token.KindUser, id: string(user.ID), groups: groups}
	if err := g.mayAssert(s, q, subject, r, scopes); err != nil {
		return nil, nil, err
	}
	now := g.Clock()
	given := &symbolon.Authorization{ID: symbolon.NewAuthorizationID(), User: user.ID, Client: q.Client.ID,
		Resources: []symbolon.ResourceID{r.ID}, Scopes: scopes, Created: now, Expires: now.Add(assertionTokens)}
	response, changes, err := g.mint(ctx, q, given, r, scopes)
	if err != nil {
		return nil, nil, err
	}
	return response, append(changes, symbolon.PutAuthorization{Authorization: *given}, symbolon.Event{
		ID: symbolon.NewEventID(), At: now, Type: symbolon.AuthorizationGranted, Actor: string(q.Client.ID), User: user.ID,
		Client: q.Client.ID, Resource: r.ID, Authorization: given.ID, RequestID: q.ID,
		Data: map[string]any{"scopes": scopes, "grant": "assertion", "issuer": a.Issuer, "organisation": string(a.org.ID)},
	}), nil
}

// assertedUser finds the person: of the issuer's own organisation, or nobody.
func (g *Grants) assertedUser(ctx context.Context, a *assertion) (*symbolon.User, error) {
	value := a.Subject
	if a.rule.Claim != "" && a.rule.Claim != "sub" {
		value, _ = a.Extra[a.rule.Claim].(string)
	}
	var user *symbolon.User
	var err error
	switch {
	case value == "" || a.rule.People == "":
		return nil, badAssertion("it names no person")
	case a.rule.People == "id":
		user, err = g.Tokens.User(ctx, symbolon.UserID(value))
	default:
		user, err = g.Store.UserByLogin(ctx, value)
	}
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, badAssertion("it names somebody unknown")
	case err != nil:
		return nil, err
	case user.Organisation != a.org.ID:
		return nil, badAssertion("it names somebody of another organisation")
	case user.Disabled:
		return nil, badAssertion("it names somebody who is disabled")
	}
	return user, nil
}

// subjectOf is whom an exchange is about, for the policy.
type subjectOf struct {
	kind, id string
	groups   []string
	level    int64
}

// mayAssert asks policy: action "exchange", from no resource of ours.
func (g *Grants) mayAssert(s *catalog.Snapshot, q *Request, about subjectOf, r *symbolon.Resource, scopes []string) error {
	decision := s.Policy.Decide(policy.Request{
		Principal: s.ServiceEntity(q.Client), Action: "exchange", Resource: s.ResourceEntity(r),
		Context: map[string]any{"subject_kind": about.kind, "subject": about.id, "subject_groups": about.groups,
			"scopes": scopes, "level": about.level},
	})
	g.count(q.ID, about.id, q.Client, r, "exchange", &decision)
	if decision.Allowed() {
		return nil
	}
	err := unavailableTarget().Because(symbolon.Errorf(symbolon.Denied, "policy: %s", decision.Reason))
	err.Policies, err.Remedies = decision.Policies, decision.Remedies
	if decision.Effect == policy.Challenge {
		err.Code, err.Message = "insufficient_user_authentication", "policy asks for a newer or stronger login of the person"
	}
	return err
}

// badAssertion is the one answer to an assertion that gives nothing: RFC 7523 §3.1.
func badAssertion(cause string) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_grant",
		"the assertion is not of a trusted issuer, not for this service and client, not valid now, used, or about nobody here").
		Because(symbolon.Errorf(symbolon.Invalid, "%s", cause))
}
