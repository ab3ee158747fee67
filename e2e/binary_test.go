package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const binary = "../bin/symbolon"

// process is a symbolon that a story started.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready json.RawMessage // the JSON line it printed when ready
	log   *logBuffer
}

// start runs the binary and waits for its JSON line.
func start(t *testing.T, environ []string, arguments ...string) *process {
	t.Helper()
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%s is missing; run `make build` or `make test`", binary)
	}
	p := &process{t: t, cmd: exec.Command(binary, arguments...), log: &logBuffer{}}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("log of %s:\n%s", strings.Join(arguments, " "), p.log.tail())
		}
	})
	line := make(chan []byte, 1)
	go func() {
		text, _ := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
		line <- text
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case p.ready = <-line:
	case <-time.After(30 * time.Second):
	}
	if len(p.ready) == 0 {
		t.Fatalf("symbolon %s did not become ready:\n%s", strings.Join(arguments, " "), p.log.tail())
	}
	return p
}

func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		p.t.Error("the process did not stop on SIGTERM")
		_ = p.cmd.Process.Kill()
		<-done
	}
}

// kill is the sudden death of the machine.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *logBuffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text[max(0, len(b.text)-6000):])
}

// service, person and facts mirror the documented line of `symbolon demo --json`.
type service struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Resource     string `json:"resource"`
}

type person struct {
	Login string `json:"login"`
	Enrol string `json:"enrol"`
}

type facts struct {
	Issuer     string             `json:"issuer"`
	Account    string             `json:"account"`
	Admin      string             `json:"admin"`
	Apps       map[string]string  `json:"apps"`
	Services   map[string]service `json:"services"`
	Clients    map[string]service `json:"clients"`
	People     map[string]person  `json:"people"`
	AdminToken string             `json:"admin_token"`
	Operator   service            `json:"operator"`
	CAFile     string             `json:"ca_file"`
}

// world is a running demo and an HTTP client that finds its hosts.
type world struct {
	*process
	facts
	http *http.Client
}

func demo(t *testing.T, flags ...string) *world {
	t.Helper()
	p := start(t, nil, append([]string{"demo", "--json", "--listen", "127.0.0.1:0"}, flags...)...)
	w := &world{process: p, http: &http.Client{Transport: loopbackTransport(), CheckRedirect: noRedirect, Timeout: 20 * time.Second}}
	if err := json.Unmarshal(p.ready, &w.facts); err != nil {
		t.Fatal(err)
	}
	return w
}

// loopbackTransport finds names under .localhost on this machine, as browsers do (RFC 6761).
func loopbackTransport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func must[T any](t *testing.T) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	return must[string](t)(filepath.Abs(path))
}

func eventually(t *testing.T, within time.Duration, what string, check func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for !check() {
		if time.Since(begun) > within {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begun)
}
