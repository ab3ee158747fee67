package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// partner is a resource outside, whatever else it declares.
func partner(rule symbolon.TokenRule) *symbolon.Resource {
	return &symbolon.Resource{ID: "partner", Identifier: "https://partner.example", Server: "billing2", Scopes: scopes("read"), Token: rule}
}

func (w *world) declarePartner(rule symbolon.TokenRule) {
	w.t.Helper()
	w.declare(client("billing2"), partner(rule))
}

func codeOf(err error) string {
	var known *symbolon.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return ""
}

// S27: what a client declares tightens what the resource does, and nothing else.
func TestAClientsRuleTightensTheResources(t *testing.T) {
	minutes := func(n int) symbolon.Duration { return symbolon.Duration(time.Duration(n) * time.Minute) }
	r := &symbolon.Resource{ID: "api", Token: symbolon.TokenRule{Format: "jwt", Lifetime: minutes(5), Algorithm: "ES256", Claims: []string{"groups", "office"},
		Binding: "any", Mappings: []symbolon.Mapping{{Claim: "unit"}, {Claim: "rank"}}}}
	with := func(id symbolon.ResourceID, rule symbolon.TokenRule) *symbolon.Client {
		return &symbolon.Client{Tokens: map[symbolon.ResourceID]symbolon.TokenRule{id: rule}}
	}
	for name, c := range map[string]struct {
		client *symbolon.Client
		holds  func(symbolon.TokenRule) bool
	}{
		"nothing declared":      {&symbolon.Client{}, func(g symbolon.TokenRule) bool { return g.Lifetime == minutes(5) && g.Format == "jwt" }},
		"another resource":      {with("other", symbolon.TokenRule{Format: "opaque"}), func(g symbolon.TokenRule) bool { return g.Format == "jwt" }},
		"shorter":               {with("api", symbolon.TokenRule{Lifetime: minutes(1)}), func(g symbolon.TokenRule) bool { return g.Lifetime == minutes(1) && g.Format == "jwt" }},
		"longer is not longer":  {with("api", symbolon.TokenRule{Lifetime: minutes(60)}), func(g symbolon.TokenRule) bool { return g.Lifetime == minutes(5) }},
		"for all others":        {with("*", symbolon.TokenRule{Format: "opaque", Session: minutes(9)}), func(g symbolon.TokenRule) bool { return g.Format == "opaque" && g.Session == minutes(9) }},
		"longer than the usual": {with("*", symbolon.TokenRule{Session: minutes(9000)}), func(g symbolon.TokenRule) bool { return g.Session == minutes(720) }},
		"an algorithm":          {with("api", symbolon.TokenRule{Algorithm: "EdDSA"}), func(g symbolon.TokenRule) bool { return g.Algorithm == "EdDSA" }},
		"fewer claims": {with("api", symbolon.TokenRule{Claims: []string{"groups", "rank", "email"}}), func(g symbolon.TokenRule) bool {
			return slices.Equal(g.Claims, []string{"groups"}) && len(g.Mappings) == 1
		}},
		"a stricter binding":    {with("api", symbolon.TokenRule{Binding: "mtls"}), func(g symbolon.TokenRule) bool { return g.Binding == "mtls" }},
		"no binding takes none": {with("api", symbolon.TokenRule{Format: "opaque"}), func(g symbolon.TokenRule) bool { return g.Binding == "any" }},
	} {
		if got := issuer.Rule(c.client, r); !c.holds(got) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if len(r.Token.Claims) != 2 || len(r.Token.Mappings) != 2 {
		t.Error("the resource's own rule was changed")
	}
}

// S27: what a client declares for itself is not gone round by asking otherwise.
func TestAClientsRuleHoldsInAnExchange(t *testing.T) {
	w := newWorld(t)
	w.declare(client("orders", func(c *symbolon.Client) {
		c.Tokens = map[symbolon.ResourceID]symbolon.TokenRule{"billing": {Format: "opaque", Lifetime: symbolon.Duration(30 * time.Second)}}
	}))
	subject := w.forPerson("portal", "orders", "read")
	if _, err := w.swap("orders", subject, "billing", "jwt"); codeOf(err) != "invalid_request" {
		t.Errorf("a JWT all the same: %v", err)
	}
	if got := must(w.swap("orders", subject, "billing", "")); got.Format != "opaque" || got.Expires.After(w.clock().Add(30*time.Second)) {
		t.Errorf("%+v", got)
	}
}

// S24: names and mappings, in the JWT and in the answer to an introspection alike.
func TestMappedClaimsAreTold(t *testing.T) {
	w := newWorld(t)
	rule := symbolon.TokenRule{Claims: []string{"groups"}, Mappings: []symbolon.Mapping{
		{Claim: "unit", Expr: `user.organisation + "/" + user.department`}, {Claim: "strong", Expr: `session.acr == "phr"`},
		{Claim: "roles", Expr: `request.scopes.map(s, "may-" + s)`}, {Claim: "floor", Expr: `user.attributes.?floor`}}}
	told := func(claims map[string]any) {
		t.Helper()
		if claims["unit"] != "acme/engines" || claims["strong"] != true || must(json.Marshal(claims["roles"])) == nil || claims["floor"] != nil {
			t.Errorf("%v", claims)
		}
	}
	w.declarePartner(rule)
	answer := must(w.Introspect(ctx, w.client("billing2"), w.forPerson("portal", "partner", "read").Raw.Reveal()))
	told(answer.Claims.Extra)
	rule.Format = "jwt"
	w.declarePartner(rule)
	_, payload := parts(t, w.forPerson("portal", "partner", "read").Raw)
	told(payload)
	_, payload = parts(t, w.forService("portal", "partner", "read").Raw)
	if payload["unit"] != "/" || payload["strong"] != false {
		t.Errorf("a service: %v", payload)
	}
}

// S26: a label that is put on an attribute counts from then on.
func TestALabelThatIsPutOnLaterCounts(t *testing.T) {
	w := newWorld(t)
	rule := symbolon.TokenRule{Format: "jwt", Claims: []string{"office"}, Mappings: []symbolon.Mapping{{Claim: "desk", Expr: `"desk " + user.attributes.office`}}}
	w.declarePartner(rule)
	_, payload := parts(t, w.forPerson("portal", "partner").Raw)
	if payload["office"] != "B12" || payload["desk"] != "desk B12" {
		t.Fatalf("%v", payload)
	}
	rule.Format = ""
	w.declarePartner(rule)
	opaque := w.forPerson("portal", "partner")
	w.user.Attributes["office"] = symbolon.Attribute{Value: "B12", PII: true}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *w.user}))
	answer := must(w.Introspect(ctx, w.client("billing2"), opaque.Raw.Reveal()))
	if !answer.Active || answer.Claims.Extra["office"] != nil || answer.Claims.Extra["desk"] != nil {
		t.Errorf("the answer tells %v", answer.Claims.Extra)
	}
	for _, only := range []symbolon.TokenRule{{Claims: rule.Claims}, {Mappings: rule.Mappings}} {
		only.Format = "jwt"
		w.declarePartner(only)
		issued, _, err := w.Issue(ctx, issuer.Mint{Client: w.client("portal"), Resource: w.resource("partner"), Authorization: w.authorize("portal")})
		if codeOf(err) != "invalid_target" || !issued.Raw.Empty() {
			t.Errorf("%+v: %v", only, err)
		}
	}
}

// S26, the law: whatever is declared, attributes and labels included, no JWT for a resource
// outside carries what is personal. The catalog's own refusal is gone round.
func TestNoPersonalDataInAJWTThatLeaves(t *testing.T) {
	w := newWorld(t)
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"name", "email", "login", "preferred_username", "office", "phone", "groups", "department"}
		words := []string{`user.name`, `user.email`, `user.login`, `user.attributes.phone`, `user.attributes`, `user.department`, `"x"`,
			`has(user.attributes.phone) ? "yes" : "no"`, `user.attributes.?phone.orValue("none")`, `user.attributes.map(k, string(user.attributes[k]))`}
		rule := symbolon.TokenRule{Format: "jwt", Claims: rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "claims")}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "email", "name"}), 0, 3, rapid.ID).Draw(t, "mapped") {
			rule.Mappings = append(rule.Mappings, symbolon.Mapping{Claim: name, Expr: rapid.SampledFrom(words).Draw(t, "expr"), PII: rapid.Bool().Draw(t, "pii")})
		}
		user := *w.user
		user.Name, user.Email, user.Login = "PERSONAL name", "PERSONAL@example.com", "PERSONAL-login"
		user.Attributes = maps.Clone(user.Attributes)
		user.Attributes["phone"] = symbolon.Attribute{Value: "PERSONAL-555", PII: true}
		issued, _, err := w.Issue(ctx, issuer.Mint{Client: w.client("portal"), Resource: partner(rule), User: &user,
			Authorization: &symbolon.Authorization{User: user.ID, Client: "portal", Expires: w.clock().Add(time.Hour)}})
		if err != nil {
			return
		}
		made++
		payload := string(must(strictDecode(strings.Split(issued.Raw.Reveal(), ".")[1])))
		if strings.Contains(payload, "PERSONAL") || strings.Contains(payload, `"yes"`) {
			t.Fatalf("%s", payload)
		}
	})
	if made < 5 {
		t.Errorf("only %d tokens were made: the law was hardly asked", made)
	}
}

// hookSays is a hook that answers as it is told; status 0 = never.
type hookSays struct {
	mu     sync.Mutex
	answer string
	status int
	asked  []string
}

func (h *hookSays) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.asked = append(h.asked, string(body))
	answer, status := h.answer, h.status
	h.mu.Unlock()
	if status == 0 {
		<-r.Context().Done()
		return
	}
	out.WriteHeader(status)
	_, _ = out.Write([]byte(answer))
}

func (h *hookSays) says(status int, answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.answer = status, answer
}

func (h *hookSays) questions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// S24: a hook is a source with a time limit, asked once for each token, by a question that it can
// check.
func TestAHookIsASource(t *testing.T) {
	w := newWorld(t)
	h := &hookSays{answer: `{"tier":"gold"}`, status: http.StatusOK}
	hook := httptest.NewTLSServer(h)
	defer hook.Close()
	w.Outbound = hook.Client()
	rule := symbolon.TokenRule{Hook: &symbolon.Hook{URL: hook.URL, Anonymous: true}, Mappings: []symbolon.Mapping{{Claim: "tier", Expr: "hook.tier"}}}
	w.declarePartner(rule)
	opaque := w.forPerson("portal", "partner", "read")
	for range 2 {
		told := must(w.Introspect(ctx, w.client("billing2"), opaque.Raw.Reveal()))
		if told.Claims.Extra["tier"] != "gold" || len(told.Claims.Extra) != 1 {
			t.Errorf("%v", told.Claims.Extra)
		}
	}
	asked := h.questions()
	if len(asked) != 1 {
		t.Fatalf("asked %d times", len(asked))
	}
	verifier := token.Verifier{Keys: w.ring, Types: []string{issuer.TypeClaimsRequest}, Issuer: iss, Audience: hook.URL, Clock: w.clock}
	if q, err := verifier.Verify(asked[0]); err != nil || q.Subject != string(w.user.ID) || q.ClientID != "portal" || q.Extra["resource"] != "https://partner.example" {
		t.Errorf("%+v, %v", q, err)
	}
	rule.Format, rule.Hook.Timeout = "jwt", symbolon.Duration(50*time.Millisecond)
	w.declarePartner(rule)
	_, payload := parts(t, w.forPerson("portal", "partner").Raw)
	if payload["tier"] != "gold" || payload["hook_facts"] != nil {
		t.Errorf("%v", payload)
	}
	for name, broken := range map[string]func(){
		"silent": func() { h.says(0, "") }, "failing": func() { h.says(500, "") }, "redirecting": func() { h.says(302, "") },
		"no object": func() { h.says(200, `["gold"]`) }, "too long": func() { h.says(200, `{"tier":"`+strings.Repeat("x", 17<<10)+`"}`) },
		"unreachable": func() { w.Outbound = nil },
	} {
		broken()
		_, _, err := w.Issue(ctx, issuer.Mint{Client: w.client("portal"), Resource: w.resource("partner"), Authorization: w.authorize("portal")})
		var known *symbolon.Error
		if !errors.As(err, &known) || known.Kind != symbolon.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		w.Outbound = hook.Client()
	}
}

// S26, RFC 7516: the client holds what it cannot read; the resource reads it, and we still know it.
func TestAnEncryptedTokenIsReadByItsResourceAlone(t *testing.T) {
	w := newWorld(t)
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	key := must(jose.JSONWebKey{Key: private.Public(), KeyID: "e1"}.MarshalJSON())
	w.declarePartner(symbolon.TokenRule{Format: "jwe", Claims: []string{"groups"}, Encryption: &symbolon.Encryption{Key: key}})
	issued := w.forPerson("portal", "partner", "read")
	if strings.Count(issued.Raw.Reveal(), ".") != 4 || issued.Format != "jwe" {
		t.Fatalf("format %s", issued.Format)
	}
	inner := must(token.Unwrap(issued.Raw.Reveal(), private))
	verifier := token.Verifier{Keys: w.ring, Issuer: iss, Audience: "https://partner.example", Clock: w.clock}
	if claims, err := verifier.Verify(inner); err != nil || claims.ID != string(issued.ID) || !slices.Equal(claims.Groups, []string{"engineers"}) {
		t.Errorf("%+v, %v", claims, err)
	}
	for _, raw := range []string{issued.Raw.Reveal(), inner} {
		if told := must(w.Introspect(ctx, w.client("billing2"), raw)); !told.Active || told.Claims.ID != string(issued.ID) {
			t.Errorf("%+v", told)
		}
	}
	w.check(w.RevokePresented(ctx, w.client("portal"), issued.Raw.Reveal(), ""))
	for _, raw := range []string{issued.Raw.Reveal(), inner} {
		if must(w.Introspect(ctx, w.client("billing2"), raw)).Active {
			t.Error("revoked, and active")
		}
	}
}
