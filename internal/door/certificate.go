package door

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const (
	maxCertificate = 16 << 10 // bytes of a header with one
	maxChain       = 8
)

// Certificates answers one question: which certificate was this request sent with? Whoever sent
// it holds the private key; nothing else about it has been checked.
//
// Without proxies that is the certificate of the TLS connection. A request from a proxy counts as
// sent with the one that its header tells, and never with the proxy's own; the header of anybody
// else is not read. A proxy must remove that header from what it forwards.
type Certificates struct {
	proxies []netip.Prefix
	header  string
}

// Certificate is one that a request was sent with.
type Certificate struct {
	Leaf  *x509.Certificate
	Chain []*x509.Certificate // what came with it, unverified
}

// NewCertificates trusts proxies, each an address or a prefix, to tell certificates in a header:
// as URL-encoded PEM, or as a byte sequence (RFC 9440 §2). With neither, only connections count.
func NewCertificates(proxies []string, header string) (*Certificates, error) {
	if (len(proxies) == 0) != (header == "") {
		return nil, errors.New("proxies and the name of their header go together")
	}
	c := &Certificates{header: http.CanonicalHeaderKey(header)}
	for _, text := range proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a prefix", text)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		if prefix.Bits() == 0 {
			return nil, fmt.Errorf("%q would trust the whole world", text)
		}
		c.proxies = append(c.proxies, prefix)
	}
	return c, nil
}

// Of finds the certificate of a request, if it has one.
func (c *Certificates) Of(r *http.Request) (*Certificate, bool) {
	if c == nil {
		return nil, false
	}
	if c.fromProxy(r.RemoteAddr) {
		return c.told(r.Header[c.header])
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, false
	}
	sent := r.TLS.PeerCertificates
	return &Certificate{Leaf: sent[0], Chain: sent[1:min(len(sent), maxChain)]}, true
}

func (c *Certificates) fromProxy(remote string) bool {
	if len(c.proxies) == 0 {
		return false
	}
	addr, err := netip.ParseAddrPort(remote)
	return err == nil && slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool {
		return p.Contains(addr.Addr().Unmap().WithZone(""))
	})
}

// told reads the header. Two of them, or one that cannot be read, tell nothing.
func (c *Certificates) told(values []string) (*Certificate, bool) {
	if len(values) != 1 || len(values[0]) > maxCertificate {
		return nil, false
	}
	value := strings.TrimSpace(values[0])
	if encoded, ok := strings.CutPrefix(value, ":"); ok {
		encoded, closed := strings.CutSuffix(encoded, ":")
		der, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if !closed || err != nil {
			return nil, false
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		return &Certificate{Leaf: leaf}, true
	}
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, false
	}
	list, err := ParseCertificates(text)
	if err != nil {
		return nil, false
	}
	return &Certificate{Leaf: list[0], Chain: list[1:min(len(list), maxChain)]}, true
}

// ThumbprintOf is the thumbprint of a request's certificate, "" if it has none.
func (c *Certificates) ThumbprintOf(r *http.Request) string {
	if sent, ok := c.Of(r); ok {
		return sent.Thumbprint()
	}
	return ""
}

// Thumbprint is the x5t#S256 that binds a token to the certificate (RFC 8705 §3.1).
func (c *Certificate) Thumbprint() string {
	sum := sha256.Sum256(c.Leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ParseCertificates reads PEM certificates, one after the other, and nothing else.
func ParseCertificates(text string) (list []*x509.Certificate, err error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("it holds something else than certificates")
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return nil, errors.New("it holds no PEM certificate")
	}
	return list, nil
}
