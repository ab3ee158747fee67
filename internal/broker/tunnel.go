package broker

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// lingerTime bounds every step of saying goodbye on a connection that is cut.
const lingerTime = time.Second

// tunnel is the caller's side of an upgraded connection. When it is shut, nothing the caller
// sends reaches the upstream any more, and the caller gets a close frame (RFC 6455 §5.5.1) at the
// end of the frame that is on its way.
type tunnel struct {
	net.Conn
	shutting atomic.Bool
	told     chan struct{} // closed once the close frame is out, or can never be

	mu     sync.Mutex // guards what follows; held while writing
	frames framer
	notice []byte
	done   bool
}

func newTunnel(conn net.Conn) *tunnel { return &tunnel{Conn: conn, told: make(chan struct{})} }

// Write passes on what the upstream sends, until the tunnel is shut.
func (t *tunnel) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.done:
		return 0, net.ErrClosed
	case t.notice == nil:
		t.frames.pass(p)
		return t.Conn.Write(p)
	}
	taken, end := t.frames.step(p)
	n, err := t.Conn.Write(p[:taken])
	if end || err != nil {
		t.finish()
		return n, errors.Join(err, net.ErrClosed)
	}
	return n, nil
}

// finish writes the close frame; the caller holds mu.
func (t *tunnel) finish() {
	if t.done {
		return
	}
	t.done = true
	_ = t.SetWriteDeadline(time.Now().Add(lingerTime))
	_, _ = t.Conn.Write(t.notice)
	close(t.told)
}

// Read gives what the caller sends, until the tunnel is shut.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if t.shutting.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// shut stops the tunnel and returns once the caller has been told why, or cannot be.
func (t *tunnel) shut(code uint16, reason string) {
	if t.shutting.Swap(true) {
		return
	}
	_ = t.SetReadDeadline(time.Now().Add(lingerTime))
	t.mu.Lock()
	t.notice = closeFrame(code, reason)
	if t.frames.between() {
		t.finish()
	}
	t.mu.Unlock()
	select {
	case <-t.told:
	case <-time.After(lingerTime):
	}
}

// Close lets the caller read the close frame before the connection goes: to close over unread
// input would reset it.
func (t *tunnel) Close() error {
	if t.shutting.Load() {
		_, _ = io.Copy(io.Discard, t.Conn)
	}
	return t.Conn.Close()
}
