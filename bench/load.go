package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is what one server got in one round. The client is as thin as it can be, so that it never
// is what is measured: it writes requests that are ready and reads as much of the answers as it
// takes to find their end.
type load struct {
	address     string
	requests    [][]byte // sent in turn
	connections int
	length      time.Duration
}

// maxPerRound bounds the number of requests, whatever the time.
const maxPerRound = 200_000

type outcome struct {
	count    int
	elapsed  time.Duration
	took     []time.Duration // sorted
	p50, p99 time.Duration
}

func (l load) run(ctx context.Context) (outcome, error) {
	group, ctx := errgroup.WithContext(ctx)
	took := make([][]time.Duration, l.connections)
	began := time.Now()
	for n := range l.connections {
		group.Go(func() (err error) {
			took[n], err = l.connection(ctx, n, began.Add(l.length))
			return err
		})
	}
	err := group.Wait()
	out := outcome{elapsed: time.Since(began), took: slices.Concat(took...)}
	if out.count = len(out.took); out.count == 0 && err == nil {
		err = errors.New("no request was answered")
	}
	if err != nil {
		return out, err
	}
	slices.Sort(out.took)
	out.p50, out.p99 = out.took[out.count/2], out.took[out.count*99/100]
	return out, nil
}

// connection sends one request after the other until the end.
func (l load) connection(ctx context.Context, n int, end time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(end.Add(10 * time.Second)); err != nil {
		return nil, err
	}
	reader := bufio.NewReaderSize(conn, 16<<10)
	took := make([]time.Duration, 0, 4096)
	for i, now := n, time.Now(); now.Before(end) && len(took) < maxPerRound/l.connections; i++ {
		if _, err := conn.Write(l.requests[i%len(l.requests)]); err != nil {
			return took, err
		}
		if err := readAnswer(reader); err != nil {
			return took, err
		}
		done := time.Now()
		took, now = append(took, done.Sub(now)), done
	}
	return took, nil
}

var contentLength = []byte("Content-Length: ")

// readAnswer reads one answer, which must be a 200 that tells its length.
func readAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	first, length := string(bytes.TrimSpace(status)), -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, found := bytes.CutPrefix(line, contentLength); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if !ok || length < 0 {
		rest, _ := r.Peek(min(max(length, 0), r.Buffered()))
		return fmt.Errorf("answered with %q %s", first, rest)
	}
	_, err = r.Discard(length)
	return err
}
