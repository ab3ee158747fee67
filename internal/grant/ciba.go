package grant

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/token"
)

// Client-initiated backchannel authentication, OpenID CIBA Core 1.0: poll and ping. Push does not
// exist here: tokens go to whoever proves to be the client, not to an address.
const (
	askLife    = 5 * time.Minute
	minAskLife = 10 * time.Second
	maxAskLife = 30 * time.Minute

	maxBinding  = 100 // characters: it has to be read on a small screen, and compared
	minNotify   = 22  // characters of a notification token: 128 bits (§7.1)
	maxNotify   = 1024
	maxAsking   = 5  // requests of one client that may wait for one person,
	maxAsked    = 20 // and of all clients: people who are asked too often say yes to anything
	deliverPoll = "poll"
	deliverPing = "ping"
)

// DeliveryModes lists the token delivery modes, as metadata publishes them.
func DeliveryModes() []string { return []string{deliverPoll, deliverPing} }

// PersonRequest is a backchannel authentication request (CIBA Core §7.1) of an authenticated
// client. What was not sent is empty.
type PersonRequest struct {
	ID        string // of the HTTP request
	Client    *symbolon.Client
	Scopes    []string
	Resources []string
	ACRs      []string

	LoginHint, LoginHintToken, IDTokenHint string
	Binding, UserCode, Expiry, Notify      string
	NeedBinding                            bool // by the client's profile: FAPI-CIBA §5.2.2
}

// Acknowledged is what the client gets for it: CIBA Core §7.3.
type Acknowledged struct {
	ID        symbolon.Secret // auth_req_id
	ExpiresIn int64           // seconds
	Interval  int64
	User      symbolon.UserID // for the log
}

// MayAskPeople reports whether a client may make backchannel authentication requests.
func MayAskPeople(c *symbolon.Client) error {
	if client.Public(c) || !Registered(c, TypeCIBA) {
		return symbolon.Refuse(symbolon.Denied, "unauthorized_client", "this client is not registered for backchannel authentication")
	}
	return nil
}

// AskPerson has a person asked who is elsewhere. Errors carry the codes of CIBA Core §13.
func (g *Grants) AskPerson(ctx context.Context, p PersonRequest) (Acknowledged, error) {
	if err := MayAskPeople(p.Client); err != nil {
		return Acknowledged{}, err
	}
	life, err := p.wellFormed()
	if err != nil {
		return Acknowledged{}, err
	}
	ask, err := g.Ask(g.Catalog.Current(), p.Client, p.Scopes, p.Resources)
	if err != nil {
		return Acknowledged{}, err
	}
	if !slices.Contains(ask.Scopes, ScopeOpenID) {
		return Acknowledged{}, symbolon.Refuse(symbolon.Invalid, "invalid_scope", "the scope openid is missing")
	}
	user, err := g.hinted(ctx, &p)
	if err != nil {
		return Acknowledged{}, err
	}
	if err := g.bearable(ctx, user.ID, p.Client.ID); err != nil {
		return Acknowledged{}, err
	}
	raw, now := token.NewOpaque(token.PrefixTicket), g.Clock()
	w := &waiting{Client: p.Client.ID, Scopes: ask.Scopes, Resources: ask.IDs(), Issued: now, Ends: now.Add(life),
		Gives: symbolon.NewAuthorizationID(), User: user.ID, Binding: p.Binding, ACR: weakest(p.ACRs),
		hash: raw.Hash(), kind: symbolon.BackchannelTicket}
	if p.Client.DeliveryMode == deliverPing {
		w.Notify, w.Raw = p.Notify, raw.Reveal()
	}
	if err := g.putAsked(ctx, w, p.ID); err != nil {
		return Acknowledged{}, err
	}
	g.tell(user, w, p.Client, ask)
	return Acknowledged{raw, int64(life / time.Second), int64(pollInterval / time.Second), user.ID}, nil
}

func (g *Grants) putAsked(ctx context.Context, w *waiting, requestID string) error {
	row, err := g.put(w)
	if err != nil {
		return err
	}
	return g.Store.Commit(ctx, row, symbolon.Event{
		ID: symbolon.NewEventID(), At: w.Issued, Type: symbolon.AuthorizationRequested, Actor: string(w.Client), User: w.User,
		Client: w.Client, Authorization: w.Gives, RequestID: requestID,
		Data: map[string]any{"scopes": w.Scopes, "grant": string(w.kind)},
	})
}

// wellFormed checks what stands for itself, and says how long the request may wait.
func (p *PersonRequest) wellFormed() (time.Duration, error) {
	ping := p.Client.DeliveryMode == deliverPing
	switch {
	case p.UserCode != "":
		return 0, invalidAsk("invalid_request", "the parameter user_code is not taken here; the metadata says so")
	case p.LoginHintToken != "":
		return 0, invalidAsk("invalid_request", "the parameter login_hint_token is not taken here: send login_hint or id_token_hint")
	case (p.LoginHint == "") == (p.IDTokenHint == ""):
		return 0, invalidAsk("invalid_request", "exactly one of login_hint and id_token_hint says who is asked")
	case ping && p.Notify == "":
		return 0, invalidAsk("invalid_request", "the parameter client_notification_token is missing: this client is registered for ping")
	case ping && !notifyToken(p.Notify):
		return 0, invalidAsk("invalid_request", "client_notification_token must be a bearer token of %d to %d characters", minNotify, maxNotify)
	case p.Binding == "" && p.NeedBinding:
		return 0, invalidAsk("invalid_binding_message", "the profile of this client needs a binding_message")
	case !bindingMessage(p.Binding):
		return 0, invalidAsk("invalid_binding_message", "binding_message must be one line of at most %d plain characters", maxBinding)
	}
	return p.life()
}

func (p *PersonRequest) life() (time.Duration, error) {
	if p.Expiry == "" {
		return askLife, nil
	}
	seconds, err := strconv.ParseInt(p.Expiry, 10, 32)
	if err != nil || seconds < 1 {
		return 0, invalidAsk("invalid_request", "requested_expiry must be a positive number of seconds")
	}
	return min(max(time.Duration(seconds)*time.Second, minAskLife), maxAskLife), nil
}

func invalidAsk(code, format string, args ...any) error {
	return symbolon.Refuse(symbolon.Invalid, code, format, args...)
}

// notifyToken holds a token to the syntax of RFC 6750 §2.1, which it will be sent in.
func notifyToken(s string) bool {
	body := strings.TrimRight(s, "=")
	return len(s) >= minNotify && len(s) <= maxNotify && body != "" &&
		strings.IndexFunc(body, func(r rune) bool { return !unreserved(r) && r != '+' && r != '/' }) < 0
}

func bindingMessage(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxBinding &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// weakest of the classes that exist here; whoever reaches it reaches one of those asked for.
func weakest(wanted []string) (acr symbolon.ACR) {
	for _, value := range wanted {
		one := symbolon.ACR(value)
		if one.Level() > 0 && (acr == symbolon.ACRNone || one.Level() < acr.Level()) {
			acr = one
		}
	}
	return acr
}

// hinted finds who is to be asked. Somebody who is disabled is unknown.
func (g *Grants) hinted(ctx context.Context, p *PersonRequest) (*symbolon.User, error) {
	user, err := g.hintedUser(ctx, p)
	if symbolon.IsKind(err, symbolon.NotFound) || err == nil && user.Disabled {
		return nil, symbolon.Refuse(symbolon.Invalid, "unknown_user_id", "nobody is known by this hint")
	}
	return user, err
}

func (g *Grants) hintedUser(ctx context.Context, p *PersonRequest) (*symbolon.User, error) {
	if p.LoginHint != "" {
		return g.Store.UserByLogin(ctx, p.LoginHint)
	}
	claims, err := g.ownIDToken(p.IDTokenHint, p.Client)
	if err != nil {
		return nil, invalidAsk("invalid_request", "id_token_hint is not an ID token that was made for this client")
	}
	return g.Tokens.User(ctx, symbolon.UserID(claims.Subject))
}

// ownIDToken reads an ID token of ours for one client, an expired one too: it names somebody.
func (g *Grants) ownIDToken(compact string, c *symbolon.Client) (*token.Claims, error) {
	verifier := token.Verifier{Keys: g.Tokens.Keys, Types: []string{token.TypeIDToken}}
	payload, err := verifier.Payload(compact)
	if err != nil {
		return nil, err
	}
	claims := new(token.Claims)
	if err := claims.UnmarshalJSON(payload); err != nil {
		return nil, err
	}
	if claims.Issuer != g.Issuer || len(claims.Audience) != 1 || claims.Audience[0] != string(c.ID) || claims.ClientID != "" {
		return nil, errors.New("another issuer's, or for another client")
	}
	return claims, nil
}

// bearable refuses to ask a person who has enough to answer already.
func (g *Grants) bearable(ctx context.Context, user symbolon.UserID, by symbolon.ClientID) error {
	open, err := g.Questions(ctx, user)
	if err != nil {
		return err
	}
	own := 0
	for _, q := range open {
		if q.Client.ID == by {
			own++
		}
	}
	if own >= maxAsking || len(open) >= maxAsked {
		return symbolon.Errorf(symbolon.TooMany, "too many requests wait for this person already")
	}
	return nil
}

// ciba redeems an auth_req_id: CIBA Core §10.1.
func (g *Grants) ciba(ctx context.Context, q *Request) (*Response, error) {
	if q.AuthReqID == "" {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the parameter auth_req_id is missing")
	}
	return g.poll(ctx, q, q.AuthReqID, symbolon.BackchannelTicket)
}
