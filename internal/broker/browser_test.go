package broker

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/session"
)

// browser is a person's: it has a cookie jar and sends what browsers send when a link is opened.
type browser struct {
	*world
	session *symbolon.Session
	sso     []*http.Cookie
	jar     map[string]map[string]string // host → cookies
}

var factors = map[symbolon.ACR][]authn.Factor{
	symbolon.ACRSingle:   {{Method: authn.MethodPassword}},
	symbolon.ACRPhishing: {{Method: authn.MethodPasskey, Verified: true}},
}

func (w *world) browser(acr symbolon.ACR) *browser {
	w.t.Helper()
	b := &browser{world: w, jar: map[string]map[string]string{}}
	if acr != symbolon.ACRNone {
		b.login(acr)
	}
	return b
}

func (b *browser) login(acr symbolon.ACR) {
	b.t.Helper()
	rec, l := httptest.NewRecorder(), session.Login{User: b.ada.ID, Factors: factors[acr]}
	var err error
	if b.session == nil {
		b.session, err = b.sessions.Start(context.Background(), rec, l)
	} else {
		b.session, err = b.sessions.Raise(context.Background(), rec, must(b.sessions.Get(context.Background(), b.session.ID)), l)
	}
	b.check(err)
	b.sso = rec.Result().Cookies()
}

// open opens an address as a link, one hop.
func (b *browser) open(address string, headers ...string) reply {
	b.t.Helper()
	return b.fetch(http.MethodGet, address, append([]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html,*/*"}, headers...)...)
}

// fetch sends a request with the jar's cookies.
func (b *browser) fetch(method, address string, headers ...string) reply {
	b.t.Helper()
	u := must(url.Parse(address))
	for name, value := range b.jar[u.Host] {
		headers = append(headers, "Cookie", name+"="+value)
	}
	if u.Host == must(url.Parse(b.id.URL)).Host {
		return b.atIssuer(address)
	}
	answer := b.send(method, address, oneCookie(headers)...)
	b.keep(u.Host, answer)
	return answer
}

func oneCookie(headers []string) (out []string) {
	var cookies []string
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Cookie" {
			cookies = append(cookies, headers[i+1])
		} else {
			out = append(out, headers[i], headers[i+1])
		}
	}
	if len(cookies) > 0 {
		out = append(out, "Cookie", strings.Join(cookies, "; "))
	}
	return out
}

func (b *browser) keep(host string, answer reply) {
	if b.jar[host] == nil {
		b.jar[host] = map[string]string{}
	}
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar[host], c.Name)
		} else {
			b.jar[host][c.Name] = c.Value
		}
	}
}

func (b *browser) atIssuer(address string) reply {
	req := must(http.NewRequest(http.MethodGet, address, nil))
	for _, c := range b.sso {
		req.AddCookie(c)
	}
	res := must(http.DefaultTransport.RoundTrip(req))
	defer func() { _ = res.Body.Close() }()
	return reply{res, string(must(io.ReadAll(res.Body)))}
}

// arrive opens an address and follows where it leads, up to ten hops.
func (b *browser) arrive(address string) reply {
	b.t.Helper()
	for range 10 {
		answer := b.open(address)
		to := answer.Header.Get("Location")
		if to == "" {
			return answer
		}
		address = must(must(url.Parse(address)).Parse(to)).String()
	}
	b.t.Fatal("sent around in circles")
	return reply{}
}
