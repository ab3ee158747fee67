package client

import (
	"crypto/x509"
	"errors"
	"strings"
)

// proveSVID is spiffe_jwt: the trust domain of the client's organisation signs which workload
// this is (SPIFFE JWT-SVID §3, OAuth SPIFFE Client Authentication §3.1). iss and jti are not
// asked for: SPIFFE has neither, and a workload shows an SVID again until it ends.
func proveSVID(p *proof) error {
	trust, err := p.trust()
	if err != nil {
		return err
	}
	if err := p.workload(trust.TrustDomain, p.shown.claims.Subject); err != nil {
		return err
	}
	keys := p.source(p.ctx, trust.JWKS, trust.JWKSURI, svid)
	return p.judge(rule{keys: keys, audiences: []string{p.Issuer}, life: workloadLife})
}

// proveX509SVID is spiffe_x509: the same by a certificate (SPIFFE X.509-SVID §5, OAuth SPIFFE
// Client Authentication §3.2).
func proveX509SVID(p *proof) error {
	sent, ok := p.Certificates.Of(p.request)
	if !ok {
		return errNoCertificate
	}
	trust, err := p.trust()
	if err != nil {
		return err
	}
	leaf := sent.Leaf
	switch {
	case len(leaf.URIs) != 1:
		return errors.New("an X.509-SVID has exactly one URI")
	case leaf.IsCA || leaf.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return errors.New("an X.509-SVID is not of an authority")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("an X.509-SVID must be for signatures")
	}
	if err := p.workload(trust.TrustDomain, leaf.URIs[0].String()); err != nil {
		return err
	}
	return p.chain(trust, sent)
}

// workload holds a SPIFFE id against the trust domain and the client's registration.
func (p *proof) workload(domain, id string) error {
	switch {
	case !spiffeID(id):
		return errors.New("it is about no SPIFFE id")
	case domain == "" || !strings.HasPrefix(id, "spiffe://"+domain+"/"):
		return errors.New("it is of another trust domain")
	case !matchesAny(p.client.Subjects, id):
		return errors.New("it is about another workload")
	}
	return nil
}

// spiffeID reports whether s is the id of a workload: SPIFFE-ID §2. There is one way to write it.
func spiffeID(s string) bool {
	rest, ok := strings.CutPrefix(s, "spiffe://")
	domain, path, slash := strings.Cut(rest, "/")
	if !ok || !slash || len(s) > 2048 || domain == "" || len(domain) > 255 || !only(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-_") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." ||
			!only(segment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") {
			return false
		}
	}
	return true
}

func only(s, allowed string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(allowed, r) }) < 0
}
