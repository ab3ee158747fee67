package broker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/token"
)

// buffers are what bodies are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (p *buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

func (p *buffers) Put(b []byte) {
	if len(b) == bufferSize {
		p.pool.Put((*[bufferSize]byte)(b))
	}
}

var discard = log.New(io.Discard, "", 0) // what the proxy would log, the door does

// forward passes a permitted request on, with the broker's own word about who asks.
func (b *Broker) forward(w http.ResponseWriter, r *http.Request, f *flight, e *entry, found *route) error {
	word, err := b.wordFor(r.Context(), e, found, f)
	if err != nil {
		return b.broken(r.Context(), err)
	}
	f.schedule(b.until(e, b.Clock()), b.again)
	requestID := w.Header().Get(door.RequestIDHeader)
	answer := &answerWriter{ResponseWriter: w, broker: b, flight: f, requestID: requestID}
	var failure error
	proxy := httputil.ReverseProxy{
		Transport: found.upstream.transport, BufferPool: &b.buffers, ErrorLog: discard,
		Rewrite: func(p *httputil.ProxyRequest) { b.rewrite(p, found, word, requestID) },
		ModifyResponse: func(res *http.Response) error {
			b.cookies.guard(res.Header)
			res.Header.Del(door.RequestIDHeader)
			res.Header.Del(token.HeaderNonce) // nonces are the broker's
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failure = err },
	}
	if !upgrading(r) {
		r.Header.Del("Upgrade") // h2c and the like would leave HTTP, and with it every check
	}
	proxy.ServeHTTP(answer, r)
	if failure != nil && !answer.hijacked {
		return b.broken(r.Context(), failure)
	}
	return nil
}

// broken says why there is no answer: the flight was cut, the caller went away, or the upstream
// failed.
func (b *Broker) broken(ctx context.Context, err error) error {
	var why *cut
	if errors.As(context.Cause(ctx), &why) {
		return why.cause
	}
	var known *symbolon.Error
	if errors.As(err, &known) {
		return err
	}
	return symbolon.Errorf(symbolon.Unavailable, "the application does not answer").Because(errors.Join(errUpstream, err))
}

// rewrite makes the request that the upstream sees. The proxy has removed hop-by-hop headers, so
// nothing that a caller lists in Connection can take away what is set here.
func (b *Broker) rewrite(p *httputil.ProxyRequest, found *route, word *word, requestID string) {
	out := p.Out
	out.URL = &url.URL{Scheme: found.upstream.base.Scheme, Host: found.upstream.base.Host,
		Path: p.In.URL.Path, RawPath: p.In.URL.RawPath, RawQuery: p.In.URL.RawQuery, ForceQuery: p.In.URL.ForceQuery}
	out.Host, out.Trailer = p.In.Host, nil
	strip(out.Header, found.told)
	b.cookies.hide(out.Header)
	out.Header["Authorization"] = word.authorization
	out.Header["X-Forwarded-Host"] = []string{p.In.Host}
	out.Header["X-Forwarded-Proto"] = b.scheme
	out.Header["X-Request-Id"] = []string{requestID}
	for name, values := range word.headers {
		out.Header[name] = values
	}
}

// upgrading reports whether r asks for a WebSocket (RFC 6455 §4.1), the one protocol that HTTP may
// be left for.
func upgrading(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket")
}

// answerWriter is where the proxy writes: it guards interim answers, and makes a tunnel of a
// connection that is taken over.
type answerWriter struct {
	http.ResponseWriter
	broker    *Broker
	flight    *flight
	requestID string
	hijacked  bool
}

func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader: of an interim answer, such as 103, the proxy copies the headers unasked and then
// clears them all.
func (w *answerWriter) WriteHeader(status int) {
	if status < 200 {
		w.broker.cookies.guard(w.Header())
	} else {
		w.flight.renew(w.Header())
	}
	w.Header()["X-Request-Id"] = []string{w.requestID}
	w.ResponseWriter.WriteHeader(status)
}

// Hijack gives the proxy a tunnel.
func (w *answerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	tun := newTunnel(conn)
	if why := w.flight.upgrade(tun); why != nil {
		_ = conn.Close()
		return nil, nil, why
	}
	return tun, buffered, nil
}
