package door

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func selfSigned(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func certificates(t *testing.T, proxies []string, header string) *Certificates {
	t.Helper()
	c, err := NewCertificates(proxies, header)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// S1: nobody but a named proxy tells which certificate a request has, and a proxy never lends its own.
func TestWhichCertificateARequestHas(t *testing.T) {
	cert, own := selfSigned(t), selfSigned(t)
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	binary := ":" + base64.StdEncoding.EncodeToString(cert.Raw) + ":"
	direct := certificates(t, nil, "")
	proxied := certificates(t, []string{"10.1.0.0/16", "2001:db8::1"}, "client-cert")
	for name, c := range map[string]struct {
		from   *Certificates
		remote string
		header []string
		tls    *x509.Certificate
		want   *x509.Certificate
	}{
		"the connection":                 {direct, "192.0.2.1:1", nil, cert, cert},
		"no TLS":                         {direct, "192.0.2.1:1", nil, nil, nil},
		"a header where none is trusted": {direct, "10.1.2.3:1", []string{escaped}, nil, nil},
		"a header beside the connection": {direct, "10.1.2.3:1", []string{escaped}, own, own},
		"a proxy, escaped PEM":           {proxied, "10.1.2.3:1", []string{escaped}, nil, cert},
		"a proxy, RFC 9440":              {proxied, "10.1.2.3:1", []string{binary}, nil, cert},
		"a proxy with a certificate":     {proxied, "10.1.2.3:1", []string{binary}, own, cert},
		"a proxy that tells none":        {proxied, "10.1.2.3:1", nil, own, nil},
		"a proxy by IPv6":                {proxied, "[2001:db8::1]:1", []string{binary}, nil, cert},
		"a proxy by mapped IPv4":         {proxied, "[::ffff:10.1.2.3]:1", []string{binary}, nil, cert},
		"the same header from elsewhere": {proxied, "192.0.2.1:1", []string{binary}, nil, nil},
		"elsewhere, with its own":        {proxied, "192.0.2.1:1", []string{binary}, own, own},
		"two headers":                    {proxied, "10.1.2.3:1", []string{binary, binary}, nil, nil},
		"rubbish":                        {proxied, "10.1.2.3:1", []string{"%zz"}, nil, nil},
		"half a sequence":                {proxied, "10.1.2.3:1", []string{binary[:len(binary)-1]}, nil, nil},
		"a key":                          {proxied, "10.1.2.3:1", []string{url.PathEscape("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")}, nil, nil},
	} {
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.RemoteAddr, r.Header["Client-Cert"] = c.remote, c.header
		if c.tls != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.tls}}
		}
		found, ok := c.from.Of(r)
		switch {
		case ok != (c.want != nil):
			t.Errorf("%s: %v", name, ok)
		case ok && !found.Leaf.Equal(c.want):
			t.Errorf("%s: another certificate", name)
		}
		if ok {
			sum := sha256.Sum256(c.want.Raw)
			if found.Thumbprint() != base64.RawURLEncoding.EncodeToString(sum[:]) {
				t.Errorf("%s: %s", name, found.Thumbprint())
			}
		}
	}
	for _, bad := range [][2]string{{"10.0.0.1", ""}, {"", "X-Cert"}, {"proxy.example", "X-Cert"}, {"0.0.0.0/0", "X-Cert"}} {
		var proxies []string
		if bad[0] != "" {
			proxies = []string{bad[0]}
		}
		if _, err := NewCertificates(proxies, bad[1]); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
