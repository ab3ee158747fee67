package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// manager is a service manager's end of sd_notify(3).
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "n") // short: a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = os.RemoveAll(dir) })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, conn}
}

func (m *manager) hears(pattern string) {
	m.t.Helper()
	said := make([]byte, 4096)
	n, err := m.conn.Read(said)
	if err != nil || !regexp.MustCompile("^"+pattern+"$").Match(said[:n]) {
		m.t.Fatalf("heard %q, want %s (%v)", said[:n], pattern, err)
	}
}

// S21: ready, reload, stop, as the service manager hears it.
func TestTheServiceManagerHearsTheLifeOfTheProcess(t *testing.T) {
	m := newManager(t)
	p := start(t, false)
	m.hears("READY=1")
	p.reload <- syscall.SIGHUP
	m.hears("RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*")
	m.hears("READY=1")
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	m.hears("STOPPING=1")
}

func TestAManagerThatIsGoneStopsNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := start(t, false).end(); err != nil {
		t.Fatal(err)
	}
}

// S4, S21: declared files are read at start and at each reload; a broken one changes nothing.
func TestDeclaredFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("groups: [{id: first}]")
	p := start(t, false, "SYMBOLON_DECLARED="+dir)
	there := func(id string) bool {
		_, err := p.issuer.db.Object(t.Context(), "group", id)
		return err == nil
	}
	if !there("first") {
		t.Fatal("not read at start")
	}
	write("groups: [{id: second}]")
	p.reload <- syscall.SIGHUP
	eventually(t, "the second is there", func() bool { return there("second") })
	write("groups: [{id: third}, {idd: fourth}]")
	if err := p.reloadOnce(t.Context()); err == nil || there("third") {
		t.Fatalf("a broken file was taken: %v", err)
	}
}

// A request that is under way when the process is told to stop gets its answer; the listener is
// closed by then.
func TestStoppingLetsOpenRequestsFinish(t *testing.T) {
	m := newManager(t)
	p := start(t, false)
	m.hears("READY=1")
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := "grant_type=password"
	_, _ = fmt.Fprintf(conn, "POST /token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		strings.TrimPrefix(p.origin, "http://"), len(body))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q %v", line, err) // the handler waits for the body
	}
	_, _ = answers.ReadString('\n')
	p.stop()
	m.hears("STOPPING=1")
	eventually(t, "nobody listens", func() bool {
		late, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	})
	_, _ = io.WriteString(conn, body)
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusBadRequest && response.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s", response.Status)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

func TestAnAddressInUseIsSaidToBe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	a, err := New(context.Background(), Options{Config: load(t, "SYMBOLON_DATA="+t.TempDir(), "SYMBOLON_LISTEN="+taken.Addr().String()), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "listen in the configuration") {
		t.Errorf("%v", err)
	}
}
