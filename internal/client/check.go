package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	strict "github.com/go-json-experiment/json"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/token"
)

const maxSubjects = 64

// DeclarableMethods lists every method that a client may be registered for.
func DeclarableMethods() (names []string) {
	for _, m := range methods {
		names = append(names, m.name)
	}
	return names
}

// BySecret reports whether a client authenticates with a secret.
func BySecret(c *symbolon.Client) bool {
	return c.AuthMethod == "" || c.AuthMethod == methodBasic || c.AuthMethod == methodPost
}

// Check says what is wrong with how a client is registered to authenticate, secrets excepted.
// Trust is the one that it names, nil if its organisation has none of that name.
func Check(c *symbolon.Client, trust *symbolon.Trust) error {
	faults := []error{checkKeys(c.JWKS, c.JWKSURI), checkFit(c)}
	if c.Trust != "" && trust == nil {
		faults = append(faults, fmt.Errorf("trust: its organisation has no trust %q", c.Trust))
	}
	if c.AssertionAlg != "" && !slices.Contains(token.Algorithms(), c.AssertionAlg) {
		faults = append(faults, fmt.Errorf("token_endpoint_auth_signing_alg: %q is not one of %s", c.AssertionAlg, strings.Join(token.Algorithms(), ", ")))
	}
	for _, m := range methods {
		if m.name == c.AuthMethod && m.check != nil {
			faults = append(faults, m.check(c, trust))
		}
	}
	return errors.Join(faults...)
}

// checkFit refuses what the method never looks at: who declares it believes that it counts.
func checkFit(c *symbolon.Client) error {
	of := func(methods ...string) bool { return slices.Contains(methods, c.AuthMethod) }
	var faults []error
	must := func(holds bool, field string) {
		if !holds {
			faults = append(faults, fmt.Errorf("%s: it means nothing with this token_endpoint_auth_method", field))
		}
	}
	must(!c.EndpointAudience || of(methodPrivateKey), "token_endpoint_audience")
	must(c.AssertionAlg == "" || of(methodPrivateKey, methodWorkload, methodSPIFFEJWT), "token_endpoint_auth_signing_alg")
	must(c.Trust == "" || of(methodWorkload, methodSPIFFEJWT, methodSPIFFEX509, methodTLS), "trust")
	must(len(c.Subjects) == 0 || of(methodWorkload, methodSPIFFEJWT, methodSPIFFEX509), "workload_subjects")
	must(countNames(c) == 0 || of(methodTLS), "tls_client_auth_*")
	return errors.Join(faults...)
}

func checkOwnKeys(c *symbolon.Client, _ *symbolon.Trust) error {
	if len(c.JWKS) == 0 && c.JWKSURI == "" {
		return errors.New("jwks: the method needs jwks or jwks_uri")
	}
	if c.AuthMethod == methodSelfSigned && len(c.JWKS) > 0 {
		if own, err := parseKeys("", c.JWKS); err == nil && len(own.leaves) == 0 {
			return errors.New("jwks: no key has its certificate (x5c)")
		}
	}
	return nil
}

func checkWorkload(c *symbolon.Client, trust *symbolon.Trust) error {
	if trust == nil || trust.Issuer == "" {
		return errors.New("trust: the method needs one with an issuer")
	}
	return checkSubjects(c, func(s string) bool { return printable(s, 512) })
}

func checkSPIFFE(c *symbolon.Client, trust *symbolon.Trust) error {
	if trust == nil || trust.TrustDomain == "" {
		return errors.New("trust: the method needs one with a trust_domain")
	}
	return checkSubjects(c, func(s string) bool {
		if stem, wild := strings.CutSuffix(s, "/*"); wild {
			s = stem + "/x"
		}
		return spiffeID(s) && strings.HasPrefix(s, "spiffe://"+trust.TrustDomain+"/")
	})
}

func checkSubjects(c *symbolon.Client, good func(string) bool) error {
	if len(c.Subjects) == 0 || len(c.Subjects) > maxSubjects {
		return fmt.Errorf("workload_subjects: the method needs 1 to %d", maxSubjects)
	}
	for i, subject := range c.Subjects {
		stem := strings.TrimSuffix(subject, "*")
		wild := stem != subject && (stem == "" || !strings.ContainsAny(stem[len(stem)-1:], ":/"))
		if wild || strings.Contains(stem, "*") || !good(subject) {
			return fmt.Errorf("workload_subjects[%d]: %q is no subject that the trust can vouch for; * may be its last segment alone", i, subject)
		}
	}
	return nil
}

func countNames(c *symbolon.Client) (n int) {
	for _, name := range []string{c.SubjectDN, c.SANDNS, c.SANURI, c.SANIP, c.SANEmail} {
		if name != "" {
			n++
		}
	}
	return n
}

func checkNames(c *symbolon.Client, trust *symbolon.Trust) error {
	switch {
	case trust == nil || trust.Anchors == "":
		return errors.New("trust: the method needs one with anchors")
	case countNames(c) != 1:
		return errors.New("tls_client_auth_subject_dn: the method needs exactly one of the tls_client_auth members (RFC 8705 section 2.1.2)")
	case c.SubjectDN != "":
		if _, err := parseDN(c.SubjectDN); err != nil {
			return fmt.Errorf("tls_client_auth_subject_dn: %w", err)
		}
	case c.SANIP != "":
		if _, err := netip.ParseAddr(c.SANIP); err != nil {
			return errors.New("tls_client_auth_san_ip: it is not an address")
		}
	case strings.ContainsAny(c.SANDNS+c.SANURI+c.SANEmail, "* \t\r\n"):
		return errors.New("tls_client_auth_san_*: it is compared exactly, so it has neither * nor spaces")
	}
	return nil
}

// CheckTrust says what is wrong with a trust.
func CheckTrust(t *symbolon.Trust) error {
	faults := []error{checkKeys(t.JWKS, t.JWKSURI)}
	if !symbolon.ValidName(t.Name) {
		faults = append(faults, errors.New("name: it is 1 to 128 of a-z A-Z 0-9 . _ : / -"))
	}
	if t.Issuer == "" && t.TrustDomain == "" && t.Anchors == "" {
		faults = append(faults, errors.New("it needs an issuer, a trust_domain or anchors"))
	}
	if t.Issuer != "" && !sayable(t.Issuer) {
		faults = append(faults, errors.New("issuer: it must be an https:// URL"))
	}
	if t.TrustDomain != "" && !spiffeID("spiffe://"+t.TrustDomain+"/x") || strings.Contains(t.TrustDomain, "/") {
		faults = append(faults, errors.New("trust_domain: it is a name in lower case, as example.org"))
	}
	if t.TrustDomain != "" && t.Anchors == "" && len(t.JWKS) == 0 && t.JWKSURI == "" {
		faults = append(faults, errors.New("trust_domain: its keys are missing: anchors, jwks or jwks_uri"))
	}
	if t.Anchors != "" {
		if _, err := door.ParseCertificates(t.Anchors); err != nil {
			faults = append(faults, fmt.Errorf("anchors: %w", err))
		}
	}
	return errors.Join(faults...)
}

// checkKeys holds a JWKS, or where it is, against what can be read later.
func checkKeys(jwks json.RawMessage, address string) error {
	switch {
	case len(jwks) > 0 && address != "":
		return errors.New("jwks: it must not be given beside jwks_uri")
	case address != "" && !sayable(address):
		return errors.New("jwks_uri: it must be an https:// URL")
	case len(jwks) == 0:
		return nil
	}
	set, err := parseKeys("", jwks)
	switch {
	case err != nil:
		return fmt.Errorf("jwks: %w", err)
	case private(jwks):
		return errors.New("jwks: it holds a private or symmetric key; declare the public half alone")
	case set.signing.Len() == 0 && set.svid.Len() == 0 && len(set.leaves) == 0 && len(set.anchors) == 0:
		return errors.New("jwks: it holds no key that can be used")
	}
	return nil
}

func private(jwks json.RawMessage) bool {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if strict.Unmarshal(jwks, &set) != nil {
		return true
	}
	return slices.ContainsFunc(set.Keys, func(key map[string]any) bool {
		return key["d"] != nil || key["k"] != nil
	})
}

// sayable reports whether an address may be called: https, or http on this machine for trials.
func sayable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(address) > 2000 {
		return false
	}
	host := strings.ToLower(u.Hostname())
	addr, notIP := netip.ParseAddr(host)
	here := host == "localhost" || strings.HasSuffix(host, ".localhost") || notIP == nil && addr.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}
