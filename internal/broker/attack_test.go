package broker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// S9: however a caller spells an identity, and whatever it lists as hop-by-hop, the upstream
// hears the broker alone.
func TestNoHeaderOfTheCallerSpeaksForTheBroker(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	got := w.bearer(raw, orders+"/1",
		"X_User", "root", "x-remote-user", "root", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil.example", "Forwarded", "for=10.0.0.1",
		"X-EMPLOYEE", "root", "X_Employee", "root", "X.Team", "root", "X-Original-URL", "/admin", "X-HTTP-Method-Override", "DELETE",
		"Connection", "Authorization, X-Employee, X-Team, X-Forwarded-Host, X-Request-Id, close", "X-Request-Id", "mine", "Cookie", "a=1", "X-Harmless", "yes")
	if got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	seen := w.apps["orders"].seen()
	want := map[string]string{"X-Employee": "robot", "X-Forwarded-Host": "orders.localhost", "X-Forwarded-Proto": "http", "X-Harmless": "yes", "Cookie": "a=1"}
	for name, values := range seen.Header {
		if strings.Contains(strings.Join(values, ""), "root") || strings.Contains(strings.Join(values, ""), "10.0.0.1") {
			t.Errorf("%s: %q came through", name, values)
		}
		if expected, ok := want[name]; ok && (len(values) != 1 || values[0] != expected) {
			t.Errorf("%s: %q, want %q", name, values, expected)
		}
		delete(want, name)
	}
	for _, name := range []string{"X-Team", "X-Original-Url", "X-Http-Method-Override"} {
		if seen.Header.Get(name) != "" {
			t.Errorf("%s came through", name)
		}
	}
	if len(want) > 0 || strings.Contains(seen.Header.Get("Authorization"), raw) || seen.Header.Get("X-Request-Id") == "mine" {
		t.Errorf("lacks %v, has %v", want, seen.Header)
	}
}

// S8: a path is refused before anybody is asked who sends it, and what passes goes on byte by byte.
func TestPathsAreJudgedAsTheyAreForwarded(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	send := func(target string) (status int) {
		conn, err := w.dial(t.Context(), "", "")
		w.check(err)
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: orders.localhost\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", target, raw)
		answer, err := io.ReadAll(conn)
		w.check(err)
		_, _ = fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
		return status
	}
	for _, target := range []string{"/a/../admin/x", "/a/%2e%2e/admin", "//admin/x", "/a%2f..%2fadmin", "/%61dmin/x", "/adm%2569n", "/a\\..\\admin", "/a;/../admin", "/./admin", "/a%00",
		"http://billing.localhost/v1", "http://orders.localhost/1", "*", "/x y", "/\xffadmin"} {
		if got := send(target); got != http.StatusBadRequest {
			t.Errorf("%q: %d", target, got)
		}
	}
	if n := w.apps["orders"].accepted.Load(); n != 0 {
		t.Fatalf("the upstream was dialled %d times for refused requests", n)
	}
	if got := send("/admin/x"); got != http.StatusForbidden {
		t.Errorf("/admin: %d", got)
	}
	for _, target := range []string{"/caf%C3%A9/x%20y?q=/../%2e%zz;a&b==", "/a[1]@b:c!$&'()*+,=~", "/?"} {
		if got := send(target); got != http.StatusOK || w.apps["orders"].seen().RequestURI != target {
			t.Errorf("%q: %d, forwarded as %q", target, got, w.apps["orders"].seen().RequestURI)
		}
	}
}

// S9: without a token, and with one for something else, all that is and all that is not look alike.
func TestWhatMayNotBeKnownLooksLikeNothing(t *testing.T) {
	w := newWorld(t)
	places := []string{orders + "/1", billing + "/1", "http://billing.localhost/other", "http://nothing.localhost/1", wiki + "/x", payroll, "http://nothing.localhost/.symbolon/other", wiki + "/.symbolon/other"}
	tokens := map[string]string{"none": "", "made up": token.NewOpaque(token.PrefixAccess).Reveal(), "nonsense": "abc"}
	for name, raw := range tokens {
		var first string
		for _, place := range places {
			var headers []string
			if raw != "" && !strings.Contains(place, ".symbolon") {
				headers = []string{"Authorization", "Bearer " + raw}
			} else if raw != "" {
				continue
			}
			got := w.send(http.MethodGet, place, headers...)
			looks := got.outline()
			if first == "" {
				first = looks
			}
			if looks != first || got.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s at %s:\n%s\nelsewhere:\n%s", name, place, looks, first)
			}
		}
	}
}

// outline is all of an answer that is not made anew for each.
func (r reply) outline() string {
	var body map[string]any
	_ = json.Unmarshal([]byte(r.body), &body)
	delete(body, "request_id")
	h := r.Header.Clone()
	h.Del("Date")
	h.Del("X-Request-Id")
	return fmt.Sprint(r.StatusCode, h, body)
}

// S18 S28 S42: a token passes in one way at one place.
func TestTokensPassOnlyAsWhatTheyAre(t *testing.T) {
	w := newWorld(t)
	ada := w.browser(symbolon.ACRSingle)
	ada.arrive(wiki + "/")
	cookie, service := ada.jar["wiki.localhost"]["symbolon"], w.service("robot", orders)
	for name, c := range map[string]struct {
		address string
		headers []string
		status  int
	}{
		"a browser's token as a bearer token":    {wiki + "/", []string{"Authorization", "Bearer " + cookie}, 401},
		"a service's token as a cookie":          {orders + "/", []string{"Cookie", "symbolon=" + service}, 401},
		"another app's cookie":                   {payroll + "/", []string{"Cookie", "symbolon=" + cookie}, 401},
		"cookie and bearer token at once":        {wiki + "/", []string{"Cookie", "symbolon=" + cookie, "Authorization", "Bearer " + service}, 400},
		"the cookie twice":                       {wiki + "/", []string{"Cookie", "symbolon=" + cookie + "; symbolon=" + cookie}, 400},
		"two Authorization headers":              {orders + "/", []string{"Authorization", "Bearer " + service, "Authorization", "Bearer " + service}, 400},
		"another scheme":                         {orders + "/", []string{"Authorization", "Basic " + service}, 401},
		"no token after the scheme":              {orders + "/", []string{"Authorization", "Bearer "}, 400},
		"two tokens in one header":               {orders + "/", []string{"Authorization", "Bearer " + service + ", Bearer " + service}, 400},
		"the token in the query":                 {orders + "/?access_token=" + service, nil, 401},
		"a cookie and somebody else's scheme":    {wiki + "/", []string{"Cookie", "symbolon=" + cookie, "Authorization", "Basic eDp5"}, 401},
		"the name of the cookie of TLS in plain": {wiki + "/", []string{"Cookie", "__Host-symbolon=" + cookie}, 401},
	} {
		if got := w.send(http.MethodGet, c.address, c.headers...); got.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if n := w.apps["orders"].accepted.Load() + w.apps["payroll"].accepted.Load(); n != 0 {
		t.Errorf("%d connections to upstreams", n)
	}
}

// S18: what has expired is refused, cached or not.
func TestATokenEndsWhenItSays(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	if got := w.bearer(raw, orders); got.StatusCode != http.StatusOK {
		t.Fatal(got.StatusCode)
	}
	w.pass(11 * time.Minute)
	w.until("the feed is heard again", func() bool { return w.b.Ready() == nil })
	if got := w.bearer(raw, orders); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("an expired token got %d", got.StatusCode)
	}
}

// Other sites cannot use the cookie (RFC 6265bis alone would let a GET through).
func TestOtherSitesCannotRideOnTheCookie(t *testing.T) {
	w := newWorld(t)
	ada := w.browser(symbolon.ACRSingle)
	ada.arrive(wiki + "/")
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for name, c := range map[string]struct {
		method  string
		headers []string
		status  int
	}{
		"a form of another site":              {"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"}, 403},
		"a form of a sibling":                 {"POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://evil.wiki.localhost"}, 403},
		"another origin in an old browser":    {"DELETE", []string{"Origin", "http://evil.example"}, 403},
		"the same host by another scheme":     {"POST", []string{"Origin", "https://wiki.localhost"}, 403},
		"an opaque origin":                    {"POST", []string{"Origin", "null"}, 403},
		"its own form":                        {"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", wiki}, 200},
		"a link of another site":              {"GET", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		"a WebSocket of another site":         {"GET", append([]string{"Origin", "http://evil.example"}, upgrade...), 403},
		"a WebSocket of nobody":               {"GET", upgrade, 403},
		"a WebSocket of a sibling":            {"GET", append([]string{"Origin", "http://a.wiki.localhost", "Sec-Fetch-Site", "same-site"}, upgrade...), 403},
		"a WebSocket that claims two origins": {"GET", append([]string{"Origin", wiki, "Sec-Fetch-Site", "cross-site"}, upgrade...), 403},
	} {
		if got := ada.fetch(c.method, wiki+"/x", c.headers...); got.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
}

// An upstream cannot plant a cookie of ours, in no kind of answer (fixation).
func TestAnUpstreamCannotPlantASession(t *testing.T) {
	w := newWorld(t)
	ada := w.browser(symbolon.ACRSingle)
	ada.arrive(wiki + "/")
	plant := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header()["Set-Cookie"] = []string{"symbolon=evil; Path=/", "a=1", "=symbolon=evil", "symbolon-rounds=x"}
		rw.Header().Set("X-Request-Id", "evil")
		rw.WriteHeader(http.StatusEarlyHints)
		rw.WriteHeader(http.StatusTeapot)
	})
	w.apps["wiki"].serve.Store(&plant)
	conn, err := w.dial(t.Context(), "", "")
	w.check(err)
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: wiki.localhost\r\nCookie: symbolon=%s\r\nConnection: close\r\n\r\n", ada.jar["wiki.localhost"]["symbolon"])
	answer, err := io.ReadAll(bufio.NewReader(conn))
	w.check(err)
	text := string(answer)
	if !strings.Contains(text, " 103 ") || !strings.Contains(text, " 418 ") || !strings.Contains(text, "a=1") {
		t.Fatalf("not the answer that was meant: %s", text)
	}
	if strings.Contains(text, "evil") || strings.Contains(text, "rounds") || strings.Count(text, "X-Request-Id") != 2 {
		t.Errorf("came through: %s", text)
	}
}

// HTTP is left for WebSocket alone: behind h2c nobody would judge anything.
func TestNoUpgradeButWebSocket(t *testing.T) {
	w := newWorld(t)
	raw := w.service("robot", orders)
	for _, upgrade := range []string{"h2c", "HTTP/2.0", "TLS/1.0", "websocket, h2c"} {
		got := w.bearer(raw, orders+"/1", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", upgrade, "HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")
		if got.StatusCode != http.StatusOK || w.apps["orders"].seen().Header.Get("Upgrade") != "" || w.apps["orders"].seen().Header.Get("Http2-Settings") != "" {
			t.Errorf("%s: %d, the upstream saw %v", upgrade, got.StatusCode, w.apps["orders"].seen().Header)
		}
	}
	for _, method := range []string{"CONNECT", "TRACE"} {
		if got := w.send(method, orders+"/1", "Authorization", "Bearer "+raw); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", method, got.StatusCode)
		}
	}
}

// A login leads back to where it began, and to no other place; its answer serves once, in one browser.
func TestALoginEndsWhereItBegan(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{"//evil.example/", "/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example"} {
		ada := w.browser(symbolon.ACRSingle)
		if got := ada.open(wiki + target); got.StatusCode == http.StatusSeeOther {
			t.Errorf("%s begins a login", target)
		}
	}
	ada, eve := w.browser(symbolon.ACRSingle), w.browser(symbolon.ACRSingle)
	begun := ada.open(wiki + "/start?next=//evil.example")
	callback := ada.open(begun.Header.Get("Location")).Header.Get("Location")
	stolen := must(url.Parse(callback))
	if got := eve.open(callback); got.StatusCode != http.StatusBadRequest || len(got.Cookies()) > 0 {
		t.Errorf("another browser finished the login: %d", got.StatusCode)
	}
	eve.jar["payroll.localhost"] = maps.Clone(ada.jar["wiki.localhost"])
	if got := eve.open(strings.Replace(callback, "wiki", "payroll", 1)); got.StatusCode != http.StatusBadRequest {
		t.Errorf("another app finished the login: %d", got.StatusCode)
	}
	for name, change := range map[string]func(url.Values){
		"another issuer": func(q url.Values) { q.Set("iss", "http://evil.example") },
		"no issuer":      func(q url.Values) { q.Del("iss") },
		"two issuers":    func(q url.Values) { q.Add("iss", "http://evil.example") },
		"another state":  func(q url.Values) { q.Set("state", random()) },
	} {
		other := w.browser(symbolon.ACRSingle)
		to := must(url.Parse(other.open(other.open(wiki + "/x").Header.Get("Location")).Header.Get("Location")))
		q := to.Query()
		change(q)
		to.RawQuery = q.Encode()
		if got := other.open(to.String()); got.StatusCode != http.StatusBadRequest || other.jar["wiki.localhost"]["symbolon"] != "" {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
	done := ada.open(callback)
	if got := done.Header.Get("Location"); got != "/start?next=//evil.example" || ada.jar["wiki.localhost"]["symbolon"] == "" {
		t.Errorf("%d, led to %q", done.StatusCode, got)
	}
	if got := ada.open(stolen.String()); got.StatusCode != http.StatusBadRequest {
		t.Errorf("the same answer served twice: %d", got.StatusCode)
	}
}

// Somebody else's code does not end in my browser: PKCE and nonce tie it to the one that began.
func TestACodeOfAnotherLoginIsRefused(t *testing.T) {
	w := newWorld(t)
	ada, eve := w.browser(symbolon.ACRSingle), w.browser(symbolon.ACRSingle)
	mine := must(url.Parse(ada.open(ada.open(wiki + "/").Header.Get("Location")).Header.Get("Location")))
	hers := must(url.Parse(eve.open(eve.open(wiki + "/").Header.Get("Location")).Header.Get("Location")))
	q := mine.Query()
	q.Set("code", hers.Query().Get("code"))
	mine.RawQuery = q.Encode()
	if got := ada.open(mine.String()); got.StatusCode != http.StatusForbidden || ada.jar["wiki.localhost"]["symbolon"] != "" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// Only a person opening a page is sent away; the rest is told at once.
func TestOnlyNavigationsGoToTheLogin(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		method, address string
		headers         []string
		status          int
	}{
		"a link":               {"GET", wiki, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 303},
		"an old browser":       {"GET", wiki, []string{"Accept", "text/html"}, 303},
		"a script":             {"GET", wiki, []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, 401},
		"a frame":              {"GET", wiki, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}, 401},
		"a form":               {"POST", wiki, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 401},
		"a program":            {"GET", wiki, nil, 401},
		"a person at no app":   {"GET", orders, []string{"Accept", "text/html"}, 401},
		"a person at no place": {"GET", "http://nothing.localhost", []string{"Accept", "text/html"}, 401},
	} {
		got := w.send(c.method, c.address, c.headers...)
		if got.StatusCode != c.status {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
		if c.status == 401 && !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer, DPoP algs=") {
			t.Errorf("%s: challenged with %q", name, got.Header.Get("WWW-Authenticate"))
		}
		if slices.Contains(c.headers, "text/html") && c.status == 401 && !strings.Contains(got.body, `id="error-page"`) {
			t.Errorf("%s: no page", name)
		}
	}
}
