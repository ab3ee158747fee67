package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"symbolon.dev/token"
)

// serve runs one of the bench's own servers until ctx ends: "plain", "sign", "proxy SOCKET",
// "upstream SOCKET" or "product" (see product.go). It prints its address when it listens.
func serve(ctx context.Context, arguments []string) error {
	var handler http.Handler
	network, address := "tcp", "127.0.0.1:0"
	switch kind := arguments[0]; kind {
	case "plain":
		handler = http.HandlerFunc(plain)
	case "sign":
		handler = newSigner()
	case "proxy":
		handler = bareProxy(arguments[1])
	case "upstream":
		network, address, handler = "unix", arguments[1], http.HandlerFunc(upstream)
	case "product":
		return product(ctx, arguments[1])
	default:
		return fmt.Errorf("no server %q", kind)
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

var document = []byte(`{"filler":"` + strings.Repeat("x", 300-14) + `"}` + "\n")

// plain reads a form and writes 300 bytes of JSON.
func plain(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || len(r.PostForm) == 0 {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}

func upstream(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}

// signer reads a form, signs a JWT of the usual claims with ES256 and writes JSON.
type signer struct{ private *ecdsa.PrivateKey }

func newSigner() signer {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the random source never fails
	}
	return signer{private}
}

func (signer) KeyID() string     { return "bench" }
func (signer) Algorithm() string { return token.ES256 }

func (s signer) Sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	r, t, err := ecdsa.Sign(rand.Reader, s.private, digest[:])
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return signature, nil
}

func (s signer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || len(r.PostForm) == 0 {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	now := time.Now()
	raw, err := token.Sign(s, token.TypeAccessToken, &token.Claims{Issuer: "http://id.localhost", Subject: "caller", ClientID: "caller",
		Audience: []string{"http://api.localhost"}, ID: rand.Text(), IssuedAt: now, Expires: now.Add(10 * time.Minute), Scope: []string{"read"}})
	if err != nil {
		http.Error(w, "cannot sign", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": raw, "token_type": "Bearer", "expires_in": 600, "scope": "read"})
}

// bareProxy is httputil.ReverseProxy as one would use it, with a pool for its buffers.
func bareProxy(socket string) http.Handler {
	dialer, target := &net.Dialer{}, &url.URL{Scheme: "http", Host: "upstream.invalid"}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", socket)
			}},
		BufferPool: &pool{},
	}
}

type pool struct{ sync.Pool }

func (p *pool) Get() []byte {
	if b, ok := p.Pool.Get().(*[32 << 10]byte); ok {
		return b[:]
	}
	return make([]byte, 32<<10)
}

func (p *pool) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }
