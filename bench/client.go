package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// The requests under load, as bytes. Bare servers get the very same ones.

func (d *deployment) get(host, header, value string) []byte {
	return fmt.Appendf(nil, "GET /documents/7?page=2 HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n%s: %s\r\n\r\n",
		d.host(host), header, value)
}

func (d *deployment) post(path, client string, form url.Values) []byte {
	basic := base64.StdEncoding.EncodeToString([]byte(client + ":" + d.secrets[client].Reveal()))
	body := form.Encode()
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAuthorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		path, d.host("id"), basic, len(body), body)
}

func (d *deployment) issue(resource string) []byte {
	return d.post("/token", "caller", url.Values{"grant_type": {"client_credentials"}, "resource": {d.origin(resource)}, "scope": {"read"}})
}

// browser reaches every host of the deployment at its one address and keeps cookies.
func (d *deployment) browser() *http.Client {
	jar, _ := cookiejar.New(nil) // which cannot fail without options
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, d.address)
		}}}
}

// tokens gets opaque tokens for a resource, as any service would.
func (d *deployment) tokens(ctx context.Context, resource string, count int) ([]string, error) {
	var all []string
	for range count {
		form := url.Values{"grant_type": {"client_credentials"}, "resource": {d.origin(resource)}, "scope": {"read"}}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.origin("id")+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("caller", d.secrets["caller"].Reveal())
		body, err := d.answer(d.browser(), req)
		if err != nil {
			return nil, err
		}
		var answer struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.AccessToken)
	}
	return all, nil
}

func (d *deployment) answer(browser *http.Client, req *http.Request) ([]byte, error) {
	res, err := browser.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered with %s: %s", req.URL, res.Status, body)
	}
	return body, err
}

var sealedStep = regexp.MustCompile(`name="step" value="([^"]+)"`)

// cookie opens the app as a person does, logs in with a password, and gives the cookie of the
// session at the app.
func (d *deployment) cookie(ctx context.Context) (string, error) {
	browser := d.browser()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.origin("app")+"/", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "text/html")
	page, err := d.answer(browser, req)
	if err != nil {
		return "", err
	}
	found := sealedStep.FindSubmatch(page)
	if found == nil {
		return "", errors.New("the app did not lead to the login page")
	}
	form := url.Values{"step": {html.UnescapeString(string(found[1]))}, "username": {login}, "password": {password}}
	if req, err = http.NewRequestWithContext(ctx, http.MethodPost, d.origin("id")+"/login", strings.NewReader(form.Encode())); err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	if page, err = d.answer(browser, req); err != nil {
		return "", err
	}
	if !bytes.Equal(page, document) {
		return "", errors.New("the login did not end at the app")
	}
	var cookies []string
	for _, c := range browser.Jar.Cookies(req.URL.ResolveReference(&url.URL{Host: d.host("app"), Path: "/"})) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return strings.Join(cookies, "; "), nil
}
