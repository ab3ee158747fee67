package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"symbolon.dev"
)

const (
	dialTimeout         = 5 * time.Second
	answerTimeout       = 30 * time.Second // to the first byte of an answer, if the resource has no other
	maxUpstreamHeader   = 256 << 10
	idlePerUpstream     = 256
	upstreamIdleTimeout = 90 * time.Second
)

// upstream is one way to an application.
type upstream struct {
	base      *url.URL // scheme and host only
	transport way
}

// way is an [http.Transport], or what stands before one.
type way interface {
	http.RoundTripper
	CloseIdleConnections()
}

// upstreams keeps the ways while a resource's declaration stays the same, so that a new snapshot
// does not throw connections away.
type upstreams struct {
	mu   sync.Mutex
	ways map[string]*upstream // by resource id and declaration
}

func (u *upstreams) to(resource *symbolon.Resource) (*upstream, error) {
	key, err := json.Marshal([]any{resource.ID, resource.Upstream})
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if way := u.ways[string(key)]; way != nil {
		return way, nil
	}
	way, err := newUpstream(resource.Upstream)
	if err != nil {
		return nil, err
	}
	u.ways[string(key)] = way
	return way, nil
}

// keep closes the idle connections of ways that a table no longer uses.
func (u *upstreams) keep(t *table) {
	used := map[*upstream]bool{}
	for _, r := range t.routes {
		used[r.upstream] = true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, way := range u.ways {
		if !used[way] {
			delete(u.ways, key)
			way.transport.CloseIdleConnections()
		}
	}
}

// newUpstream makes a way. It dials nothing.
func newUpstream(declared *symbolon.Upstream) (*upstream, error) {
	address, err := url.Parse(declared.URL)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: time.Duration(declared.Timeout),
		MaxResponseHeaderBytes: maxUpstreamHeader, MaxIdleConnsPerHost: idlePerUpstream, IdleConnTimeout: upstreamIdleTimeout,
		ExpectContinueTimeout: time.Second, DisableCompression: true, Protocols: new(http.Protocols),
	}
	if transport.ResponseHeaderTimeout <= 0 {
		transport.ResponseHeaderTimeout = answerTimeout
	}
	base := &url.URL{Scheme: "http", Host: address.Host}
	transport.Protocols.SetHTTP1(true)
	switch address.Scheme {
	case "http":
		return &upstream{base, newDirect(transport, address.Host)}, hostOnly(address)
	case "https":
		base.Scheme = "https"
		transport.Protocols.SetHTTP2(true)
		transport.TLSClientConfig, err = clientTLS(declared.CAFile)
	case "h2c":
		transport.Protocols.SetHTTP1(false)
		transport.Protocols.SetUnencryptedHTTP2(true)
	case "unix":
		base.Host = "upstream.invalid"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", address.Path)
		}
		return &upstream{base, newDirect(transport, "")}, pathOnly(address)
	default:
		return nil, symbolon.Errorf(symbolon.Invalid, "its upstream must be http, https, h2c or unix")
	}
	if err == nil {
		err = hostOnly(address)
	}
	return &upstream{base, transport}, err
}

// hostOnly: what was judged is forwarded as it is, so an upstream cannot move it under a path.
func hostOnly(u *url.URL) error {
	if u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
		return symbolon.Errorf(symbolon.Invalid, "its upstream must be a scheme and a host, without a path")
	}
	return nil
}

func pathOnly(u *url.URL) error {
	if u.Host != "" || u.Path == "" {
		return symbolon.Errorf(symbolon.Invalid, "its upstream must be unix:///path/to.sock")
	}
	return nil
}

func clientTLS(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, symbolon.Errorf(symbolon.Invalid, "%s holds no certificate", caFile)
	}
	return config, nil
}
