package broker

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"symbolon.dev"
)

// Both benchmarks send the same small request over one connection each, to the same small
// upstream; the difference is what the broker adds to the bare proxy: path hygiene, introspection
// from the cache, policy, upstream JWT from the cache, header rules, registration, ledger, log.

func hammer(b *testing.B, address, host, header string) {
	request := []byte(fmt.Sprintf("GET /orders/17?x=1 HTTP/1.1\r\nHost: %s\r\n%sAccept: application/json\r\nUser-Agent: bench\r\nAccept-Encoding: gzip\r\n\r\n", host, header))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewReader(conn)
		for pb.Next() {
			_, _ = conn.Write(request)
			answer, err := http.ReadResponse(in, nil)
			if err != nil || answer.StatusCode != http.StatusOK {
				b.Errorf("%+v %v", answer, err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
		}
	})
}

// smallUpstream answers as an application would that does nothing.
func smallUpstream(b *testing.B) *symbolon.Upstream {
	body := []byte(`{"id":17,"state":"sent","lines":[{"article":"amphora","count":2},{"article":"tessera","count":1}]}`)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(body)
	}))
	b.Cleanup(server.Close)
	return &symbolon.Upstream{URL: server.URL}
}

func BenchmarkBareProxy(b *testing.B) {
	up := smallUpstream(b)
	target := must(url.Parse(up.URL))
	proxy := &httputil.ReverseProxy{Transport: must(newUpstream(up)).transport,
		BufferPool: new(buffers), Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	front := httptest.NewServer(proxy)
	defer front.Close()
	hammer(b, front.Listener.Addr().String(), "orders.localhost", "")
}

func BenchmarkBroker(b *testing.B) {
	w := newWorld(b)
	w.put(symbolon.KindResource, "orders", symbolon.Resource{ID: "orders", Identifier: orders, Upstream: smallUpstream(b), Scopes: []symbolon.Scope{{Name: "read"}}})
	w.until("the broker knows", func() bool { return w.b.table.Load().snapshot.Version == w.catalog.Current().Version })
	w.b.Door.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	hammer(b, w.front.Listener.Addr().String(), "orders.localhost", "Authorization: Bearer "+w.service("robot", orders)+"\r\n")
}

// BenchmarkJudge is the decision alone, with everything cached.
func BenchmarkJudge(b *testing.B) {
	w := newWorld(b)
	raw := w.service("robot", orders)
	e, t := must(w.b.trust.find(b.Context(), raw)), w.b.table.Load()
	r := t.find("orders.localhost", "/orders/17")
	b.ReportAllocs()
	for b.Loop() {
		if d := w.b.judge(t.snapshot, e, r, "GET", "/orders/17", w.clock()); !d.Allowed() {
			b.Fatal(d)
		}
	}
}
