package oauth

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

// call is one request of a client to an endpoint that it calls directly.
type call struct {
	*endpoints
	w      http.ResponseWriter
	r      *http.Request
	ev     *door.Event
	params params
	client *symbolon.Client
	holder *token.Confirmation // what the client has proven to hold; nil = nothing
}

var tokenTable = []step[*call]{
	{"parameters", "RFC 6749 §3.2", (*call).readForm},
	{"client authentication", "RFC 6749 §3.2.1", (*call).authenticate},
	{"proof of possession", "RFC 9449 §5, RFC 8705 §3", (*call).prove},
	{"grant", "RFC 6749 §4, RFC 8693 §2", (*call).redeem},
}

// token is the token endpoint.
func (e *endpoints) token(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(tokenTable, &call{endpoints: e, w: w, r: r, ev: ev})
}

func (c *call) readForm() (err error) {
	c.params, err = formParams(c.r)
	return err
}

// authenticate gives the parameters that say who is asking to the room that knows.
func (c *call) authenticate() error {
	shown := make(url.Values, 2)
	for _, one := range c.params.pairs {
		if strings.HasPrefix(one.name, "client_") && one.value != "" {
			shown[one.name] = []string{one.value}
		}
	}
	found, err := c.Clients.Authenticate(c.r.Context(), c.r, shown)
	if err != nil {
		return err
	}
	c.client, c.ev.Client = found, string(found.ID)
	return nil
}

// confidential turns away callers that only name themselves.
func (c *call) confidential() error {
	if client.Public(c.client) {
		return symbolon.Refuse(symbolon.Unauthenticated, "invalid_client", "this endpoint needs a client that can authenticate")
	}
	return nil
}

func (c *call) redeem() error {
	q, err := c.grantRequest()
	if err != nil {
		return err
	}
	response, err := c.Grants.Redeem(c.r.Context(), q)
	if err != nil {
		return err
	}
	c.ev.Subject, c.ev.Session, c.ev.Resource = string(response.User), string(response.Session), string(response.Resource)
	answerJSON(c.w, http.StatusOK, tokenAnswer{
		AccessToken: response.AccessToken.Reveal(), TokenType: cmp.Or(response.TokenType, "Bearer"), ExpiresIn: response.ExpiresIn,
		Scope: strings.Join(response.Scopes, " "), RefreshToken: response.RefreshToken.Reveal(),
		IDToken: response.IDToken, IssuedTokenType: response.IssuedTokenType, Details: raw(response.Details),
	})
	return nil
}

// tokenAnswer is RFC 6749 §5.1, with id_token (OIDC Core §3.1.3.3) and issued_token_type
// (RFC 8693 §2.2.1).
type tokenAnswer struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type,omitempty"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"`
	Scope           string `json:"scope,omitempty"`
	RefreshToken    string `json:"refresh_token,omitempty"`
	IDToken         string `json:"id_token,omitempty"`

	Details []json.RawMessage `json:"authorization_details,omitempty"` // RFC 9396 §7
}

// raw gives details as the JSON that they are.
func raw(details []symbolon.Detail) (list []json.RawMessage) {
	for _, d := range details {
		list = append(list, json.RawMessage(d))
	}
	return list
}

func (c *call) grantRequest() (grant.Request, error) {
	p := &c.params
	q := grant.Request{
		ID: c.ev.RequestID, Client: c.client, Type: p.Get("grant_type"), Holder: c.holder, Resources: p.All("resource"), Audiences: p.All("audience"),
		Details: p.Get("authorization_details"),
		Code:    p.Get("code"), RedirectURI: p.Get("redirect_uri"), Verifier: p.Get("code_verifier"), RefreshToken: p.Get("refresh_token"),
		DeviceCode: p.Get("device_code"), AuthReqID: p.Get("auth_req_id"), Assertion: p.Get("assertion"),
		SubjectToken: p.Get("subject_token"), SubjectTokenType: p.Get("subject_token_type"),
		ActorToken: p.Get("actor_token"), ActorTokenType: p.Get("actor_token_type"), RequestedTokenType: p.Get("requested_token_type"),
		Impersonate: p.Get("impersonate") == "true", Widening: p.Get("widening"), Transaction: p.Get("txn"),
	}
	if q.Type == "" {
		return q, invalid("the parameter grant_type is missing")
	}
	var err error
	q.Scopes, err = scopesOf(p)
	return q, err
}

// scopesOf splits scope into its tokens (RFC 6749 §3.3).
func scopesOf(p *params) ([]string, error) {
	scopes := p.words("scope")
	if slices.ContainsFunc(scopes, func(s string) bool { return !grant.ValidScope(s) }) {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_scope", "the parameter scope has a character that no scope may have")
	}
	return scopes, nil
}
