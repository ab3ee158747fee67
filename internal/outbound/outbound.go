// Package outbound makes the one HTTP client for addresses that others name: metadata, keys,
// pushes, issuers.
//
// A name is resolved first and every address it resolves to is judged; the connection then goes
// to a judged address, so a second look-up cannot swap it (DNS rebinding). Only public unicast
// addresses pass, unless the operator allowed the host by name. Redirects are not followed,
// answers are cut at a size, everything has a time limit.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// Options of a client. The zero value reaches public addresses alone.
type Options struct {
	Allow   []string // host names that may resolve to non-public addresses
	CAFile  string   // trust anchors beside the system's
	Timeout time.Duration
	MaxBody int64 // bytes of an answer; 0 = 1 MiB
}

// ErrRefused is inside every error about an address that may not be called.
var ErrRefused = errors.New("address refused")

const (
	defaultTimeout = 10 * time.Second
	defaultMaxBody = 1 << 20
)

// New makes the client.
func New(o Options) (*http.Client, error) {
	roots, err := Roots(o.CAFile)
	if err != nil {
		return nil, err
	}
	guard := &guard{allow: o.Allow, resolver: net.DefaultResolver}
	transport := &http.Transport{
		DialContext:           guard.dial,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          64,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: defaultTimeout,
	}
	return &http.Client{
		Transport:     &capped{next: transport, max: orDefault(o.MaxBody, defaultMaxBody)},
		Timeout:       orDefault(o.Timeout, defaultTimeout),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Roots is the system's trust anchors and those of a PEM file; nil means the system's alone.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("trust anchors: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("trust anchors: %s holds no PEM certificate", file)
	}
	return pool, nil
}

type guard struct {
	allow    []string
	resolver *net.Resolver
	dialer   net.Dialer
}

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := Resolve(ctx, g.resolver, host)
	if err != nil {
		return nil, err
	}
	var failures error
	for _, addr := range addrs {
		if !g.allowed(host) && !Public(addr) {
			return nil, fmt.Errorf("%w: %s is not public; name it in outbound.allow if it is meant", ErrRefused, host)
		}
	}
	for _, addr := range addrs {
		conn, err := g.dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		failures = errors.Join(failures, err)
	}
	return nil, failures
}

func (g *guard) allowed(host string) bool {
	return slices.ContainsFunc(g.allow, func(a string) bool { return strings.EqualFold(a, host) })
}

// Resolve looks a host up. Names under .localhost are this machine, without DNS (RFC 6761 §6.3).
func Resolve(ctx context.Context, resolver *net.Resolver, host string) ([]netip.Addr, error) {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap().WithZone("")}, nil
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	return addrs, err
}

// Special-purpose ranges that net/netip does not name (IANA registries, RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// Public reports whether addr is a public unicast address.
func Public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// capped cuts every answer at a size; what is longer ends in an error, not in a short read.
type capped struct {
	next http.RoundTripper
	max  int64
}

func (c *capped) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		response.Body = &cappedBody{ReadCloser: response.Body, left: c.max}
	}
	return response, err
}

type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errors.New("the answer is longer than allowed")
	}
	return n, err
}

func orDefault[T int64 | time.Duration](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}
