package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"symbolon.dev/internal/config"
)

// process is an App that serves on a loopback port until the test ends.
type process struct {
	*App
	t       *testing.T
	origin  string
	address string
	reload  chan os.Signal
	stop    context.CancelFunc
	ended   chan error
	roots   *x509.CertPool
}

// start runs an app; environ overrides what the test world sets.
func start(t *testing.T, secure bool, environ ...string) *process {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, address: listener.Addr().String(), reload: make(chan os.Signal, 1), ended: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.address)
	p.origin = "http://id.localhost:" + port
	given := []string{"SYMBOLON_DATA=" + t.TempDir(), "SYMBOLON_STOP_TIMEOUT=5s"}
	if secure {
		cert, key, roots := certificateFor(t, "id.localhost")
		p.origin, p.roots = "https://id.localhost:"+port, roots
		given = append(given, "SYMBOLON_TLS_CERT_FILE="+cert, "SYMBOLON_TLS_KEY_FILE="+key)
	}
	c := load(t, append(append(given, "SYMBOLON_ISSUER="+p.origin), environ...)...)
	p.App, err = New(context.Background(), Options{Config: c, Version: "test", Listener: listener, Reload: p.reload, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	ready := make(chan Ready, 1)
	go func() { p.ended <- p.Run(ctx, func(r Ready) { ready <- r }) }()
	t.Cleanup(func() { stop(); <-p.ended })
	select {
	case <-ready:
	case err := <-p.ended:
		p.ended <- err
		t.Fatalf("ended before it was ready: %v", err)
	}
	return p
}

// end stops the process and gives what Run returned.
func (p *process) end() error {
	p.stop()
	err := <-p.ended
	p.ended <- err // for the cleanup
	return err
}

// client reaches the process under whatever host a URL names.
func (p *process) client() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ForceAttemptHTTP2: true, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.roots},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, p.address)
			}}}
}

func (p *process) get(url string) *http.Response {
	p.t.Helper()
	response, err := p.client().Get(url)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func load(t *testing.T, environ ...string) *config.Config {
	t.Helper()
	c, err := config.Load("", environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// certificateFor writes a self-signed key pair for a host and gives the pool that trusts it.
func certificateFor(t *testing.T, host string) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return certFile, keyFile, writeCertificate(t, certFile, keyFile, host)
}

func writeCertificate(t *testing.T, certFile, keyFile, host string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: host}, DNSNames: []string{host, "*." + host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return roots
}
