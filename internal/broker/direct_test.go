package broker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"symbolon.dev"
)

// script is an upstream that says exactly this: the first answer on the first connection, then a
// proper one to whatever it is asked. hangUp closes the first connection after the first answer.
type script struct {
	first       string
	hangUp      bool
	connections atomic.Int32
	served      chan net.Conn // each connection that has been answered on
}

const proper = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nproper"

// start listens on a socket in the file system: there are more of them than ports.
func (s *script) start(t testing.TB) *direct {
	t.Helper()
	dir, err := os.MkdirTemp("", "direct") // its name is short and plain, as that of a socket in a URL must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.served = make(chan net.Conn, 64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, s.connections.Add(1) == 1)
		}
	}()
	up, err := newUpstream(&symbolon.Upstream{URL: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	d := up.transport.(*direct)
	t.Cleanup(d.CloseIdleConnections)
	return d
}

func (s *script) serve(conn net.Conn, first bool) {
	defer func() { _ = conn.Close() }()
	for in := bufio.NewReader(conn); ; first = false {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		answer := proper
		if first {
			answer = s.first
		}
		if _, err := io.WriteString(conn, answer); err != nil || first && s.hangUp {
			return
		}
		s.served <- conn
	}
}

func ask(t testing.TB, d *direct, method string) (string, error) {
	t.Helper()
	return askIn(t, context.Background(), d, method, "")
}

func askIn(t testing.TB, ctx context.Context, d *direct, method, body string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://upstream.invalid/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	res, err := d.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestConnectionsAreUsedAgainOnlyWhenTheAnswerIsWhole(t *testing.T) {
	for name, c := range map[string]struct {
		method, first string
		hangUp        bool
		want          string
		connections   int32
	}{
		"length":               {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, "ok", 1},
		"empty":                {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "", 1},
		"no content":           {"GET", "HTTP/1.1 204 No Content\r\n\r\n", false, "", 1},
		"not modified":         {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, "", 1},
		"head":                 {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, "", 1},
		"chunks":               {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", false, "ok", 1},
		"interim":              {"GET", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, "ok", 1},
		"close":                {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, "ok", 2},
		"until the end":        {"GET", "HTTP/1.1 200 OK\r\n\r\nok", true, "ok", 2},
		"HTTP/1.0":             {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, "ok", 2},
		"hangs up afterwards":  {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, "ok", 2},
		"says more":            {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false, "ok", 2},
		"head with a body":     {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false, "", 2},
		"more than no content": {"GET", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{first: c.first, hangUp: c.hangUp}
			d := s.start(t)
			if got, err := ask(t, d, c.method); err != nil || got != c.want {
				t.Fatalf("first: %q, %v", got, err)
			}
			if got, err := ask(t, d, "GET"); err != nil || got != "proper" {
				t.Fatalf("second: %q, %v", got, err)
			}
			if n := s.connections.Load(); n != c.connections {
				t.Errorf("%d connections, want %d", n, c.connections)
			}
		})
	}
}

// What an upstream says when nobody asks cannot become the answer to somebody else. S7, S28
func TestAnUnaskedAnswerIsNeverGiven(t *testing.T) {
	s := &script{first: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}
	d := s.start(t)
	if got, err := ask(t, d, "GET"); err != nil || got != "ok" {
		t.Fatal(got, err)
	}
	if _, err := io.WriteString(<-s.served, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := ask(t, d, "GET"); err != nil || got != "proper" {
			t.Fatal(got, err)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		first  string
		hangUp bool
	}{
		"nothing":              {"", true},
		"half a header":        {"HTTP/1.1 200 OK\r\nContent-", true},
		"half a body":          {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true},
		"half a chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", true},
		"not HTTP":             {"SSH-2.0-x\r\n\r\n", false},
		"two lengths":          {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", false},
		"unasked protocol":     {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", false},
		"endless interim":      {strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1), false},
		"a header without end": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxUpstreamHeader) + "\r\n\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{first: c.first, hangUp: c.hangUp}
			d := s.start(t)
			if got, err := ask(t, d, "GET"); err == nil {
				t.Errorf("answered with %q", got)
			}
			if n := s.connections.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if got, err := ask(t, d, "GET"); err != nil || got != "proper" {
				t.Errorf("afterwards: %q, %v", got, err)
			}
		})
	}
}

// A silent upstream is given the time it has, once.
func TestASilentUpstreamIsNotAskedTwice(t *testing.T) {
	asked := make(chan struct{}, 8)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			_, _ = http.ReadRequest(in)
			asked <- struct{}{}
			_, _ = io.WriteString(conn, proper)
			_, _ = http.ReadRequest(in) // and no answer
			asked <- struct{}{}
		}
	}()
	d := newDirect(&http.Transport{DialContext: (&net.Dialer{}).DialContext, ResponseHeaderTimeout: time.Minute, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}, listener.Addr().String())
	defer d.CloseIdleConnections()
	if got, err := ask(t, d, "GET"); err != nil || got != "proper" {
		t.Fatal(got, err)
	}
	d.ResponseHeaderTimeout = time.Millisecond
	if got, err := ask(t, d, "GET"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(got, err)
	}
	if n := len(asked); n > 2 {
		t.Errorf("asked %d times", n)
	}
}

// Whoever is cut off takes the connection along. S20
func TestTheEndOfTheRequestIsTheEndOfItsConnection(t *testing.T) {
	s := &script{first: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}
	d := s.start(t)
	ctx, cut := context.WithCancelCause(t.Context())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://upstream.invalid/", nil)
	res, err := d.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	cut(cutRevoked)
	if rest, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("read %q to the end", rest)
	}
	_ = res.Body.Close()
	if _, err := (<-s.served).Read(make([]byte, 1)); err == nil {
		t.Error("the upstream still has the connection")
	}
	if r, err := d.RoundTrip(r); !errors.Is(err, cutRevoked) {
		t.Errorf("%v, %v", r, err)
	}
}

func TestABodyThatIsNotReadTakesItsConnectionAlong(t *testing.T) {
	s := &script{first: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nleft"}
	d := s.start(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://upstream.invalid/", nil)
	res, err := d.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got, err := ask(t, d, "GET"); err != nil || got != "proper" || s.connections.Load() != 2 {
		t.Errorf("%q, %v, %d connections", got, err, s.connections.Load())
	}
}

func TestInterimAnswersAreTold(t *testing.T) {
	s := &script{first: "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + proper}
	d, told := s.start(t), ""
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		told = http.StatusText(code) + h.Get("Link")
		return nil
	}})
	if got, err := askIn(t, ctx, d, "GET", ""); err != nil || got != "proper" || told != "Early Hints</a.css>" {
		t.Errorf("%q, %v, told %q", got, err, told)
	}
}

func TestOnlyThePlainCaseIsDirect(t *testing.T) {
	s := &script{first: proper}
	d := s.start(t)
	for range 2 {
		if got, err := askIn(t, t.Context(), d, "POST", "x=y"); err != nil || got != "proper" {
			t.Fatal(got, err)
		}
	}
	if len(d.idle) != 0 {
		t.Error("a request with a body went direct")
	}
	for name, change := range map[string]func(*http.Request){
		"method":  func(r *http.Request) { r.Method = http.MethodDelete },
		"upgrade": func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
		"expect":  func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
		"length":  func(r *http.Request) { r.ContentLength = -1 },
		"body":    func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("")) },
		"trailer": func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a/", nil)
		if !plain(r) {
			t.Fatal("a bare GET is not plain")
		}
		if change(r); plain(r) {
			t.Errorf("%s: plain", name)
		}
	}
}

func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	s := &script{first: proper}
	d := s.start(t)
	if got, err := ask(t, d, "GET"); err != nil || got != "proper" {
		t.Fatal(got, err)
	}
	d.tidyUp()
	if len(d.idle) != 1 {
		t.Fatal("closed too soon")
	}
	d.idle[0].since = time.Now().Add(-upstreamIdleTimeout)
	d.tidyUp()
	if _, err := (<-s.served).Read(make([]byte, 1)); err == nil || len(d.idle) != 0 {
		t.Errorf("%v, %d idle", err, len(d.idle))
	}
}

// Whatever an upstream says to one, the next one gets the answer to their own question.
func FuzzDirect(f *testing.F) {
	for _, seed := range []string{proper, proper + proper, "HTTP/1.1 204 OK\r\n\r\nx", "HTTP/1.1 100 C\r\n\r\n" + proper,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		s := &script{first: said, hangUp: true}
		d := s.start(t)
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		_, _ = askIn(t, ctx, d, "GET", "")
		if got, err := askIn(t, ctx, d, "GET", ""); err != nil || got != "proper" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}
