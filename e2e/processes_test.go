package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

// pair is an issuer and a broker as two processes: the issuer on PostgreSQL, the broker with
// nothing but its own client credential.
type pair struct {
	*world
	environ    []string
	dir        string
	issuerProc *process
	brokerProc *process
}

// S15, S20, S44: whatever was acknowledged survives the sudden death of either process.
func TestNothingAcknowledgedIsLostWhenAProcessDies(t *testing.T) {
	p := newPair(t)
	orders := p.Services["orders"]
	load := &loadRun{pair: p, stop: make(chan struct{})}
	for range 8 {
		load.group.Add(1)
		go load.work(orders)
	}
	time.Sleep(700 * time.Millisecond)
	p.issuerProc.kill()
	p.startIssuer()
	time.Sleep(700 * time.Millisecond)
	p.brokerProc.kill()
	p.startBroker()
	time.Sleep(700 * time.Millisecond)
	close(load.stop)
	load.group.Wait()
	if len(load.live) == 0 || len(load.revoked) == 0 {
		t.Fatalf("the load did nothing: %d tokens, %d revocations", len(load.live), len(load.revoked))
	}
	for _, raw := range load.live {
		if got := p.as(orders, "/introspect", url.Values{"token": {raw}}); got.json["active"] != true {
			t.Fatalf("an acknowledged token is lost: %s", got.text)
		}
	}
	for _, raw := range load.revoked {
		if got := p.as(orders, "/introspect", url.Values{"token": {raw}}); got.json["active"] != false {
			t.Fatalf("an acknowledged revocation is lost: %s", got.text)
		}
	}
	p.brokerAgrees(load)
	t.Logf("%d tokens and %d revocations acknowledged; none was lost", len(load.live), len(load.revoked))
}

// brokerAgrees asks the broker about a sample: it serves the live and refuses the revoked.
func (p *pair) brokerAgrees(load *loadRun) {
	p.t.Helper()
	for _, raw := range load.live[max(0, len(load.live)-20):] {
		eventually(p.t, 20*time.Second, "the broker serves a live token", func() bool {
			return p.get(p.Services["orders"].Resource+"/", raw).status == http.StatusOK
		})
	}
	for _, raw := range load.revoked[max(0, len(load.revoked)-20):] {
		if got := p.get(p.Services["orders"].Resource+"/", raw).status; got != http.StatusUnauthorized {
			p.t.Errorf("the broker answers a revoked token with %d", got)
		}
	}
}

// loadRun gets tokens, uses them and revokes every third, and notes what was acknowledged. While
// a process is dead it sees errors, which promise nothing.
type loadRun struct {
	*pair
	group sync.WaitGroup
	stop  chan struct{}

	mu            sync.Mutex
	live, revoked []string
}

func (l *loadRun) work(s service) {
	defer l.group.Done()
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		raw, ok := l.tryToken(s)
		if !ok {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		_, _ = l.try(s.Resource+"/", raw)
		if i%3 != 0 {
			l.note(&l.live, raw)
		} else if l.tryRevoke(s, raw) {
			l.note(&l.revoked, raw)
		}
	}
}

func (l *loadRun) note(list *[]string, raw string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, raw)
}

func newPair(t *testing.T) *pair {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("served")) }))
	t.Cleanup(upstream.Close)
	issuerAt, brokerAt := freePort(t), freePort(t)
	secrets := map[string]string{}
	for _, name := range []string{"broker", "orders"} {
		secrets[name] = token.NewOpaque(token.PrefixSecret).Reveal()
	}
	var master [32]byte
	_, _ = rand.Read(master[:])
	issuer, resource := "http://id.localhost:"+issuerAt, "http://orders.localhost:"+brokerAt
	p := &pair{dir: t.TempDir(), environ: []string{
		"SYMBOLON_ISSUER=" + issuer, "SYMBOLON_STORE=" + storetest.PostgresURL(t),
		"SYMBOLON_MASTER_KEY=" + base64.StdEncoding.EncodeToString(master[:]), "SYMBOLON_BROKER_CLIENT_SECRET=" + secrets["broker"]}}
	p.declare(t, secrets, resource, upstream.URL)
	p.environ = append(p.environ, "SYMBOLON_DECLARED="+p.dir)
	p.world = &world{process: &process{t: t}, http: &http.Client{Transport: loopbackTransport(), Timeout: 5 * time.Second}}
	p.facts = facts{Issuer: issuer, Services: map[string]service{"orders": {"orders", secrets["orders"], resource}}}
	p.startIssuer()
	p.startBroker()
	return p
}

// brokerEnviron leaves out everything that a broker must not need.
func (p *pair) brokerEnviron() []string {
	return []string{p.environ[0], p.environ[3], "SYMBOLON_DATA=" + filepath.Join(p.dir, "nothing-here")}
}

func (p *pair) startIssuer() {
	p.issuerProc = start(p.t, append(p.environ, "SYMBOLON_LISTEN=127.0.0.1:"+port(p.Issuer)), "serve", "--roles", "issuer", "--json")
}

func (p *pair) startBroker() {
	p.brokerProc = start(p.t, append(p.brokerEnviron(), "SYMBOLON_LISTEN=127.0.0.1:"+port(p.Services["orders"].Resource)), "serve", "--roles", "broker", "--json")
}

func (p *pair) declare(t *testing.T, secrets map[string]string, resource, upstream string) {
	t.Helper()
	hash := func(name string) string {
		sum := symbolon.HashOf(secrets[name])
		return hex.EncodeToString(sum[:])
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("all.yaml", fmt.Sprintf(`clients:
  - {client_id: broker, broker: true, first_party: true, secrets: [{sha256: %s}], grant_types: [authorization_code, client_credentials, "urn:ietf:params:oauth:grant-type:token-exchange"]}
  - {client_id: orders, secrets: [{sha256: %s}], grant_types: [client_credentials]}
resources:
  - {id: orders, identifier: %q, server: orders, upstream: {url: %q}}
`, hash("broker"), hash("orders"), resource, upstream))
	write("all.cedar", `@id("orders") permit (principal == Service::"orders", action in [Action::"issue", Action::"access"], resource == Resource::"orders");`)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

func port(origin string) string {
	u, _ := url.Parse(origin)
	return u.Port()
}
