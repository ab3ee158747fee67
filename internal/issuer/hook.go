package issuer

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/token"
)

const (
	// TypeClaimsRequest is the typ of the JWT that a hook is asked with.
	TypeClaimsRequest = "claims-request+jwt"

	// claimHook keeps a hook's answer in an opaque token, sealed with the rest; nobody is told it.
	claimHook = "hook_facts"

	defaultHookTime = time.Second
	maxHookAnswer   = 16 << 10
	askedFor        = time.Minute // how long the question is valid
)

// question is what a hook reads: for whom claims are wanted, and in which token. It is addressed
// to the hook and signed, so a hook can refuse to answer others.
type question struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Subject  string `json:"sub"`
	Kind     string `json:"sub_kind"`
	Client   string `json:"client_id"`
	Resource string `json:"resource"`
	Scope    string `json:"scope,omitempty"`
}

// ask calls the resource's hook, once for each token; what it answers stays with the token. A hook
// that does not answer in time fails the request: a token never says less than was declared.
func (i *Issuer) ask(ctx context.Context, m *Mint, rule *symbolon.TokenRule, c *token.Claims) error {
	if rule.Hook == nil || len(rule.Mappings) == 0 {
		return nil
	}
	signer, err := i.Keys.Signer(token.ES256)
	if err != nil {
		return err
	}
	now, subject := i.Clock(), c.Subject
	if c.Kind == token.KindUser {
		subject = i.alias(catalog.SectorOf(m.Resource), subject)
	}
	signed, err := token.Sign(signer, TypeClaimsRequest, question{Issuer: i.Issuer, Audience: rule.Hook.URL, ID: c.ID, IssuedAt: now.Unix(),
		Expires: now.Add(askedFor).Unix(), Subject: subject, Kind: c.Kind, Client: c.ClientID, Resource: m.Resource.Identifier, Scope: strings.Join(c.Scope, " ")})
	if err != nil {
		return err
	}
	facts, err := i.answerOf(ctx, rule.Hook, signed)
	if err != nil {
		return symbolon.Errorf(symbolon.Unavailable, "a source of claims does not answer").Because(err)
	}
	extra := without(c.Extra)
	if extra == nil {
		extra = map[string]any{}
	}
	extra[claimHook] = facts
	c.Extra = extra
	return nil
}

func (i *Issuer) answerOf(ctx context.Context, hook *symbolon.Hook, signed string) (map[string]any, error) {
	if i.Outbound == nil {
		return nil, symbolon.Errorf(symbolon.Internal, "nothing calls out here")
	}
	limit := time.Duration(hook.Timeout)
	if limit <= 0 {
		limit = defaultHookTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader([]byte(signed)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/jwt")
	request.Header.Set("Accept", "application/json")
	response, err := i.Outbound.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHookAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, symbolon.Errorf(symbolon.Unavailable, "the hook answers %d", response.StatusCode)
	case len(body) > maxHookAnswer:
		return nil, symbolon.Errorf(symbolon.Unavailable, "the hook answers more than %d bytes", maxHookAnswer)
	}
	facts := map[string]any{}
	return facts, json.Unmarshal(body, &facts)
}
