package main

import (
	"context"
	"fmt"
	"net/url"
)

// scenario is one path of the product and the bare servers that it is held against.
type scenario struct {
	name     string
	requests [][]byte
	against  []against
}

// against names a bare server, and the ratio to reach; 0 = only for information.
type against struct {
	bare string
	aim  float64
}

// subjects is how many different tokens take turns.
const subjects = 64

func (d *deployment) scenarios(ctx context.Context) ([]scenario, error) {
	cookie, err := d.cookie(ctx)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	tokens, err := d.tokens(ctx, "api", subjects)
	if err != nil {
		return nil, fmt.Errorf("get tokens: %w", err)
	}
	var bearer, introspect, exchange [][]byte
	for _, raw := range tokens {
		bearer = append(bearer, d.get("api", "Authorization", "Bearer "+raw))
		introspect = append(introspect, d.post("/introspect", "api", url.Values{"token": {raw}}))
		exchange = append(exchange, d.post("/token", "api", url.Values{
			"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token": {raw}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "resource": {d.origin("billing")},
		}))
	}
	return []scenario{
		{"broker-cookie", [][]byte{d.get("app", "Cookie", cookie)}, []against{{"proxy", .85}}},
		{"broker-bearer", bearer, []against{{"proxy", .85}}},
		{"issue-jwt", [][]byte{d.issue("billing")}, []against{{"sign", .6}, {"plain", 0}}},
		{"issue-opaque", [][]byte{d.issue("api")}, []against{{"sign", .4}, {"plain", 0}}},
		{"introspect", introspect, []against{{"plain", .7}}},
		{"exchange", exchange, []against{{"sign", .4}, {"plain", 0}}},
	}, nil
}
