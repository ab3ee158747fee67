package broker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"symbolon.dev"
)

// word is what the broker says of a caller to one upstream, until it has to be said anew.
type word struct {
	authorization []string
	headers       map[string][]string
	until         time.Time
}

const (
	grantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

// wordFor gives the upstream's JWT (RFC 8693), from the entry as long as it lasts. A token is for
// one resource, so its entry keeps one. An inner token is the word itself, if the upstream may take it
// from somebody who does not hold its key.
func (b *Broker) wordFor(ctx context.Context, e *entry, found *route, f *flight) (*word, error) {
	now, raw := b.Clock(), f.judged()
	if !f.inner.Empty() && e.claims.Confirmation == nil {
		return e.handOn(raw, found.resource.Upstream.Headers)
	}
	if kept := e.word.Load(); kept != nil && now.Before(kept.until) {
		return kept, nil
	}
	answer := e.asking.DoChan("", func() (any, error) {
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return b.exchange(asked, found.resource, raw, now)
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case result := <-answer:
		if result.Err != nil {
			return nil, b.unsaid(e, result.Err)
		}
		fresh := result.Val.(*word)
		e.word.Store(fresh)
		return fresh, nil
	}
}

func (b *Broker) exchange(ctx context.Context, resource *symbolon.Resource, raw symbolon.Secret, now time.Time) (*word, error) {
	answer, err := b.issuer.token(ctx, url.Values{
		"grant_type": {grantExchange}, "subject_token": {raw.Reveal()}, "subject_token_type": {typeAccessToken},
		"requested_token_type": {typeJWT}, "resource": {resource.Identifier},
	})
	if err != nil {
		return nil, err
	}
	headers, err := toldBy(answer.AccessToken, resource.Upstream.Headers)
	if err != nil {
		return nil, err
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	return &word{authorization: []string{"Bearer " + answer.AccessToken}, headers: headers, until: now.Add(life - min(life/4, 30*time.Second))}, nil
}

// unsaid says why there is no word. The issuer knows best: a token that it no longer takes is good
// for nothing, and what was known of it is forgotten.
func (b *Broker) unsaid(e *entry, cause error) error {
	var known *symbolon.Error
	if !errors.As(cause, &known) || known.Kind != symbolon.Denied {
		return unavailable(cause)
	}
	switch known.Code {
	case "invalid_request", "invalid_grant": // RFC 8693 §2.2.2
		go b.rejudge(b.trust.withdraw([]name{{nameToken, e.claims.ID}}))
		return unknown()
	case "invalid_target":
		return symbolon.Errorf(symbolon.Denied, "the policy does not allow this").Because(cause)
	}
	return unavailable(cause)
}

// toldBy makes the headers that an upstream asked for out of its JWT, which came from the issuer
// itself. A claim that is absent, or that no header can carry, is not told.
func toldBy(jwt string, wanted map[string]string) (map[string][]string, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	_, rest, _ := strings.Cut(jwt, ".")
	body, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	headers := make(map[string][]string, len(wanted))
	for header, claim := range wanted {
		if value := headerValue(claims[claim]); value != "" {
			headers[http.CanonicalHeaderKey(header)] = []string{value}
		}
	}
	return headers, nil
}

func headerValue(claim any) string {
	var value string
	switch v := claim.(type) {
	case string:
		value = v
	case bool:
		value = strconv.FormatBool(v)
	case float64:
		value = strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, 0, len(v))
		for _, element := range v {
			parts = append(parts, headerValue(element))
		}
		value = strings.Join(parts, ",")
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return ""
	}
	return value
}
