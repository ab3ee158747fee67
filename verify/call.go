package verify

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"symbolon.dev"
)

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 1 << 20 // bytes
)

// caller does HTTP towards one issuer.
type caller struct{ http *http.Client }

// newCaller takes a client's transport and nothing that would follow redirects or keep cookies.
func newCaller(client *http.Client) caller {
	if client == nil {
		client = &http.Client{}
	}
	return caller{&http.Client{Transport: client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// do sends one request and reads the whole answer. An error is of kind Unavailable.
func (c caller) do(req *http.Request) (status int, body []byte, err error) {
	req.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return 0, nil, unreachable(req).Because(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, unreachable(req).Because(err)
	}
	if len(body) > maxAnswer {
		return 0, nil, symbolon.Errorf(symbolon.Unavailable, "%s answered with more than %d bytes", req.URL.Host, maxAnswer)
	}
	return answer.StatusCode, body, nil
}

func unreachable(req *http.Request) *symbolon.Error {
	return symbolon.Errorf(symbolon.Unavailable, "%s cannot be reached", req.URL.Host)
}

func unexpected(what string, status int) *symbolon.Error {
	return symbolon.Errorf(symbolon.Unavailable, "%s answered with status %d", what, status)
}

// get fetches a document that must be there.
func (c caller) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "%q is not a URL", address).Because(err)
	}
	status, body, err := c.do(req)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, symbolon.Errorf(symbolon.NotFound, "there is nothing at %s", address)
	case status != http.StatusOK:
		return nil, unexpected(address, status)
	}
	return body, nil
}

// form posts an OAuth request as a client, by client_secret_basic (RFC 6749 §2.3.1: id and secret
// are form-encoded first).
func (c caller) form(ctx context.Context, address string, as credential, values url.Values) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		return 0, nil, symbolon.Errorf(symbolon.Invalid, "%q is not a URL", address).Because(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(as.id), url.QueryEscape(as.secret.Reveal()))
	return c.do(req)
}

// credential is how this program proves itself to the issuer.
type credential struct {
	id     string
	secret symbolon.Secret
}

// secureURL refuses addresses that would send secrets in the clear: https, or http to a name
// that cannot leave the machine (RFC 6761 §6.3).
func secureURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return symbolon.Errorf(symbolon.Invalid, "%q is not an absolute URL", address)
	}
	if u.Scheme == "https" || (u.Scheme == "http" && loopback(u.Hostname())) {
		return nil
	}
	return symbolon.Errorf(symbolon.Invalid, "%q must be https, or http on a loopback name", address)
}

func loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// share does one thing for all who ask for it at the same time. The work outlives the caller
// that started it, up to limit, because others may wait for it.
func share[T any](ctx context.Context, group *singleflight.Group, key string, limit time.Duration, work func(context.Context) (T, error)) (T, error) {
	result := group.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		return work(ctx)
	})
	select {
	case r := <-result:
		value, _ := r.Val.(T)
		return value, r.Err
	case <-ctx.Done():
		var none T
		return none, symbolon.Errorf(symbolon.Unavailable, "the request ended before the issuer answered").Because(ctx.Err())
	}
}
