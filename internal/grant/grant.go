// Package grant turns what a client holds into tokens: one file per OAuth grant.
//
// Every grant runs the same phases, which stand once in this file: the client must be registered
// for the grant; the grant proves its own evidence (a code, a refresh token, a subject token, or
// just the client itself) and says what to mint; policy agrees; the issuer mints; and all changes
// of the request commit together, with the event that tells of them, before anything is answered.
// Laws:
//
//   - A code works once. Whoever shows it again ends everything that the first use gave.
//   - A refresh token works once, too. Its successor is derived from it, so a client that lost
//     the answer may ask again for a few seconds and gets the same one. Showing it later, or
//     once its successor was used, ends the family.
//   - A token has one audience. Its scopes are those of that audience, out of what was granted.
//   - What a client proves to hold, its tokens are bound to; a public client's refresh tokens too.
//   - Nothing outlives what it came from: the session, the authorization, the subject token.
//   - Whatever is wrong with a code or a token, its bearer reads the same words; the log knows more.
package grant

import (
	"context"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/token"
)

// Store is what grants need of the record.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	Ticket(ctx context.Context, hash symbolon.Hash) (*symbolon.Ticket, error)
	Token(ctx context.Context, hash symbolon.Hash) (*symbolon.Token, error)
	Authorization(ctx context.Context, id symbolon.AuthorizationID) (*symbolon.Authorization, error)
	Session(ctx context.Context, id symbolon.SessionID) (*symbolon.Session, error)
	UserByLogin(ctx context.Context, login string) (*symbolon.User, error)
	// Waiting lists the unused backchannel tickets of a person that end after now.
	Waiting(ctx context.Context, user symbolon.UserID, now time.Time) ([]symbolon.Ticket, error)
	Attempts(ctx context.Context, key string) (int, error)
}

// Catalog gives the current snapshot of what is declared.
type Catalog interface{ Current() *catalog.Snapshot }

// Ledger counts decisions.
type Ledger interface{ Add(symbolon.LedgerEntry) }

// Keys finds what clients and trusted issuers publish to be verified with.
type Keys interface {
	Keys(ctx context.Context, c *symbolon.Client) token.KeySource
	IssuerKeys(ctx context.Context, trust *symbolon.Trust) (token.KeySource, error)
}

// Config of [New]. Ledger and Courier may be nil; without Keys there are no signed requests and
// no assertions.
type Config struct {
	Issuer  string // its URL
	Store   Store
	Catalog Catalog
	Tokens  *issuer.Issuer
	Vault   *key.Vault
	Clock   symbolon.Clock
	Ledger  Ledger
	Courier *Courier // nil = nobody is notified
	Keys    Keys
	Enabled []string // drafts, by name
}

// Grants redeems. It keeps no state.
type Grants struct {
	Config
	userinfo *symbolon.Resource
}

// New makes the room over a store.
func New(c Config) *Grants { return &Grants{Config: c, userinfo: Userinfo(c.Issuer)} }

// The grant types, as clients register them and requests name them.
const (
	TypeCode              = "authorization_code"
	TypeRefresh           = "refresh_token"
	TypeClientCredentials = "client_credentials"
	TypeExchange          = "urn:ietf:params:oauth:grant-type:token-exchange"
	TypeDevice            = "urn:ietf:params:oauth:grant-type:device_code"
	TypeCIBA              = "urn:openid:params:grant-type:ciba"
	TypeJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// Types lists them, as metadata publishes them.
func Types() []string {
	return []string{TypeCode, TypeRefresh, TypeClientCredentials, TypeExchange, TypeDevice, TypeCIBA, TypeJWTBearer}
}

// Request is a token request whose client is authenticated. What was not sent is empty.
type Request struct {
	ID        string // of the HTTP request
	Client    *symbolon.Client
	Type      string
	Scopes    []string
	Resources []string // RFC 8707
	Audiences []string // RFC 8693
	Details   string   // authorization_details, as sent (RFC 9396 §6)

	Holder *token.Confirmation // what the client has proven to hold: the key of a DPoP proof, a certificate; nil = nothing

	Code, RedirectURI, Verifier string // RFC 6749 §4.1.3, RFC 7636 §4.5
	RefreshToken                string // RFC 6749 §6
	DeviceCode                  string // RFC 8628 §3.4
	AuthReqID                   string // CIBA Core §10.1
	Assertion                   string // RFC 7523 §2.1

	SubjectToken, SubjectTokenType string // RFC 8693 §2.1
	ActorToken, ActorTokenType     string
	Impersonate                    bool   // ours: to stand in no act claim; policy action "impersonate"
	Widening, Transaction          string // ours: a named rule that adds scopes, and the transaction it is for
	RequestedTokenType             string
}

// Response is what was issued (RFC 6749 §5.1, RFC 8693 §2.2).
type Response struct {
	AccessToken     symbolon.Secret
	TokenType       string // "" = Bearer
	IssuedTokenType string // exchange only
	ExpiresIn       int64  // seconds
	Scopes          []string
	Details         []symbolon.Detail // RFC 9396 §7
	RefreshToken    symbolon.Secret   // may be empty
	IDToken         string            // may be empty

	User     symbolon.UserID // for the log
	Session  symbolon.SessionID
	Resource symbolon.ResourceID
}

// Redeem issues what a request is entitled to. Refusals are *symbolon.Error with a code of
// RFC 6749 §5.2, RFC 8707 §2 or RFC 8693 §2.2.2.
func (g *Grants) Redeem(ctx context.Context, q Request) (*Response, error) {
	redeem := g.redeemer(q.Type)
	if redeem == nil {
		return nil, symbolon.Refuse(symbolon.Invalid, "unsupported_grant_type", "this grant type is not offered; the metadata lists those that are")
	}
	if !Registered(q.Client, q.Type) {
		return nil, symbolon.Refuse(symbolon.Denied, "unauthorized_client", "this client is not registered for this grant type")
	}
	response, err := redeem(ctx, &q)
	if err == nil && q.proved() && response.TokenType == "" {
		return nil, symbolon.Errorf(symbolon.Internal, "a grant dropped the binding that was proven")
	}
	return response, err
}

func (g *Grants) redeemer(grantType string) func(context.Context, *Request) (*Response, error) {
	switch grantType {
	case TypeCode:
		return g.code
	case TypeRefresh:
		return g.refresh
	case TypeClientCredentials:
		return g.clientCredentials
	case TypeExchange:
		return g.exchange
	case TypeDevice:
		return g.device
	case TypeCIBA:
		return g.ciba
	case TypeJWTBearer:
		return g.jwtBearer
	}
	return nil
}

// Registered reports whether a client may use a grant. One that names none has the code grant
// (RFC 7591 §2).
func Registered(c *symbolon.Client, grantType string) bool {
	if len(c.GrantTypes) == 0 {
		return grantType == TypeCode
	}
	return slices.Contains(c.GrantTypes, grantType)
}

// answer makes the response to one minted token.
func answer(issued issuer.Issued, r *symbolon.Resource) *Response {
	response := &Response{
		AccessToken: issued.Raw, Scopes: issued.Scopes, Details: issuer.DetailsOf(issued.Claims), Resource: r.ID,
		ExpiresIn: int64(issued.Expires.Sub(issued.Issued) / time.Second),
	}
	if bound := issued.Claims.Confirmation; bound != nil && bound.JKT != "" {
		response.TokenType = token.SchemeDPoP // RFC 9449 §5
	}
	return response
}

func (g *Grants) commit(ctx context.Context, changes []symbolon.Change) error {
	if len(changes) == 0 {
		return nil
	}
	return g.Store.Commit(ctx, changes...)
}
