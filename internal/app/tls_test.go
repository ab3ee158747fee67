package app

import (
	"crypto/tls"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

// S25: TLS 1.3, and 1.2 with ECDHE and AES-GCM alone; everything older is refused in the handshake.
func TestOldTLSAndWeakSuitesAreRefused(t *testing.T) {
	p := start(t, true)
	for name, c := range map[string]struct {
		version uint16
		suite   uint16
		taken   bool
	}{
		"1.3":                   {version: tls.VersionTLS13, taken: true},
		"1.2 ECDHE AES-GCM":     {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true},
		"1.2 ECDHE AES-256-GCM": {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true},
		"1.2 ECDHE CBC":         {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false},
		"1.2 ECDHE CBC-SHA256":  {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, false},
		"1.2 ECDHE ChaCha20":    {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false},
		"1.2 without ECDHE":     {tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, false},
		"1.1":                   {version: tls.VersionTLS11},
		"1.0":                   {version: tls.VersionTLS10},
	} {
		t.Run(name, func(t *testing.T) {
			want := &tls.Config{RootCAs: p.roots, ServerName: "id.localhost", MinVersion: c.version, MaxVersion: c.version}
			if c.suite != 0 {
				want.CipherSuites = []uint16{c.suite}
			}
			conn, err := tls.Dial("tcp", p.address, want)
			if (err == nil) != c.taken {
				t.Fatalf("handshake: %v", err)
			}
			if err == nil {
				_ = conn.Close()
			}
		})
	}
}

func TestHTTP2IsSpokenOverTLS(t *testing.T) {
	p := start(t, true)
	response := p.get(p.origin + "/.well-known/openid-configuration")
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", response.Proto, response.Status)
	}
}

func TestPlainHTTPOnATLSPortIsRefused(t *testing.T) {
	p := start(t, true)
	response, err := p.client().Get("http" + p.origin[len("https"):] + "/.well-known/openid-configuration")
	if err == nil && response.StatusCode != http.StatusBadRequest {
		t.Fatalf("answered in the clear: %s", response.Status)
	}
}

// S21: a renewed certificate is served to the next connection; a broken one changes nothing.
func TestACertificateIsReplacedWithoutARestart(t *testing.T) {
	p := start(t, true)
	files := p.Config.TLS
	first := p.roots
	second := writeCertificate(t, files.CertFile, files.KeyFile, "id.localhost")
	p.reload <- syscall.SIGHUP
	eventually(t, "the new certificate is served", func() bool {
		p.roots = second
		return p.reachable()
	})
	p.roots = first
	if p.reachable() {
		t.Fatal("the old certificate is served still")
	}
	if err := os.WriteFile(files.CertFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.reloadOnce(t.Context()); err == nil {
		t.Fatal("a broken certificate was loaded")
	}
	if p.roots = second; !p.reachable() {
		t.Fatal("the last good certificate is not served any more")
	}
}

func (p *process) reachable() bool {
	response, err := p.client().Get(p.origin + livePath)
	if err == nil {
		_ = response.Body.Close()
	}
	return err == nil
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for begun := time.Now(); !check(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
