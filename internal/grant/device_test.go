package grant_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/store/storetest"
)

func (h *house) startDevice(pairs ...string) reply {
	h.t.Helper()
	r := h.call("/device_authorization", "tv", q(append([]string{"scope", "openid read offline_access", "resource", notes}, pairs...)...))
	if r.status != http.StatusOK {
		h.t.Fatalf("%d %s", r.status, r.raw)
	}
	return r
}

func (h *house) poll(clientID, deviceCode string) reply {
	h.t.Helper()
	return h.call("/token", clientID, q("grant_type", grant.TypeDevice, "device_code", deviceCode, "resource", notes))
}

var refIn = regexp.MustCompile(`name="request" value="([^"]+)"`)

// enters sends a code by the form and follows to what is shown for it.
func (b *browser) enters(code string) reply {
	b.t.Helper()
	sent := b.post("/device", q("user_code", code))
	if sent.status != http.StatusSeeOther {
		return sent
	}
	found := b.get(sent.way())
	if found.status != http.StatusSeeOther || !strings.HasPrefix(found.way(), "/device/confirm?request=") {
		return found
	}
	return b.get(found.way())
}

func (b *browser) answers(shown reply, path, what string, headers ...string) reply {
	b.t.Helper()
	ref := refIn.FindStringSubmatch(shown.raw)
	if ref == nil {
		b.t.Fatalf("nothing to answer: %d %s", shown.status, shown.raw)
	}
	return b.post(path, q("request", ref[1], "answer", what), headers...)
}

// S14: a television gets a token because its owner allows it on a telephone; and what it got dies
// with the session, the authorization, or a replay.
func TestADeviceGetsATokenWhenItsOwnerAllowsIt(t *testing.T) {
	h := open(t)
	started := h.startDevice()
	if started.text("verification_uri") != iss+"/device" || started.text("verification_uri_complete") != iss+"/device?user_code="+started.text("user_code") ||
		started.body["interval"] != 5.0 || started.body["expires_in"] != 600.0 || started.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s", started.raw)
	}
	if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(started.text("user_code")) {
		t.Fatal(started.text("user_code"))
	}
	device := started.text("device_code")
	h.bad(h.poll("tv", device), 400, "authorization_pending")
	h.pass(time.Second)
	h.bad(h.poll("tv", device), 400, "slow_down")

	b := h.browser().as(h.ada, symbolon.ACRSingle)
	shown := b.enters(strings.ToLower(strings.ReplaceAll(started.text("user_code"), "-", " ")))
	for _, part := range []string{"Acme TV", "See your notes", started.text("user_code"), "ADA", "device-allow"} {
		if !strings.Contains(shown.raw, part) {
			t.Fatalf("the page lacks %q: %s", part, shown.raw)
		}
	}
	h.pass(5 * time.Second)
	h.bad(h.poll("tv", device), 400, "authorization_pending")
	if done := b.answers(shown, "/device/confirm", "allow"); done.status != 200 || !strings.Contains(done.raw, "device-allowed") {
		t.Fatalf("%d %s", done.status, done.raw)
	}
	h.pass(11 * time.Second)
	got := h.good(h.poll("tv", device))
	if got.text("id_token") == "" || got.text("refresh_token") == "" || got.text("scope") != "read" {
		t.Fatal(got.raw)
	}
	again := h.good(h.call("/token", "tv", q("grant_type", grant.TypeRefresh, "refresh_token", got.text("refresh_token"), "resource", notes)))
	if h.events(symbolon.AuthorizationApproved) != 1 || h.events(symbolon.AuthorizationGranted) != 1 {
		t.Fatal("the audit trail lacks the approval or the grant")
	}

	h.pass(time.Minute)
	h.bad(h.poll("tv", device), 400, "invalid_grant")
	for _, r := range []reply{got, again} {
		if h.opens(r.text("access_token")) {
			t.Fatal("a replayed device code left a token alive")
		}
	}
	h.bad(h.call("/token", "tv", q("grant_type", grant.TypeRefresh, "refresh_token", again.text("refresh_token"))), 400, "invalid_grant")
	if h.events(symbolon.TokenReplayed) != 1 {
		t.Fatal("the replay is not in the audit trail")
	}
}

func TestADeviceIsToldWhatBecameOfItsRequest(t *testing.T) {
	h := open(t)
	b := h.browser().as(h.ada, symbolon.ACRSingle)

	denied := h.startDevice()
	shown := b.enters(denied.text("user_code"))
	if done := b.answers(shown, "/device/confirm", "deny"); !strings.Contains(done.raw, "device-denied") {
		t.Fatal(done.raw)
	}
	h.bad(h.poll("tv", denied.text("device_code")), 400, "access_denied")
	if second := b.answers(shown, "/device/confirm", "allow"); second.status != http.StatusConflict {
		t.Fatalf("a second answer was taken: %d", second.status)
	}
	h.pass(time.Minute)
	h.bad(h.poll("tv", denied.text("device_code")), 400, "access_denied")

	late := h.startDevice()
	shown = b.enters(late.text("user_code"))
	h.pass(10 * time.Minute)
	h.bad(h.poll("tv", late.text("device_code")), 400, "expired_token")
	if done := b.answers(shown, "/device/confirm", "allow"); done.status != http.StatusNotFound {
		t.Fatalf("what is over was allowed: %d", done.status)
	}
	if again := b.enters(late.text("user_code")); again.status != http.StatusNotFound {
		t.Fatalf("a code that is over was found: %d", again.status)
	}

	over := h.startDevice()
	b.answers(b.enters(over.text("user_code")), "/device/confirm", "allow")
	h.check(h.sessions.End(ctx, b.session.ID, "test", "test", ""))
	h.bad(h.poll("tv", over.text("device_code")), 400, "invalid_grant")
}

// Attack: whoever has another client's device code, or none, gets nothing and spoils nothing.
func TestADeviceCodeIsItsClientsAlone(t *testing.T) {
	h := open(t)
	started := h.startDevice()
	device := started.text("device_code")
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	b.answers(b.enters(started.text("user_code")), "/device/confirm", "allow")
	h.bad(h.poll("radio", device), 400, "invalid_grant")
	h.bad(h.call("/token", "svc", q("grant_type", grant.TypeDevice, "device_code", device)), 400, "unauthorized_client")
	h.bad(h.poll("tv", device[:len(device)-1]+"x"), 400, "invalid_grant")
	h.bad(h.poll("tv", ""), 400, "invalid_request")
	h.bad(h.call("/token", "desk", q("grant_type", grant.TypeCIBA, "auth_req_id", device)), 400, "invalid_grant")
	h.bad(h.call("/device_authorization", "svc", q()), 400, "unauthorized_client")
	h.bad(h.call("/device_authorization", "nobody", q()), 401, "invalid_client")
	h.bad(h.call("/device_authorization", "tv", q("scope", "root", "resource", notes)), 400, "invalid_scope")
	h.good(h.poll("tv", device))
}

// Attack: polling as fast as one can gives nothing but longer waits, wherever one polls.
func TestPollingTooFastSlowsDownAtEveryReplica(t *testing.T) {
	p := newPlan(storetest.PostgresURL(t))
	p.shared = true
	here, there := p.open(t), p.open(t)
	device := here.startDevice().text("device_code")
	here.bad(here.poll("tv", device), 400, "authorization_pending")
	for range 3 {
		there.bad(there.poll("tv", device), 400, "slow_down")
	}
	here.pass(5 * time.Second) // the first interval is over, and the next is 20 seconds
	there.bad(there.poll("tv", device), 400, "authorization_pending")
	here.pass(18 * time.Second)
	here.bad(here.poll("tv", device), 400, "slow_down")
	here.pass(2 * time.Second)
	there.bad(there.poll("tv", device), 400, "authorization_pending")
}

// Attack: one approval is redeemed once, however many try at once at two replicas.
func TestAnApprovalIsRedeemedOnceAcrossReplicas(t *testing.T) {
	p := newPlan(storetest.PostgresURL(t))
	p.shared = true
	houses := []*house{p.open(t), p.open(t)}
	started := houses[0].startDevice()
	b := houses[1].browser().as(p.ada, symbolon.ACRSingle)
	b.answers(b.enters(started.text("user_code")), "/device/confirm", "allow")
	var mu sync.Mutex
	var tokens []string
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			got := houses[n%2].poll("tv", started.text("device_code"))
			mu.Lock()
			defer mu.Unlock()
			if got.status == http.StatusOK {
				tokens = append(tokens, got.text("access_token"))
			}
		})
	}
	wait.Wait()
	if len(tokens) != 1 {
		t.Fatalf("%d tokens for one approval", len(tokens))
	}
	houses[0].pass(time.Minute)
	houses[0].bad(houses[0].poll("tv", started.text("device_code")), 400, "invalid_grant")
	if houses[1].opens(tokens[0]) {
		t.Fatal("a replay at one replica left the token alive at the other")
	}
}

// Attack: guessing user codes. Nobody who is not signed in learns anything, and whoever is runs
// into a limit of their own, at which even a right code is not looked at. RFC 8628 §5.1.
func TestGuessingUserCodes(t *testing.T) {
	h := open(t)
	real := h.startDevice().text("user_code")
	anonymous := h.browser()
	first, second := anonymous.enters(real), anonymous.enters("BBBB-BBBB")
	if first.status != second.status || !strings.HasPrefix(first.way(), "/login?step=") || !strings.HasPrefix(second.way(), "/login?step=") {
		t.Fatalf("a stranger can tell codes apart: %d %s, %d %s", first.status, first.way(), second.status, second.way())
	}
	eve := h.browser().as(h.bob, symbolon.ACRSingle)
	for n := range 20 {
		if miss := eve.enters("BBBB-BBBB"); miss.status != http.StatusNotFound {
			t.Fatalf("guess %d: %d", n, miss.status)
		}
	}
	if hit := eve.enters(real); hit.status != http.StatusTooManyRequests || strings.Contains(hit.raw, "Acme TV") {
		t.Fatalf("%d %s", hit.status, hit.raw)
	}
	elsewhere := h.browser().as(h.bob, symbolon.ACRSingle)
	if elsewhere.address = "198.51.100.9:1"; elsewhere.enters(real).status != http.StatusTooManyRequests {
		t.Fatal("another network lifts the limit of a person")
	}
	if other := h.browser().as(h.ada, symbolon.ACRSingle).enters(real); other.status != http.StatusOK {
		t.Fatalf("one person's guesses shut another out: %d", other.status)
	}
	h.pass(time.Hour)
	if later := h.browser().as(h.bob, symbolon.ACRSingle).enters(h.startDevice().text("user_code")); later.status != http.StatusOK {
		t.Fatalf("the limit never ends: %d", later.status)
	}
}

// Attack: many accounts that guess from one network.
func TestGuessingFromOneNetwork(t *testing.T) {
	h := open(t)
	real := h.startDevice().text("user_code")
	for n := range 3 {
		eve := h.browser().as(h.person("eve"+string(rune('a'+n)), ""), symbolon.ACRSingle)
		for range 19 {
			eve.enters("BBBB-BBBB")
		}
	}
	if hit := h.browser().as(h.ada, symbolon.ACRSingle).enters(real); hit.status != http.StatusTooManyRequests {
		t.Fatalf("%d", hit.status)
	}
}

// Attack: another site makes the person's browser look a code up, or allow a device.
func TestOtherSitesCannotAnswerForAPerson(t *testing.T) {
	h := open(t)
	started := h.startDevice()
	b := h.browser().as(h.ada, symbolon.ACRPhishing)
	evil := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	if sent := b.post("/device", q("user_code", started.text("user_code")), evil...); sent.status != http.StatusForbidden {
		t.Fatalf("a code was taken from another site: %d", sent.status)
	}
	shown := b.enters(started.text("user_code"))
	if done := b.answers(shown, "/device/confirm", "allow", evil...); done.status != http.StatusForbidden {
		t.Fatalf("an answer was taken from another site: %d", done.status)
	}
	// a link does nothing: the code in it fills the form in, and nothing in it can be answered
	linked := b.get("/device?user_code=" + started.text("user_code"))
	if linked.status != 200 || !strings.Contains(linked.raw, started.text("user_code")) || strings.Contains(linked.raw, "Acme TV") {
		t.Fatalf("%d %s", linked.status, linked.raw)
	}
	if got := b.get("/device/confirm?request=" + url.QueryEscape(refIn.FindStringSubmatch(shown.raw)[1]) + "&answer=allow"); !strings.Contains(got.raw, "device-allow") {
		t.Fatal("a link did more than show the question")
	}
	for _, header := range []string{"X-Frame-Options", "Content-Security-Policy"} {
		if shown.header.Get(header) == "" {
			t.Errorf("the page can be framed: no %s", header)
		}
	}
	// what was shown to one person is nothing in another's hands
	other := h.browser().as(h.bob, symbolon.ACRPhishing)
	if done := other.answers(shown, "/device/confirm", "allow"); done.status != http.StatusNotFound {
		t.Fatalf("another person answered: %d", done.status)
	}
	for _, ref := range []string{"", "x", strings.Repeat("A", 90)} {
		if done := b.post("/device/confirm", q("request", ref, "answer", "allow")); done.status != http.StatusNotFound {
			t.Fatalf("a made-up reference: %d", done.status)
		}
	}
	h.bad(h.poll("tv", started.text("device_code")), 400, "authorization_pending")
}

// S4, S34: policy judges as in the code flow; what a stronger login lifts leads there.
func TestPolicyJudgesWhatADeviceAsksFor(t *testing.T) {
	h := open(t)
	started := h.startDevice("resource", payroll)
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	weak := b.enters(started.text("user_code"))
	if weak.status != http.StatusSeeOther || !strings.HasPrefix(weak.way(), "/login?step=") {
		t.Fatalf("%d %s", weak.status, weak.raw)
	}
	step := must(h.sessions.OpenStep(must(url.Parse(weak.way())).Query().Get("step")))
	if step.ACR != symbolon.ACRPhishing || step.Client != "tv" || !strings.HasPrefix(step.ReturnTo, "/device/confirm?request=") {
		t.Fatalf("%+v", step)
	}
	shown := b.as(h.ada, symbolon.ACRPhishing).get(step.ReturnTo)
	b.answers(shown, "/device/confirm", "allow")
	got := h.call("/token", "tv", q("grant_type", grant.TypeDevice, "device_code", started.text("device_code"), "resource", payroll))
	claims := must(h.tokens.Open(ctx, h.good(got).text("access_token")))
	if claims.ACR != "phr" || claims.Audience[0] != payroll {
		t.Fatalf("%+v", claims)
	}

	// between page and answer the policy has changed: the answer is judged anew
	started = h.startDevice()
	shown = b.enters(started.text("user_code"))
	h.put(edit(symbolon.KindPolicy, symbolon.Policy{ID: "shut", Text: `@id("shut") forbid(principal, action == Action::"authorize", resource == Resource::"notes");`}))
	if done := b.answers(shown, "/device/confirm", "allow"); done.status != http.StatusForbidden {
		t.Fatalf("%d", done.status)
	}
	h.bad(h.poll("tv", started.text("device_code")), 400, "authorization_pending")
}

func TestRevokingEndsWhatADeviceHas(t *testing.T) {
	h := open(t)
	started := h.startDevice()
	b := h.browser().as(h.ada, symbolon.ACRSingle)
	b.answers(b.enters(started.text("user_code")), "/device/confirm", "allow")
	got := h.good(h.poll("tv", started.text("device_code")))
	claims := must(h.tokens.Open(ctx, got.text("access_token")))
	h.check(h.tokens.RevokeAuthorization(ctx, symbolon.AuthorizationID(claims.Authorization), issuer.Revoker{Actor: "test"}))
	if h.opens(got.text("access_token")) {
		t.Fatal("still alive")
	}
	h.bad(h.call("/token", "tv", q("grant_type", grant.TypeRefresh, "refresh_token", got.text("refresh_token"))), 400, "invalid_grant")
}

func TestUserCodesAreReadAsPeopleTypeThem(t *testing.T) {
	for typed, want := range map[string]string{
		"BCDF-GHJK": "BCDF-GHJK", "bcdfghjk": "BCDF-GHJK", " bcdf ghjk ": "BCDF-GHJK", "B.C_D-F-G-H-J-K": "BCDF-GHJK",
		"BCDF-GHJ": "", "BCDF-GHJKL": "", "BCDF-GHJA": "", "BCDF-GHJ0": "", "": "", "ВCDF-GHJK": "", "BCDF\nGHJK": "", "ſCDF-GHJK": "",
		strings.Repeat("-", 100) + "BCDFGHJK": "",
	} {
		if got, ok := grant.UserCode(typed); ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

func FuzzUserCode(f *testing.F) {
	f.Add("bcdf-ghjk")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := grant.UserCode(typed)
		if !ok {
			return
		}
		if again, ok := grant.UserCode(code); !ok || again != code || len(code) != 9 || code[4] != '-' {
			t.Fatalf("%q is read as %q", typed, code)
		}
	})
}
