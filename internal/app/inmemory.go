package app

import (
	"bytes"
	"io"
	"net/http"
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
	answer := &answer{header: http.Header{}}
	t.handler.ServeHTTP(answer, served)
	_ = served.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return answer.response(r), nil
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
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}
}
