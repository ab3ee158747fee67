package broker

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// line is one connection to the upstream.
type line struct {
	net.Conn
	raw   syscall.RawConn
	in    *bufio.Reader
	out   *bufio.Writer
	limit io.LimitedReader // of what in reads
	since time.Time        // idle
	heard bool             // a byte of the current answer
}

func newLine(conn net.Conn) (*line, error) {
	system, ok := conn.(syscall.Conn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("the connection to the upstream is not one of the system's")
	}
	raw, err := system.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	l := &line{Conn: conn, raw: raw, out: bufio.NewWriter(conn)}
	l.limit.R = l
	l.in = bufio.NewReader(&l.limit)
	return l, nil
}

func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.heard = l.heard || n > 0
	return n, err
}

// unlimited lets the body take its time, unless it is here already.
func (l *line) unlimited(res *http.Response) error {
	if res.ContentLength >= 0 && int64(l.in.Buffered()) >= res.ContentLength {
		return nil
	}
	return l.SetDeadline(time.Time{})
}

// silent reports whether the upstream has neither closed the connection nor said anything.
func (l *line) silent() bool {
	quiet := false
	err := l.raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK) // which does not wait: Go's sockets never do
		quiet = n <= 0 && err == syscall.EAGAIN
		return true
	})
	return err == nil && quiet
}
