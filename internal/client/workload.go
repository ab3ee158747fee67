package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"

	"symbolon.dev"
	"symbolon.dev/token"
)

const (
	maxDiscovery = 64 << 10 // bytes
	// workloadLife is how far ahead a platform may let its tokens end. They are short elsewhere
	// and handed out again until they end, so that one is not used up.
	workloadLife = 25 * time.Hour
)

// proveWorkload is workload_jwt: a platform that the client's organisation trusts says who runs
// there, such as a Kubernetes cluster by a service-account token with our issuer as audience
// (RFC 7523 §3, with an iss other than the client).
func proveWorkload(p *proof) error {
	trust, err := p.trust()
	if err != nil {
		return err
	}
	c := p.shown.claims
	if trust.Issuer == "" || c.Issuer != trust.Issuer {
		return errors.New("the assertion is of an issuer that does not vouch for the client")
	}
	if !matchesAny(p.client.Subjects, c.Subject) {
		return errors.New("the assertion is about another workload")
	}
	keys, err := p.issuerKeys(p.ctx, trust)
	if err != nil {
		return err
	}
	return p.judge(rule{keys: keys, audiences: []string{p.Issuer}, life: workloadLife})
}

// trust is the authority that the client is registered with.
func (p *proof) trust() (*symbolon.Trust, error) {
	trust, ok := p.snapshot.Trust(p.client)
	if !ok {
		return nil, errors.New("nobody is trusted to vouch for the client")
	}
	return trust, nil
}

// issuerKeys are those declared, or those that the issuer's discovery document names.
func (a *Authenticator) issuerKeys(ctx context.Context, trust *symbolon.Trust) (token.KeySource, error) {
	address := trust.JWKSURI
	if address == "" && len(trust.JWKS) == 0 {
		var err error
		address, err = a.remoteIssuers.get(ctx, strings.TrimSuffix(trust.Issuer, "/")+discoveryPath, nil)
		if err != nil {
			return nil, err
		}
	}
	return a.source(ctx, trust.JWKS, address, signing), nil
}

const discoveryPath = "/.well-known/openid-configuration"

// parseDiscovery reads OpenID Connect Discovery 1.0 §3: the document must name the issuer that it
// was found under.
func parseDiscovery(address string, body []byte) (string, error) {
	var found struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := strict.Unmarshal(body, &found); err != nil {
		return "", err
	}
	if strings.TrimSuffix(found.Issuer, "/")+discoveryPath != address {
		return "", fmt.Errorf("it is of another issuer, %q", found.Issuer)
	}
	u, err := url.Parse(found.JWKSURI)
	from, _ := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != from.Scheme {
		return "", errors.New("its jwks_uri is not an https URL")
	}
	return found.JWKSURI, nil
}

// matchesAny compares a subject with rules. A rule is the subject itself, or ends in "*" for one
// last segment, after a ":" or "/".
func matchesAny(rules []string, subject string) bool {
	for _, rule := range rules {
		if subject != "" && rule == subject && !strings.HasSuffix(rule, "*") {
			return true
		}
		stem, wild := strings.CutSuffix(rule, "*")
		if !wild || stem == "" || !strings.ContainsAny(stem[len(stem)-1:], ":/") {
			continue
		}
		last, ok := strings.CutPrefix(subject, stem)
		if ok && last != "" && !strings.ContainsAny(last, ":/*") {
			return true
		}
	}
	return false
}
