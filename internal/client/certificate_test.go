package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
)

// authority issues certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(name string) authority {
	a := authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key))))
	return a
}

func (a authority) pem() string { return inPEM(a.cert) }

func inPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// issue makes a leaf; change sees it before it is signed.
func (a authority) issue(change func(*x509.Certificate)) *x509.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: noon.Add(-time.Minute), NotAfter: noon.Add(time.Minute),
		Subject: pkix.Name{CommonName: "orders", Organization: []string{"Example, Inc."}, Country: []string{"CH"}}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	change(leaf)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = leaf, key
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), signer))))
}

func uri(s string) []*url.URL { return []*url.URL{must(url.Parse(s))} }

// RFC 8705 §2.1: S12
func TestACertificateOfATrustedAuthorityProvesOneName(t *testing.T) {
	ours, theirs := newAuthority("ours"), newAuthority("ours")
	s := newServer(t, func(*server, *client.Config) {})
	s.known.trusts["pki"] = &symbolon.Trust{Name: "pki", Anchors: ours.pem()}
	for id, keys := range map[string]symbolon.ClientKeys{
		"dn":    {SubjectDN: `CN=orders, O=Example\, Inc., C=CH`},
		"oid":   {SubjectDN: `2.5.4.3=orders,o=Example\2c Inc.,c=CH`},
		"dns":   {SANDNS: "orders.example"},
		"uri":   {SANURI: "https://orders.example/app"},
		"ip":    {SANIP: "192.0.2.7"},
		"email": {SANEmail: "ops@orders.example"},
		"none":  {},
	} {
		keys.Trust = "pki"
		s.register(&symbolon.Client{ID: symbolon.ClientID(id), AuthMethod: "tls_client_auth", ClientKeys: keys})
	}
	s.register(&symbolon.Client{ID: "untrusted", AuthMethod: "tls_client_auth", ClientKeys: symbolon.ClientKeys{SANDNS: "orders.example", Trust: "nobody"}},
		&symbolon.Client{ID: "secret", Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}})
	full := func(c *x509.Certificate) {
		c.DNSNames, c.URIs, c.IPAddresses = []string{"Orders.example"}, uri("https://orders.example/app"), []net.IP{net.ParseIP("192.0.2.7")}
		c.EmailAddresses = []string{"ops@orders.example"}
	}
	with := func(change func(*x509.Certificate)) *x509.Certificate {
		return ours.issue(func(c *x509.Certificate) { full(c); change(c) })
	}
	good := ours.issue(full)
	wildcard := ours.issue(func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} })
	between := newAuthority("between")
	between.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(3),
		Subject: pkix.Name{CommonName: "between"}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, ours.cert, between.key.Public(), ours.key))))
	for name, c := range map[string]struct {
		id    string
		certs []*x509.Certificate
		want  string
	}{
		"by DN":                    {"dn", []*x509.Certificate{good}, "dn"},
		"by DN, written with OIDs": {"oid", []*x509.Certificate{good}, "oid"},
		"by DNS name":              {"dns", []*x509.Certificate{good}, "dns"},
		"by URI":                   {"uri", []*x509.Certificate{good}, "uri"},
		"by address":               {"ip", []*x509.Certificate{good}, "ip"},
		"by e-mail address":        {"email", []*x509.Certificate{good}, "email"},
		"through an intermediate":  {"dns", []*x509.Certificate{between.issue(full), between.cert}, "dns"},
		"the intermediate missing": {"dns", []*x509.Certificate{between.issue(full)}, "invalid_client"},
		"no certificate":           {"dns", nil, "invalid_client"},
		"of another authority":     {"dns", []*x509.Certificate{theirs.issue(full)}, "invalid_client"},
		"self-signed":              {"dns", []*x509.Certificate{authority{}.issue(full), ours.cert}, "invalid_client"},
		"expired":                  {"dns", []*x509.Certificate{with(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })}, "invalid_client"},
		"not valid yet":            {"dns", []*x509.Certificate{with(func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) })}, "invalid_client"},
		"for servers alone":        {"dns", []*x509.Certificate{with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, "invalid_client"},
		"another DN":               {"dn", []*x509.Certificate{with(func(c *x509.Certificate) { c.Subject.CommonName = "billing" })}, "invalid_client"},
		"a longer DN":              {"dn", []*x509.Certificate{with(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"x"} })}, "invalid_client"},
		"the DN in one value":      {"dn", []*x509.Certificate{with(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: `orders,O=Example\, Inc.,C=CH`} })}, "invalid_client"},
		"another SAN":              {"dns", []*x509.Certificate{with(func(c *x509.Certificate) { c.DNSNames = []string{"billing.example"} })}, "invalid_client"},
		"a wildcard":               {"dns", []*x509.Certificate{wildcard}, "invalid_client"},
		"the CN is no DNS name":    {"dns", []*x509.Certificate{ours.issue(func(c *x509.Certificate) { c.Subject.CommonName = "orders.example" })}, "invalid_client"},
		"another address":          {"ip", []*x509.Certificate{with(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP("192.0.2.8")} })}, "invalid_client"},
		"no name registered":       {"none", []*x509.Certificate{good}, "invalid_client"},
		"nobody trusted":           {"untrusted", []*x509.Certificate{good}, "invalid_client"},
		"a client of secrets":      {"secret", []*x509.Certificate{good}, "invalid_client"},
		"an unknown client":        {"nobody", []*x509.Certificate{good}, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *s
			in.TB = t
			if got := in.sent(form("client_id", c.id), c.certs...); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if got := s.sent(form("client_id", "dns", "client_secret", "s"), good); got != "invalid_client" {
		t.Errorf("a secret beside a certificate: %s", got)
	}
}

// RFC 8705 §2.2
func TestASelfSignedCertificateIsOneOfTheClientsOwn(t *testing.T) {
	own, old, other := authority{}.issue(func(*x509.Certificate) {}), authority{}.issue(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }),
		authority{}.issue(func(*x509.Certificate) {})
	x5c := func(c *x509.Certificate) object {
		return object{"kty": "EC", "x5c": []string{base64.StdEncoding.EncodeToString(c.Raw)}}
	}
	s := newServer(t, func(*server, *client.Config) {})
	s.register(&symbolon.Client{ID: "device", AuthMethod: "self_signed_tls_client_auth", ClientKeys: symbolon.ClientKeys{JWKS: jwks(x5c(own), x5c(old))}},
		&symbolon.Client{ID: "bare", AuthMethod: "self_signed_tls_client_auth", ClientKeys: symbolon.ClientKeys{JWKS: jwksOf("ES256")}})
	for name, c := range map[string]struct {
		id   string
		cert *x509.Certificate
		want string
	}{
		"its own": {"device", own, "device"}, "expired": {"device", old, "invalid_client"}, "another": {"device", other, "invalid_client"},
		"none registered": {"bare", own, "invalid_client"},
	} {
		if got := s.sent(form("client_id", c.id), c.cert); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
