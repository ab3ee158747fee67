package grant_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

func (h *house) ask(clientID string, pairs ...string) reply {
	h.t.Helper()
	return h.call("/bc-authorize", clientID, q(append([]string{"scope", "openid read", "resource", notes, "login_hint", "ada"}, pairs...)...))
}

// asks fails unless the request was acknowledged, and gives its auth_req_id.
func (h *house) asks(clientID string, pairs ...string) string {
	h.t.Helper()
	r := h.ask(clientID, pairs...)
	if r.status != http.StatusOK || r.text("auth_req_id") == "" || r.body["interval"] != 5.0 {
		h.t.Fatalf("%d %s", r.status, r.raw)
	}
	return r.text("auth_req_id")
}

func (h *house) collect(clientID, id string) reply {
	h.t.Helper()
	return h.call("/token", clientID, q("grant_type", grant.TypeCIBA, "auth_req_id", id))
}

// S14: somebody at a service desk is asked on their telephone, and the desk gets its tokens.
func TestAPersonElsewhereIsAsked(t *testing.T) {
	h := open(t)
	id := h.asks("desk", "binding_message", "W4-SCT", "requested_expiry", "120")
	h.bad(h.collect("desk", id), 400, "authorization_pending")
	h.bad(h.collect("desk", id), 400, "slow_down")

	if sent := h.browser().get("/approve"); !strings.HasPrefix(sent.way(), "/login?step=") {
		t.Fatalf("a stranger is shown %d", sent.status)
	}
	if other := h.browser().as(h.bob, symbolon.ACRSingle).get("/approve"); strings.Contains(other.raw, "W4-SCT") || !strings.Contains(other.raw, "nothing-waits") {
		t.Fatal("somebody else sees what ada is asked")
	}
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	shown := b.get("/approve")
	for _, part := range []string{"Service desk", "W4-SCT", "See your notes", "question-allow"} {
		if !strings.Contains(shown.raw, part) {
			t.Fatalf("the page lacks %q: %s", part, shown.raw)
		}
	}
	if done := b.answers(shown, "/approve", "allow"); done.way() != "/approve?done=allowed" {
		t.Fatalf("%d %s", done.status, done.raw)
	}
	if after := b.get("/approve?done=allowed"); !strings.Contains(after.raw, "nothing-waits") || !strings.Contains(after.raw, "You allowed it") {
		t.Fatal(after.raw)
	}
	h.pass(time.Minute)
	got := h.good(h.collect("desk", id))
	if got.text("id_token") == "" || got.text("refresh_token") != "" {
		t.Fatal(got.raw)
	}
	if h.events(symbolon.AuthorizationRequested) != 1 || h.events(symbolon.AuthorizationApproved) != 1 {
		t.Fatal("the audit trail lacks a step")
	}
	h.pass(time.Minute)
	h.bad(h.collect("desk", id), 400, "invalid_grant")
	if h.opens(got.text("access_token")) {
		t.Fatal("a replayed auth_req_id left a token alive")
	}
}

func TestWhatAPersonDeniesOrLetsPass(t *testing.T) {
	h := open(t)
	denied, late := h.asks("desk", "binding_message", "one"), h.asks("till", "requested_expiry", "30")
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	for range 2 {
		shown := b.get("/approve")
		if !strings.Contains(shown.raw, "one") { // the list is newest end first
			break
		}
		i := strings.Index(shown.raw, "one")
		b.post("/approve", q("request", refIn.FindStringSubmatch(shown.raw[i:])[1], "answer", "deny"))
	}
	h.bad(h.collect("desk", denied), 400, "access_denied")
	h.bad(h.collect("till", denied), 400, "invalid_grant")
	h.pass(31 * time.Second)
	h.bad(h.collect("till", late), 400, "expired_token")
	if shown := b.get("/approve"); !strings.Contains(shown.raw, "nothing-waits") {
		t.Fatal("what is over is still shown")
	}
}

// Each refusal has the code of CIBA Core §13.
func TestBackchannelRequestsThatAreRefused(t *testing.T) {
	h := open(t)
	idToken := func() string {
		id := h.asks("desk")
		b := h.browser().as(h.ada, symbolon.ACRSingle)
		b.answers(b.get("/approve"), "/approve", "allow")
		return h.good(h.collect("desk", id)).text("id_token")
	}()
	h.check(h.db.Commit(ctx, symbolon.PutUser{User: symbolon.User{ID: symbolon.NewUserID(), Login: "gone", Disabled: true, Updated: h.clock()}}))
	for name, one := range map[string]struct {
		client string
		pairs  []string
		status int
		code   string
	}{
		"nobody of that name":        {"desk", []string{"login_hint", "zoe"}, 400, "unknown_user_id"},
		"a disabled person":          {"desk", []string{"login_hint", "gone"}, 400, "unknown_user_id"},
		"no hint":                    {"desk", []string{"login_hint", ""}, 400, "invalid_request"},
		"two hints":                  {"desk", []string{"id_token_hint", idToken}, 400, "invalid_request"},
		"a hint token":               {"desk", []string{"login_hint", "", "login_hint_token", "x"}, 400, "invalid_request"},
		"another client's id token":  {"till", []string{"login_hint", "", "id_token_hint", idToken}, 400, "invalid_request"},
		"a made-up id token":         {"desk", []string{"login_hint", "", "id_token_hint", idToken[:len(idToken)-4] + "AAAA"}, 400, "invalid_request"},
		"a user code":                {"desk", []string{"user_code", "1234"}, 400, "invalid_request"},
		"without openid":             {"desk", []string{"scope", "read"}, 400, "invalid_scope"},
		"an unknown resource":        {"desk", []string{"resource", "https://nowhere.example"}, 400, "invalid_target"},
		"a long binding message":     {"desk", []string{"binding_message", strings.Repeat("x", 101)}, 400, "invalid_binding_message"},
		"an unprintable one":         {"desk", []string{"binding_message", "a\u202eb"}, 400, "invalid_binding_message"},
		"an expiry that is no count": {"desk", []string{"requested_expiry", "soon"}, 400, "invalid_request"},
		"an expiry of nothing":       {"desk", []string{"requested_expiry", "0"}, 400, "invalid_request"},
		"a request by address":       {"desk", []string{"request_uri", "https://x.example"}, 400, "invalid_request"},
		"not registered":             {"svc", nil, 400, "unauthorized_client"},
		"a public client":            {"tv", nil, 400, "unauthorized_client"},
		"an unknown client":          {"nobody", nil, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *h
			in.t = t
			in.bad(in.ask(one.client, one.pairs...), one.status, one.code)
		})
	}
	h.asks("desk", "login_hint", "", "id_token_hint", idToken)
	h.pass(24 * time.Hour) // it names somebody, whether or not it has expired
	h.asks("desk", "login_hint", "", "id_token_hint", idToken)
}

// S34: an answer counts only in a login of the class that was asked for.
func TestAnAnswerHasTheStrengthThatWasAskedFor(t *testing.T) {
	h := open(t)
	id := h.asks("desk", "acr_values", "urn:unknown phr phrh")
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	sent := b.answers(b.get("/approve"), "/approve", "allow")
	if !strings.HasPrefix(sent.way(), "/login?step=") {
		t.Fatalf("%d %s", sent.status, sent.raw)
	}
	h.bad(h.collect("desk", id), 400, "authorization_pending")
	b.as(h.ada, symbolon.ACRPhishing)
	b.answers(b.get("/approve"), "/approve", "allow")
	h.pass(time.Minute)
	if claims := must(h.tokens.Open(ctx, h.good(h.collect("desk", id)).text("access_token"))); claims.ACR != "phr" {
		t.Fatal(claims.ACR)
	}
}

// Attack: CSRF on the approval page, and asking somebody until they give in.
func TestPeopleAreNotMadeToApprove(t *testing.T) {
	h := open(t)
	id := h.asks("desk")
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	shown := b.get("/approve")
	if done := b.answers(shown, "/approve", "allow", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); done.status != http.StatusForbidden {
		t.Fatalf("%d", done.status)
	}
	if done := h.browser().as(h.bob, symbolon.ACRSingle).answers(shown, "/approve", "allow"); done.status != http.StatusNotFound {
		t.Fatalf("another person answered: %d", done.status)
	}
	h.bad(h.collect("desk", id), 400, "authorization_pending")
	for range 4 {
		h.asks("desk")
	}
	if flood := h.ask("desk"); flood.status != http.StatusTooManyRequests {
		t.Fatalf("%d %s", flood.status, flood.raw)
	}
	h.asks("till")
	h.pass(5 * time.Minute)
	h.asks("desk")
}

// CIBA Core §7.1.1: a client that registers an algorithm is heard only by requests signed so.
func TestSignedBackchannelRequests(t *testing.T) {
	h := open(t)
	own, other := newSigner("k1"), newSigner("k1")
	signed := symbolon.Client{ID: "desk", Secrets: secrets, GrantTypes: []string{grant.TypeCIBA}, Scopes: all}
	signed.BackchannelAlg, signed.JWKS = "ES256", own.jwks()
	h.put(edit(symbolon.KindClient, signed))
	now := h.clock().Unix()
	claims := func(pairs ...any) map[string]any {
		c := map[string]any{"iss": "desk", "aud": iss, "exp": now + 300, "nbf": now, "iat": now, "jti": symbolon.NewRequestID(),
			"scope": "openid read", "resource": notes, "login_hint": "ada", "requested_expiry": 60}
		for i := 0; i+1 < len(pairs); i += 2 {
			if c[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
				delete(c, pairs[i].(string))
			}
		}
		return c
	}
	sign := func(s signer, c any) string { return must(token.Sign(s, "oauth-authz-req+jwt", c)) }
	good := sign(own, claims())
	if r := h.call("/bc-authorize", "desk", q("request", good)); r.status != 200 || r.body["expires_in"] != 60.0 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	for name, form := range map[string][]string{
		"unsigned":               {"scope", "openid read", "login_hint", "ada"},
		"sent again":             {"request", good},
		"with another beside it": {"request", sign(own, claims()), "login_hint", "bob"},
		"of another key":         {"request", sign(other, claims())},
		"for another service":    {"request", sign(own, claims("aud", "https://other.example"))},
		"for two services":       {"request", sign(own, claims("aud", []string{iss, "https://other.example"}))},
		"of another client":      {"request", sign(own, claims("iss", "till"))},
		"a client assertion":     {"request", sign(own, claims("sub", "desk"))},
		"expired":                {"request", sign(own, claims("exp", now-1))},
		"valid for too long":     {"request", sign(own, claims("exp", now+3601))},
		"without jti":            {"request", sign(own, claims("jti", nil))},
		"without nbf":            {"request", sign(own, claims("nbf", nil))},
		"an access token":        {"request", must(token.Sign(own, "at+jwt", claims()))},
		"unsecured":              {"request", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."},
		"a nested claim":         {"request", sign(own, claims("scope", map[string]any{"a": 1}))},
	} {
		t.Run(name, func(t *testing.T) {
			in := *h
			in.t = t
			in.bad(in.call("/bc-authorize", "desk", q(form...)), 400, "invalid_request")
		})
	}
}

// CIBA Core §10.2: a ping client is told by its token and nothing but the id; the deployment's
// hook is told by a signed message.
func TestNewsIsCarriedOut(t *testing.T) {
	type message struct {
		header http.Header
		body   []byte
	}
	told := make(chan message, 8)
	tries := 0
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/ping" {
			if tries++; tries == 1 {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect) // is not followed, and is no success
				return
			}
		}
		told <- message{r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(outside.Close)
	client := outside.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var courier *grant.Courier
	var h *house
	h = open(t, func(c *grant.Config) {
		courier = grant.NewCourier(grant.Courier{HTTP: client, Webhook: outside.URL + "/hook", Log: slog.New(slog.DiscardHandler),
			Signer: func() (token.Signer, error) { return h.ring.Signer("ES256") }})
		c.Courier = courier
	})
	go func() { _ = courier.Run(t.Context()) }()
	ping := symbolon.Client{ID: "desk", Secrets: secrets, GrantTypes: []string{grant.TypeCIBA}, Scopes: all}
	ping.DeliveryMode, ping.NotificationEndpoint = "ping", "http://localhost:1/ping"
	h.put(edit(symbolon.KindClient, ping))
	h.bad(h.ask("desk"), 400, "invalid_request")
	h.bad(h.ask("desk", "client_notification_token", "too short"), 400, "invalid_request")
	ping.NotificationEndpoint = strings.Replace(outside.URL, "127.0.0.1", "localhost", 1) + "/ping"
	h.put(edit(symbolon.KindClient, ping))
	id := h.asks("desk", "client_notification_token", "8d67dc78-7faa-4d41-aabd-67707b374255", "binding_message", "W4-SCT")

	hook := <-told
	parts := strings.SplitN(hook.header.Get(grant.SignatureHeader), "..", 2)
	compact := parts[0] + "." + base64.RawURLEncoding.EncodeToString(hook.body) + "." + parts[1]
	verifier := token.Verifier{Keys: h.ring, Types: []string{grant.TypeWebhook}, Issuer: iss, Audience: outside.URL + "/hook", Clock: h.clock}
	said := must(verifier.Verify(compact))
	if said.Subject != string(h.ada.ID) || said.Extra["binding_message"] != "W4-SCT" || said.Extra["approve_uri"] != iss+"/approve" || said.Extra["auth_req_id"] != nil {
		t.Fatalf("%s", hook.body)
	}
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	b.answers(b.get("/approve"), "/approve", "allow")
	pinged := <-told
	var body map[string]string
	h.check(json.Unmarshal(pinged.body, &body))
	if pinged.header.Get("Authorization") != "Bearer 8d67dc78-7faa-4d41-aabd-67707b374255" || len(body) != 1 || body["auth_req_id"] != id {
		t.Fatalf("%v %s", pinged.header, pinged.body)
	}
	h.good(h.collect("desk", id))
}

// S15: asked at one replica, answered at another, collected at the first.
func TestReplicasShareWhatWaits(t *testing.T) {
	p := newPlan(storetest.PostgresURL(t))
	p.shared = true
	here, there := p.open(t), p.open(t)
	id := here.asks("desk")
	b := there.browser().as(p.ada, symbolon.ACRSingle)
	b.answers(b.get("/approve"), "/approve", "allow")
	here.good(here.collect("desk", id))
	here.pass(time.Minute)
	there.bad(there.collect("desk", id), 400, "invalid_grant")
}

// signer is a party's ES256 key.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(id string) signer {
	return signer{id, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

func (s signer) KeyID() string     { return s.id }
func (s signer) Algorithm() string { return "ES256" }
func (s signer) Sign(input []byte) ([]byte, error) {
	sum := sha(input)
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	v.FillBytes(out[32:])
	return out, nil
}

func (s signer) jwks() json.RawMessage {
	public := must(s.key.PublicKey.Bytes())
	x, y := base64.RawURLEncoding.EncodeToString(public[1:33]), base64.RawURLEncoding.EncodeToString(public[33:])
	return json.RawMessage(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"` + s.id + `","x":"` + x + `","y":"` + y + `"}]}`)
}
