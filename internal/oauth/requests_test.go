package oauth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

// RFC 9126: errors are JSON, and those of the authorization request are found at once.
func TestWhatIsPushedIsJudged(t *testing.T) {
	w, key := requestWorld(t)
	for name, c := range map[string]struct {
		as     string
		v      url.Values
		status int
		code   string
	}{
		"wrong client":      {"sign", of("pusher"), 400, "invalid_request"},
		"a request_uri":     {"sign", of("sign", "request_uri", grant.PushedPrefix+"x"), 400, "invalid_request"},
		"redirect":          {"sign", of("sign", "redirect_uri", "https://evil.example/"), 400, "invalid_request"},
		"no PKCE":           {"sign", of("sign", "code_challenge", ""), 400, "invalid_request"},
		"scope":             {"sign", of("sign", "scope", "admin"), 400, "invalid_scope"},
		"details":           {"sign", of("sign", "authorization_details", `[{"type":"payment","amount":"12"}]`), 400, "invalid_authorization_details"},
		"claims":            {"sign", of("sign", "scope", "openid", "claims", `[]`), 400, "invalid_request"},
		"response mode":     {"sign", of("sign", "response_mode", "x"), 400, "invalid_request"},
		"alg none":          {"sign", q("request", "eyJhbGciOiJub25lIn0.e30."), 400, "invalid_request_object"},
		"unsigned":          {"must-sign", of("must-sign"), 400, "invalid_request"},
		"nobody":            {"", of("sign"), 401, "invalid_client"},
		"markup everywhere": {"sign", of("sign", "state", "<b>", "prompt", "<script>"), 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) { w.in(t).bad(w.post("/par", c.as, c.v), c.status, c.code) })
	}
	if r := w.send(httptest.NewRequest("GET", "/par", nil)); r.status != http.StatusMethodNotAllowed {
		t.Fatal(r.status)
	}
	twice := of("sign")
	twice.Add("scope", "write")
	w.bad(w.post("/par", "sign", twice), 400, "invalid_request")
	_ = key
}

// A request_uri is good for one code, for its own client and for a short time; a login may lie between.
func TestARequestURIIsGoodOnce(t *testing.T) { // S15, S17
	w, key := requestWorld(t)
	b := w.browser()
	short := w.pushed(key, "pusher", of("pusher", "prompt", "login"))
	s := b.step("/login", short)
	if strings.Contains(s.ReturnTo, "redirect_uri") || s.Client != "pusher" {
		t.Fatal(s.ReturnTo)
	}
	w.pass(20 * time.Minute) // a slow login
	b.login(symbolon.ACRSingle)
	back := b.arrive(b.get(s.ReturnTo))
	if back.Get("code") == "" || back.Get("state") != "s-1" {
		t.Fatal(back)
	}
	w.good(w.redeem("pusher", back.Get("code"), "redirect_uri", "https://pusher.example/cb"))
	b.page(short) // replayed
	if rec := b.get(s.ReturnTo); rec.Code != 400 {
		t.Fatal("replayed on the way back", rec.Code)
	}
	other := w.pushed(key, "pusher", of("pusher"))
	b.page(q("client_id", "sign", "request_uri", other.Get("request_uri"))) // of another client
	b.page(q("client_id", "pusher", "request_uri", grant.PushedPrefix+"made-up"))
	b.page(q("client_id", "pusher", "request_uri", other.Get("request_uri"), "request", "x"))
	w.pass(91 * time.Second)
	b.page(other) // expired
}

// Nobody can lengthen the life of a request_uri by a step that is not ours, nor one that is.
func TestTheWayBackIsBoundToItsRequest(t *testing.T) {
	w, key := requestWorld(t)
	first, second := w.pushed(key, "pusher", of("pusher", "prompt", "login")), w.pushed(key, "pusher", of("pusher", "prompt", "login"))
	s := w.browser().step("/login", first)
	w.pass(2 * time.Minute)
	b := w.browser().login(symbolon.ACRSingle)
	b.page(q("client_id", "pusher", "request_uri", second.Get("request_uri"), "step", must(url.ParseQuery(s.ReturnTo[len("/authorize?"):])).Get("step")))
}

func TestConcurrentUsesOfARequestURIGiveOneCode(t *testing.T) {
	w, key := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	short := w.pushed(key, "pusher", of("pusher"))
	given := make(chan bool, 8)
	for range cap(given) {
		go func() {
			rec := b.get("/authorize?" + short.Encode())
			given <- strings.Contains(rec.Header().Get("Location"), "code=symc_")
		}()
	}
	codes := 0
	for range cap(given) {
		if <-given {
			codes++
		}
	}
	if codes != 1 {
		t.Fatal(codes, "codes")
	}
}

// RFC 9126 §4: what stands beside a request_uri counts for nothing.
func TestNothingBesideARequestCounts(t *testing.T) {
	w, key := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	short := w.pushed(key, "pusher", of("pusher", "state", "pushed"))
	for name, value := range map[string]string{"state": "beside", "scope": "write", "redirect_uri": "https://evil.example/", "response_mode": "fragment", "code_challenge": "x"} {
		short.Set(name, value)
	}
	back := b.arrive(b.get("/authorize?" + short.Encode()))
	if back.Get("state") != "pushed" {
		t.Fatal(back)
	}
	r := w.good(w.redeem("pusher", back.Get("code"), "redirect_uri", "https://pusher.example/cb"))
	if r.text("scope") != "read" {
		t.Fatal(r.raw)
	}
	beside := q("client_id", "sign", "request", w.object(key, "sign", of("sign")), "scope", "write", "state", "beside", "redirect_uri", "https://evil.example/")
	back = b.arrive(b.get("/authorize?" + beside.Encode()))
	if back.Get("state") != "s-1" || back.Get("code") == "" {
		t.Fatal(back)
	}
}

// RFC 9101: attacks on request objects, at both endpoints.
func TestRequestObjectsAreHeldToTheirSigner(t *testing.T) { // S25
	w, key := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	stranger, ours := newSigner("k1"), must(w.ring.Signer(token.ES256))
	head := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	good := w.object(key, "sign", of("sign"))
	parts := strings.Split(good, ".")
	for name, object := range map[string]string{
		"alg none":              head(`{"alg":"none"}`) + "." + parts[1] + ".",
		"alg none, a signature": head(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"HMAC":                  head(`{"alg":"HS256","kid":"k1"}`) + "." + parts[1] + "." + parts[2],
		"crit":                  head(`{"alg":"ES256","kid":"k1","crit":["x"],"x":1}`) + "." + parts[1] + "." + parts[2],
		"payload replaced":      parts[0] + "." + head(`{"iss":"sign"}`) + "." + parts[2],
		"another key":           w.object(stranger, "sign", of("sign")),
		"our own key":           must(token.Sign(ours, "oauth-authz-req+jwt", map[string]any{"iss": "sign", "aud": iss, "client_id": "sign", "exp": w.clock().Add(time.Minute).Unix()})),
		"another client's":      w.object(key, "pusher", of("sign")),
		"other client_id":       w.object(key, "sign", of("sign"), "client_id", "pusher"),
		"no client_id":          w.object(key, "sign", url.Values{}, "client_id", nil),
		"other audience":        w.object(key, "sign", of("sign"), "aud", "https://other.example"),
		"no audience":           w.object(key, "sign", of("sign"), "aud", nil),
		"expired":               w.object(key, "sign", of("sign"), "exp", w.clock().Unix()),
		"no end":                w.object(key, "sign", of("sign"), "exp", nil),
		"not yet":               w.object(key, "sign", of("sign"), "nbf", w.clock().Add(time.Minute).Unix()),
		"an assertion":          w.object(key, "sign", of("sign"), "sub", "sign"),
		"of another type":       w.object(key, "sign", of("sign"), "typ", "at+jwt"),
		"nested":                w.object(key, "sign", of("sign"), "request", good),
		"by reference":          w.object(key, "sign", of("sign"), "request_uri", grant.PushedPrefix+"x"),
		"list for text":         w.object(key, "sign", of("sign"), "resource", []int{1}),
		"not a JWT":             "x", "JSON": `{"payload":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.bad(w.post("/par", "sign", q("request", object)), 400, "invalid_request_object")
			(&browser{world: w, cookies: b.cookies}).page(q("client_id", "sign", "request", object))
		})
	}
	if back := b.arrive(b.get("/authorize?" + of("sign", "request", w.object(stranger, "sign", of("sign"))).Encode())); back.Get("error") != "invalid_request_object" || back.Has("code") {
		t.Fatal("a client that is known hears of it", back)
	}
	for _, typ := range []string{"JWT", "", "application/oauth-authz-req+jwt"} {
		if back := b.arrive(b.get("/authorize?" + q("client_id", "sign", "request", w.object(key, "sign", of("sign"), "typ", typ)).Encode())); back.Get("code") == "" {
			t.Fatal(typ, back)
		}
	}
	if back := b.authorize(of("must-sign")); back.Get("error") != "invalid_request" {
		t.Fatal(back)
	}
}

// A login may last longer than a request object: what was verified once is kept.
func TestARequestObjectSurvivesALogin(t *testing.T) {
	w, key := requestWorld(t)
	b := w.browser()
	s := b.step("/login", q("client_id", "must-sign", "request", w.object(key, "must-sign", of("must-sign", "max_age", "600"))))
	w.pass(10 * time.Minute)
	b.login(symbolon.ACRSingle)
	if back := b.arrive(b.get(s.ReturnTo)); back.Get("code") == "" || back.Get("state") != "s-1" {
		t.Fatal(back)
	}
	if rec := b.get(s.ReturnTo); rec.Code != 400 {
		t.Fatal("once", rec.Code)
	}
}

// RFC 9101 §5.2: only an address that the client registered, byte for byte, is ever called.
func TestRequestObjectsByReference(t *testing.T) {
	w, key := requestWorld(t)
	var called []string
	answer := ""
	fetch := &http.Client{Transport: trip(func(r *http.Request) *http.Response {
		called = append(called, r.URL.String())
		rec := httptest.NewRecorder()
		_, _ = rec.WriteString(answer)
		return rec.Result()
	})}
	w.asking(fetch)
	w.put(symbolon.KindClient, "ref", symbolon.Client{ID: "ref", Secrets: secrets, ClientKeys: symbolon.ClientKeys{JWKS: key.jwks()}, GrantTypes: code, Scopes: all,
		FirstParty: true, RedirectURIs: []string{"https://ref.example/cb"}, ClientRequests: symbolon.ClientRequests{RequestURIs: []string{"https://ref.example/r.jwt"}}})
	b := w.browser().login(symbolon.ACRSingle)
	answer = w.object(key, "ref", of("ref"))
	if back := b.arrive(b.get("/authorize?" + q("client_id", "ref", "request_uri", "https://ref.example/r.jwt").Encode())); back.Get("code") == "" {
		t.Fatal(back)
	}
	for _, uri := range []string{"https://ref.example/r.jwt?x", "https://ref.example/R.jwt", "http://ref.example/r.jwt", "https://169.254.169.254/", "file:///etc/passwd"} {
		b.page(q("client_id", "ref", "request_uri", uri))
	}
	b.page(q("client_id", "sign", "request_uri", "https://ref.example/r.jwt"))
	if len(called) != 1 {
		t.Fatal(called)
	}
	answer = strings.Repeat("x", 1<<20)
	b.page(q("client_id", "ref", "request_uri", "https://ref.example/r.jwt"))
}

type trip func(*http.Request) *http.Response

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// OAuth 2.0 Form Post Response Mode, and JARM: every mode carries the same answer.
func TestResponseModes(t *testing.T) {
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	for _, kind := range []struct {
		name  string
		pairs []string
		has   string
	}{{"code", nil, "code"}, {"error", []string{"scope", "admin"}, "error"}} {
		for _, mode := range []string{"query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"} {
			t.Run(kind.name+" "+mode, func(t *testing.T) {
				rec := b.get("/authorize?" + of("sign", append([]string{"response_mode", mode}, kind.pairs...)...).Encode())
				var got url.Values
				to := must(url.Parse(rec.Header().Get("Location")))
				switch {
				case strings.HasPrefix(mode, "form_post"):
					csp := rec.Header().Get("Content-Security-Policy")
					if rec.Code != 200 || !strings.Contains(csp, "form-action https://sign.example;") || !strings.Contains(rec.Body.String(), `action="https://sign.example/cb"`) || strings.Contains(csp, "unsafe") || rec.Header().Get("Cache-Control") != "no-store" {
						t.Fatal(rec.Code, csp, rec.Body)
					}
					got = url.Values{}
					for _, field := range hidden.FindAllStringSubmatch(rec.Body.String(), -1) {
						got.Set(field[1], field[2])
					}
				case strings.HasPrefix(mode, "fragment"):
					got = must(url.ParseQuery(to.Fragment))
				default:
					got = to.Query()
				}
				if strings.HasSuffix(mode, "jwt") {
					if len(got) != 1 {
						t.Fatal("a signed answer stands alone", got)
					}
					claims := w.signedByUs(got.Get("response"))
					if claims["aud"] != "sign" || claims["exp"].(float64) > float64(w.clock().Add(10*time.Minute).Unix()) || claims["exp"].(float64) <= float64(w.clock().Unix()) {
						t.Fatal(claims)
					}
					got = url.Values{}
					for _, name := range []string{"code", "error", "state", "iss"} {
						if text, ok := claims[name].(string); ok {
							got.Set(name, text)
						}
					}
				}
				if got.Get(kind.has) == "" || got.Get("state") != "s-1" || got.Get("iss") != iss {
					t.Fatal(rec.Code, got)
				}
			})
		}
	}
	if back := b.authorize(of("sign", "response_mode", "jwt", "state", "<x>&y")); back.Has("state") {
		t.Fatal(back)
	}
	rec := b.get("/authorize?" + of("sign", "response_mode", "form_post", "state", `"><script>alert(1)</script>`).Encode())
	if strings.Contains(rec.Body.String(), "<script>alert") {
		t.Fatal("reflected")
	}
}

// FuzzRequestObject: whatever a registered key signs, the answer is JSON, and never our own fault.
func FuzzRequestObject(f *testing.F) {
	w, key := requestWorld(f)
	f.Add(`{"response_type":"code","scope":"read","resource":["` + notes + `"],"max_age":1,"claims":{"id_token":{"acr":null}}}`)
	f.Add(`{"resource":[[]],"claims":"{","x":{"a":1,"a":2}}`)
	f.Fuzz(func(t *testing.T, body string) {
		envelope := fmt.Sprintf(`{"iss":"sign","aud":%q,"client_id":"sign","exp":%d`, iss, w.clock().Add(time.Minute).Unix())
		payload := envelope + "," + strings.TrimPrefix(strings.TrimSpace(body), "{")
		input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"k1","typ":"oauth-authz-req+jwt"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		object := input + "." + base64.RawURLEncoding.EncodeToString(must(key.Sign([]byte(input))))
		r := (&world{Handler: w.Handler, t: t}).post("/par", "sign", q("request", object))
		if r.status != 201 && (r.status != 400 || r.text("error") == "") {
			t.Fatalf("%d %s for %q", r.status, r.raw, payload)
		}
	})
}
