package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// inMemory is an http.RoundTripper that calls a handler of this process. The broker reaches
// the issuer through it when both live in one process: the same requests as over the network,
// without the network (decision 1: there is no second, private protocol).
type inMemory struct{ handler http.Handler }

func (t inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	served := r.Clone(r.Context())
	served.Host = r.URL.Host
	if r.Host != "" {
		served.Host = r.Host
	}
	served.RequestURI = r.URL.RequestURI()
	served.RemoteAddr = "in-memory"
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer func() { _ = served.Body.Close() }()
	answer := &answer{header: http.Header{}}
	if err := t.serve(answer, served); err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return answer.response(r), nil
}

// serve contains a panic as a server does: the caller's connection breaks, the process lives.
func (t inMemory) serve(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("the issuer broke while it answered: %v", broken)
		}
	}()
	t.handler.ServeHTTP(w, r)
	return nil
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	sent   http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status, a.sent = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) response(r *http.Request) *http.Response {
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}
}
