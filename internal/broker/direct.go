package broker

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"time"

	"symbolon.dev"
)

// direct carries the plain case, a request without a body over HTTP/1.1 without TLS, on the
// goroutine that serves it: written, answered, done, with no other goroutine to hand it to. Whatever
// is not plain goes to the [http.Transport] beside it. Reading and writing messages is left to
// net/http. Its laws:
//
//   - A connection carries one request at a time. It is used again only after the whole answer was
//     read, with nothing after it, and if it is silent and open when it is taken: an upstream that
//     says more than it was asked cannot answer the next request with that.
//   - Only what may be repeated is repeated (RFC 9110 §9.2.2): a GET or HEAD on a used connection that
//     the upstream closed before the first byte of an answer, once, on a fresh one.
//   - The end of the request's context closes its connection.
type direct struct {
	*http.Transport // for the rest; its dialer and limits are direct's, too
	address         string

	mu   sync.Mutex // guards what follows
	idle []*line    // the longest idle first
	tidy *time.Timer
}

func newDirect(t *http.Transport, host string) *direct {
	address := host
	if _, _, err := net.SplitHostPort(host); err != nil {
		address = net.JoinHostPort(strings.Trim(host, "[]"), "80")
	}
	return &direct{Transport: t, address: address}
}

const maxInterim = 8 // 1xx answers before the answer

func plain(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && (r.Body == nil || r.Body == http.NoBody) &&
		r.ContentLength == 0 && len(r.TransferEncoding) == 0 && len(r.Trailer) == 0 && !r.Close &&
		len(r.Header["Upgrade"]) == 0 && len(r.Header["Connection"]) == 0 && len(r.Header["Expect"]) == 0
}

// RoundTrip is [http.RoundTripper].
func (d *direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if !plain(r) {
		return d.Transport.RoundTrip(r)
	}
	if l := d.take(); l != nil {
		res, err := d.converse(l, r)
		if err == nil || l.heard || r.Context().Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return res, err
		}
	}
	conn, err := d.DialContext(r.Context(), "tcp", d.address)
	if err != nil {
		return nil, orCause(r.Context(), err)
	}
	l, err := newLine(conn)
	if err != nil {
		return nil, err
	}
	return d.converse(l, r)
}

// converse sends the request and reads the answer up to its body.
func (d *direct) converse(l *line, r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	l.heard = false
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	res, err := d.exchange(l, r)
	if err != nil {
		stop()
		_ = l.Close()
		return nil, orCause(ctx, err)
	}
	b := &answerBody{ReadCloser: res.Body, way: d, line: l, stop: stop, again: !res.Close}
	if res.Body == http.NoBody || r.Method == http.MethodHead {
		b.end(true)
	}
	res.Body = b
	return res, nil
}

// orCause is why ctx ended, if it did: then that is why there was an error.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (d *direct) exchange(l *line, r *http.Request) (*http.Response, error) {
	if err := l.SetDeadline(time.Now().Add(d.ResponseHeaderTimeout)); err != nil {
		return nil, err
	}
	if err := errors.Join(r.Write(l.out), l.out.Flush()); err != nil {
		return nil, err
	}
	for range maxInterim {
		l.limit.N = maxUpstreamHeader
		res, err := http.ReadResponse(l.in, r)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, symbolon.Errorf(symbolon.Unavailable, "the upstream changes the protocol unasked")
		case res.StatusCode >= 200:
			l.limit.N = math.MaxInt64
			return res, l.unlimited(res)
		}
		if err := tellInterim(r.Context(), res); err != nil {
			return nil, err
		}
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "the upstream says too much before it answers")
}

func tellInterim(ctx context.Context, res *http.Response) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil || trace.Got1xxResponse == nil {
		return nil
	}
	return trace.Got1xxResponse(res.StatusCode, map[string][]string(res.Header))
}

// answerBody gives its connection back once it has been read to the end. It is read and closed by one goroutine at a time.
type answerBody struct {
	io.ReadCloser
	way   *direct
	line  *line
	stop  func() bool
	again bool // the connection may be used again
	over  bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.end(false)
	return nil
}

func (b *answerBody) end(whole bool) {
	if b.over {
		return
	}
	b.over = true
	if b.stop() && whole && b.again && b.line.in.Buffered() == 0 && b.way.give(b.line) {
		return
	}
	_ = b.line.Close()
}

// take gives an idle connection that is silent and open, nil if there is none.
func (d *direct) take() *line {
	for {
		d.mu.Lock()
		last := len(d.idle) - 1
		if last < 0 {
			d.mu.Unlock()
			return nil
		}
		l := d.idle[last]
		d.idle = d.idle[:last]
		d.mu.Unlock()
		if l.silent() {
			return l
		}
		_ = l.Close()
	}
}

func (d *direct) give(l *line) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.idle) >= d.MaxIdleConnsPerHost {
		return false
	}
	l.since = time.Now()
	d.idle = append(d.idle, l)
	if d.tidy == nil {
		d.tidy = time.AfterFunc(d.IdleConnTimeout, d.tidyUp)
	}
	return true
}

// tidyUp closes what has been idle for long, and comes again while there is something.
func (d *direct) tidyUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for n < len(d.idle) && time.Since(d.idle[n].since) >= d.IdleConnTimeout {
		_ = d.idle[n].Close()
		n++
	}
	d.idle = append(d.idle[:0:0], d.idle[n:]...)
	if d.tidy = nil; len(d.idle) > 0 {
		d.tidy = time.AfterFunc(d.IdleConnTimeout-time.Since(d.idle[0].since), d.tidyUp)
	}
}

// CloseIdleConnections closes what is idle, here and in the transport for the rest.
func (d *direct) CloseIdleConnections() {
	d.mu.Lock()
	idle := d.idle
	d.idle = nil
	d.mu.Unlock()
	for _, l := range idle {
		_ = l.Close()
	}
	d.Transport.CloseIdleConnections()
}
