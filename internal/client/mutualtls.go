package client

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

var errNoCertificate = errors.New("the request was sent with no certificate")

// proveTLS is tls_client_auth: RFC 8705 §2.1. An authority that the client's organisation trusts
// certifies the one name that the client is registered with.
func proveTLS(p *proof) error {
	sent, ok := p.Certificates.Of(p.request)
	if !ok {
		return errNoCertificate
	}
	trust, err := p.trust()
	if err != nil {
		return err
	}
	if err := p.chain(trust, sent); err != nil {
		return err
	}
	if !named(&p.client.ClientKeys, sent.Leaf) {
		return errors.New("the certificate is of another subject")
	}
	return nil
}

// chain verifies a certificate up to an anchor of the trust and to none other.
func (p *proof) chain(trust *symbolon.Trust, sent *door.Certificate) error {
	anchors, err := p.anchors(trust)
	if err != nil {
		return err
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, anchor := range anchors {
		roots.AddCert(anchor)
	}
	for _, one := range sent.Chain {
		between.AddCert(one)
	}
	_, err = sent.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: p.now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

// anchors are those declared, and those of a SPIFFE bundle.
func (p *proof) anchors(trust *symbolon.Trust) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	if trust.Anchors != "" {
		var err error
		if list, err = door.ParseCertificates(trust.Anchors); err != nil {
			return nil, err
		}
	}
	if len(trust.JWKS) > 0 || trust.JWKSURI != "" {
		bundle, err := p.keysAt(p.ctx, trust.JWKS, trust.JWKSURI, nil)
		if err != nil && len(list) == 0 {
			return nil, err
		}
		list = append(list, bundle.anchors...)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no authority to verify the certificate with")
	}
	return list, nil
}

// named compares the one name that is registered (RFC 8705 §2.1.2), exactly: a wildcard in a
// certificate stands for itself.
func named(want *symbolon.ClientKeys, leaf *x509.Certificate) bool {
	switch {
	case want.SubjectDN != "":
		return sameDN(want.SubjectDN, leaf.RawSubject)
	case want.SANDNS != "":
		return slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, want.SANDNS) })
	case want.SANURI != "":
		for _, uri := range leaf.URIs {
			if uri.String() == want.SANURI {
				return true
			}
		}
	case want.SANIP != "":
		addr, err := netip.ParseAddr(want.SANIP)
		for _, ip := range leaf.IPAddresses {
			if one, ok := netip.AddrFromSlice(ip); ok && err == nil && one.Unmap() == addr.Unmap() {
				return true
			}
		}
	case want.SANEmail != "":
		return slices.ContainsFunc(leaf.EmailAddresses, func(address string) bool { return address == want.SANEmail })
	}
	return false
}

// proveSelfSigned is self_signed_tls_client_auth: RFC 8705 §2.2. The certificate is one of those
// in the client's own JWKS, by its bytes, and not out of date.
func proveSelfSigned(p *proof) error {
	sent, ok := p.Certificates.Of(p.request)
	if !ok {
		return errNoCertificate
	}
	sum := thumbprint(sent.Leaf.Raw)
	own, err := p.keysAt(p.ctx, p.client.JWKS, p.client.JWKSURI, func(k keys) bool { return !k.leaves[sum] })
	switch {
	case err != nil:
		return err
	case !own.leaves[sum]:
		return errors.New("the certificate is not among those registered")
	case p.now.Before(sent.Leaf.NotBefore) || p.now.After(sent.Leaf.NotAfter):
		return errors.New("the certificate is not valid at this time")
	}
	return nil
}
