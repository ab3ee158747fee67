package broker

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

const (
	maxIssuerAnswer = 1 << 20
	keysFor         = time.Hour
	keysPause       = 10 * time.Second
)

// issuer is the broker's side of OAuth: what an ordinary client does there.
type issuer struct {
	id     string
	client string
	secret symbolon.Secret
	http   *http.Client
	clock  symbolon.Clock
	found  atomic.Pointer[metadata]
	keys   atomic.Pointer[keySet]
}

func newIssuer(c *Config) *issuer {
	// Like [verify], it follows no redirect and keeps no cookie.
	client := &http.Client{Transport: c.HTTP.Transport, Timeout: snapshotTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &issuer{id: c.Issuer, client: c.ClientID, secret: c.Secret, http: client, clock: c.Clock}
}

// metadata is what the broker uses of RFC 8414 and OpenID Connect Discovery 1.0.
type metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
	EndSession    string `json:"end_session_endpoint"`
	JWKS          string `json:"jwks_uri"`
}

type keySet struct {
	token.KeySet
	since time.Time
}

// tokenAnswer is RFC 6749 §5.1 and OpenID Connect Core 1.0 §3.1.3.3.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	IDToken     string `json:"id_token"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// discover reads the issuer's metadata once.
func (i *issuer) discover(ctx context.Context) (*metadata, error) {
	if known := i.found.Load(); known != nil {
		return known, nil
	}
	found := new(metadata)
	if err := i.get(ctx, i.id+"/.well-known/openid-configuration", found); err != nil {
		return nil, err
	}
	if found.Issuer != i.id { // RFC 8414 §3.3
		return nil, symbolon.Errorf(symbolon.Unavailable, "%s describes another issuer", i.id)
	}
	for _, endpoint := range []string{found.Authorization, found.Token, found.Revocation, found.JWKS} {
		if u, err := url.Parse(endpoint); err != nil || u.Host == "" || !strings.HasPrefix(i.id, u.Scheme+"://") {
			return nil, symbolon.Errorf(symbolon.Unavailable, "the issuer's metadata lack an endpoint, or name one of another scheme").Because(err)
		}
	}
	i.found.Store(found)
	return found, nil
}

func (i *issuer) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	status, body, err := i.do(req)
	if err == nil && status != http.StatusOK {
		err = symbolon.Errorf(symbolon.Unavailable, "%s answered with %d", address, status)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

func (i *issuer) do(req *http.Request) (status int, body []byte, err error) {
	req.Header.Set("Accept", "application/json")
	res, err := i.http.Do(req)
	if err != nil {
		return 0, nil, symbolon.Errorf(symbolon.Unavailable, "the issuer cannot be reached").Because(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxIssuerAnswer))
	return res.StatusCode, body, err
}

// post sends a form as the broker (RFC 6749 §2.3.1).
func (i *issuer) post(ctx context.Context, endpoint string, form url.Values) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(i.client), url.QueryEscape(i.secret.Reveal()))
	return i.do(req)
}

// token asks the token endpoint. A refusal is an error of kind Denied with the issuer's code;
// whatever keeps it from deciding is Unavailable.
func (i *issuer) token(ctx context.Context, form url.Values) (*tokenAnswer, error) {
	known, err := i.discover(ctx)
	if err != nil {
		return nil, err
	}
	status, body, err := i.post(ctx, known.Token, form)
	if err != nil {
		return nil, err
	}
	answer := new(tokenAnswer)
	broken := json.Unmarshal(body, answer)
	switch {
	case status == http.StatusOK && broken == nil && answer.AccessToken != "" && answer.ExpiresIn > 0:
		return answer, nil
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && broken == nil && answer.Error != "":
		return nil, symbolon.Refuse(symbolon.Denied, answer.Error, "the issuer refuses: %s", answer.Description)
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "the token endpoint answered with %d and nothing usable", status).Because(broken)
}

// revoke withdraws a token (RFC 7009).
func (i *issuer) revoke(ctx context.Context, raw symbolon.Secret) error {
	known, err := i.discover(ctx)
	if err != nil {
		return err
	}
	status, _, err := i.post(ctx, known.Revocation, url.Values{"token": {raw.Reveal()}, "token_type_hint": {"access_token"}})
	if err == nil && status != http.StatusOK {
		err = symbolon.Errorf(symbolon.Unavailable, "the token could not be revoked: status %d", status)
	}
	return err
}

// idToken verifies an ID token of this login (OpenID Connect Core 1.0 §3.1.3.7).
func (i *issuer) idToken(ctx context.Context, raw, nonce string) (*token.Claims, error) {
	keys, err := i.keysFor(ctx, false)
	if err != nil {
		return nil, err
	}
	claims, err := i.verifyID(keys, raw)
	if symbolon.IsKind(err, symbolon.NotFound) {
		if keys, err = i.keysFor(ctx, true); err == nil {
			claims, err = i.verifyID(keys, raw)
		}
	}
	if err != nil {
		return nil, err
	}
	if claims.Nonce == "" || !symbolon.NewSecret(claims.Nonce).Equal(symbolon.NewSecret(nonce)) {
		return nil, symbolon.Errorf(symbolon.Denied, "the ID token is of another login")
	}
	return claims, nil
}

func (i *issuer) verifyID(keys *keySet, raw string) (*token.Claims, error) {
	v := token.Verifier{Keys: keys, Types: []string{token.TypeIDToken, ""}, Issuer: i.id, Audience: i.client, Leeway: 5 * time.Second, Clock: i.clock}
	return v.Verify(raw)
}

// keysFor gives the issuer's keys; again asks anew if they were not asked for just now.
func (i *issuer) keysFor(ctx context.Context, again bool) (*keySet, error) {
	kept, now := i.keys.Load(), i.clock()
	if kept != nil && now.Sub(kept.since) < keysFor && (!again || now.Sub(kept.since) < keysPause) {
		return kept, nil
	}
	known, err := i.discover(ctx)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := i.get(ctx, known.JWKS, &raw); err != nil {
		return nil, err
	}
	set, err := token.ParseJWKS(raw)
	if err != nil {
		return nil, err
	}
	fresh := &keySet{set, now}
	i.keys.Store(fresh)
	return fresh, nil
}
