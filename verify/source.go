package verify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"symbolon.dev"
)

// Client says who this program is at the issuer.
type Client struct {
	Issuer string          // its identifier, a URL
	ID     string          // client_id
	Secret symbolon.Secret // for client_secret_basic
	HTTP   *http.Client    // its Transport is used; default [http.DefaultTransport]
	Clock  symbolon.Clock  // default [symbolon.Now]
}

func (c *Client) connect(names []string) (*issuer, credential, error) {
	if c.ID == "" || c.Secret.Empty() {
		return nil, credential{}, symbolon.Errorf(symbolon.Invalid, "a client id and a secret are needed")
	}
	if c.Clock == nil {
		c.Clock = symbolon.Now
	}
	at, err := newIssuer(c.Issuer, names, c.HTTP, c.Clock)
	return at, credential{c.ID, c.Secret}, err
}

// Issued is what the token endpoint gave (RFC 6749 §5.1).
type Issued struct {
	Token   symbolon.Secret
	Expires time.Time
	Scope   []string // what was granted; as asked for if the issuer did not say
}

// TokenSource gets access tokens for this program itself (RFC 6749 §4.4) and keeps one until
// shortly before its end. It is safe for concurrent use.
type TokenSource struct {
	tokens *tokenEndpoint
	clock  symbolon.Clock
	values url.Values

	asking singleflight.Group
	mu     sync.Mutex
	kept   Issued
	renew  time.Time // from here on a new one is fetched while the old one still serves
}

// NewTokenSource makes a source of tokens for one resource (RFC 8707), with these scopes or
// the client's default ones. The error is of kind Invalid.
func NewTokenSource(c Client, resource string, scopes ...string) (*TokenSource, error) {
	endpoint, err := newTokenEndpoint(&c)
	if err != nil {
		return nil, err
	}
	return &TokenSource{tokens: endpoint, clock: c.Clock, values: target("client_credentials", resource, scopes)}, nil
}

// Token gives a token that has not ended. An error is of kind Unavailable, or Denied with the
// issuer's own code.
func (s *TokenSource) Token(ctx context.Context) (symbolon.Secret, error) {
	now := s.clock()
	s.mu.Lock()
	kept, renew := s.kept, s.renew
	s.mu.Unlock()
	if !kept.Token.Empty() && now.Before(kept.Expires) {
		if !now.Before(renew) {
			go func() { _, _ = share(context.WithoutCancel(ctx), &s.asking, "", callTimeout, s.fetch) }()
		}
		return kept.Token, nil
	}
	fetched, err := share(ctx, &s.asking, "", callTimeout, s.fetch)
	return fetched.Token, err
}

// Forget drops a token that was refused, if it is still the one that is kept.
func (s *TokenSource) Forget(refused symbolon.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Token.Equal(refused) {
		s.kept = Issued{}
	}
}

func (s *TokenSource) fetch(ctx context.Context) (Issued, error) {
	begun := s.clock()
	issued, err := s.tokens.ask(ctx, s.values, begun)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.renew = begun.Add(time.Second) // do not ask with every request while the old one serves
		return Issued{}, err
	}
	s.kept, s.renew = issued, begun.Add(issued.Expires.Sub(begun)*3/4)
	return issued, nil
}

// Exchanger swaps a token that was presented here for one of another resource (RFC 8693), so that
// the caller's identity travels on and this program is named as the actor.
type Exchanger struct {
	tokens *tokenEndpoint
	clock  symbolon.Clock
}

// NewExchanger makes an exchanger for one client. The error is of kind Invalid.
func NewExchanger(c Client) (*Exchanger, error) {
	endpoint, err := newTokenEndpoint(&c)
	if err != nil {
		return nil, err
	}
	return &Exchanger{tokens: endpoint, clock: c.Clock}, nil
}

// Exchange asks for a token of resource on behalf of the subject token's subject. Nothing is
// kept. An error is of kind Unavailable, or Denied with the issuer's own code.
func (e *Exchanger) Exchange(ctx context.Context, subject symbolon.Secret, resource string, scopes ...string) (Issued, error) {
	const accessToken = "urn:ietf:params:oauth:token-type:access_token"
	values := target("urn:ietf:params:oauth:grant-type:token-exchange", resource, scopes)
	values.Set("subject_token", subject.Reveal())
	values.Set("subject_token_type", accessToken)
	values.Set("requested_token_type", accessToken)
	return e.tokens.ask(ctx, values, e.clock())
}

func target(grant, resource string, scopes []string) url.Values {
	values := url.Values{"grant_type": {grant}}
	if resource != "" {
		values.Set("resource", resource)
	}
	if len(scopes) > 0 {
		values.Set("scope", strings.Join(scopes, " "))
	}
	return values
}

// tokenEndpoint is the issuer's, as one client.
type tokenEndpoint struct {
	issuer *issuer
	as     credential
}

func newTokenEndpoint(c *Client) (*tokenEndpoint, error) {
	at, as, err := c.connect(oauthNames)
	if err != nil {
		return nil, err
	}
	return &tokenEndpoint{at, as}, nil
}

func (t *tokenEndpoint) ask(ctx context.Context, values url.Values, begun time.Time) (Issued, error) {
	known, err := t.issuer.describe(ctx)
	if err != nil {
		return Issued{}, err
	}
	if known.TokenEndpoint == "" {
		return Issued{}, symbolon.Errorf(symbolon.Unavailable, "the issuer has no token endpoint")
	}
	status, body, err := t.issuer.form(ctx, known.TokenEndpoint, t.as, values)
	if err != nil {
		return Issued{}, err
	}
	return readIssued(status, body, values.Get("scope"), begun)
}

// readIssued reads an answer of RFC 6749 §5.
func readIssued(status int, body []byte, asked string, begun time.Time) (Issued, error) {
	answer := struct {
		AccessToken string  `json:"access_token"`
		TokenType   string  `json:"token_type"`
		ExpiresIn   float64 `json:"expires_in"`
		Scope       string  `json:"scope"`
		Error       string  `json:"error"`
		Description string  `json:"error_description"`
	}{Scope: asked}
	broken := json.Unmarshal(body, &answer)
	switch {
	case status >= 500 || status == http.StatusTooManyRequests:
		return Issued{}, unexpected("the token endpoint", status)
	case status != http.StatusOK && broken == nil && answer.Error != "":
		return Issued{}, symbolon.Refuse(symbolon.Denied, answer.Error, "the issuer refused a token: %s", answer.Description)
	case status != http.StatusOK:
		return Issued{}, unexpected("the token endpoint", status)
	case broken != nil || answer.AccessToken == "":
		return Issued{}, symbolon.Errorf(symbolon.Unavailable, "the token endpoint answered with no token").Because(broken)
	case !strings.EqualFold(answer.TokenType, "bearer") && !strings.EqualFold(answer.TokenType, "n_a"): // RFC 8693 §2.2.1
		return Issued{}, symbolon.Errorf(symbolon.Unavailable, "the token endpoint issued a token of type %q", answer.TokenType)
	case !(answer.ExpiresIn > 0 && answer.ExpiresIn < 1e9):
		return Issued{}, symbolon.Errorf(symbolon.Unavailable, "the token endpoint issued a token without an end")
	}
	return Issued{
		Token:   symbolon.NewSecret(answer.AccessToken),
		Expires: begun.Add(time.Duration(answer.ExpiresIn * float64(time.Second))),
		Scope:   strings.Fields(answer.Scope),
	}, nil
}
