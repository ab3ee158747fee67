package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	issuing "symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// keyed is the robot with a key.
type keyed struct {
	*world
	*token.Prover
}

func (w *world) keyed() *keyed { return &keyed{w, must(token.NewProver(w.clock))} }

// bound gets a token for a resource that is bound to the key.
func (k *keyed) bound(resource string) string {
	k.t.Helper()
	form := url.Values{"grant_type": {grant.TypeClientCredentials}, "resource": {resource}}
	req := must(http.NewRequest(http.MethodPost, k.id.URL+"/token", strings.NewReader(form.Encode())))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("DPoP", must(k.Prove("POST", k.id.URL+"/token", "", "")))
	req.SetBasicAuth("robot", testSecret)
	res := must(http.DefaultClient.Do(req))
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	k.check(json.NewDecoder(res.Body).Decode(&answer))
	if answer.Type != "DPoP" {
		k.t.Fatalf("%d %+v", res.StatusCode, answer)
	}
	return answer.Token
}

// dpop presents a token with proofs.
func (w *world) dpop(address, raw string, proofs ...string) reply {
	w.t.Helper()
	headers := []string{"Authorization", "DPoP " + raw}
	for _, proof := range proofs {
		headers = append(headers, "Dpop", proof)
	}
	return w.send(http.MethodGet, address, headers...)
}

func (w *world) refused(name string, got reply, code, scheme string) {
	w.t.Helper()
	challenge := got.Header.Get("WWW-Authenticate")
	if got.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(challenge, scheme+` error="`+code+`"`) || !strings.Contains(challenge, `algs="ES256 `) {
		w.t.Errorf("%s: %d, challenged with %s", name, got.StatusCode, challenge)
	}
}

// S31, S42; RFC 9449 §7: a bound token passes with the proof of its key for this very request, and
// the upstream sees nothing of either.
func TestABoundTokenPassesWithItsProofAlone(t *testing.T) {
	w := newWorld(t)
	k, thief := w.keyed(), w.keyed()
	raw := k.bound(orders)
	prove := func(by *keyed, method, address, accessToken string) string {
		return must(by.Prove(method, address, accessToken, ""))
	}
	good := prove(k, "GET", orders+"/a/caf%C3%A9", raw)
	if got := w.dpop(orders+"/a/caf%C3%A9?x=1", raw, good); got.StatusCode != http.StatusOK || got.Header.Get("DPoP-Nonce") != "" {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	seen := w.apps["orders"].seen()
	jwt := strings.TrimPrefix(seen.Header.Get("Authorization"), "Bearer ")
	if seen.Header.Get("DPoP") != "" || strings.Count(jwt, ".") != 2 || strings.Contains(seen.Header.Get("Authorization"), raw) {
		t.Errorf("the upstream saw %v", seen.Header)
	}
	dialled := w.apps["orders"].accepted.Load()
	for name, c := range map[string]struct {
		proofs []string
		code   string
	}{
		"a replay":            {[]string{good}, "invalid_dpop_proof"},
		"no proof":            {nil, "invalid_dpop_proof"},
		"two proofs":          {[]string{prove(k, "GET", orders+"/a/caf%C3%A9", raw), prove(k, "GET", orders+"/a/caf%C3%A9", raw)}, "invalid_dpop_proof"},
		"another path":        {[]string{prove(k, "GET", orders+"/b", raw)}, "invalid_dpop_proof"},
		"a slash more":        {[]string{prove(k, "GET", orders+"/a/caf%C3%A9/", raw)}, "invalid_dpop_proof"},
		"another host":        {[]string{prove(k, "GET", billing+"/a/caf%C3%A9", raw)}, "invalid_dpop_proof"},
		"where it listens":    {[]string{prove(k, "GET", w.front.URL+"/a/caf%C3%A9", raw)}, "invalid_dpop_proof"},
		"another method":      {[]string{prove(k, "POST", orders+"/a/caf%C3%A9", raw)}, "invalid_dpop_proof"},
		"another token":       {[]string{prove(k, "GET", orders+"/a/caf%C3%A9", k.bound(orders))}, "invalid_dpop_proof"},
		"no token":            {[]string{prove(k, "GET", orders+"/a/caf%C3%A9", "")}, "invalid_dpop_proof"},
		"the key of somebody": {[]string{prove(thief, "GET", orders+"/a/caf%C3%A9", raw)}, "invalid_token"},
	} {
		w.refused(name, w.dpop(orders+"/a/caf%C3%A9", raw, c.proofs...), c.code, "DPoP")
	}
	w.refused("as a bearer token", w.bearer(raw, orders+"/"), "invalid_token", "Bearer")
	w.refused("as a bearer token with a proof", w.bearer(raw, orders+"/", "Dpop", prove(k, "GET", orders+"/", raw)), "invalid_token", "Bearer")
	free := w.service("robot", orders)
	w.refused("a bearer token with a proof", w.dpop(orders+"/", free, prove(k, "GET", orders+"/", free)), "invalid_token", "DPoP")
	w.refused("elsewhere", w.dpop(billing+"/", raw, prove(k, "GET", billing+"/", raw)), "invalid_token", "DPoP")
	old := prove(k, "GET", orders+"/", raw)
	w.pass(token.ProofAge)
	w.until("the broker is ready", func() bool { return w.b.Ready() == nil })
	w.refused("an old proof", w.dpop(orders+"/", raw, old), "invalid_dpop_proof", "DPoP")
	if n := w.apps["orders"].accepted.Load(); n != dialled {
		t.Errorf("%d connections to the upstream for refused requests", n-dialled)
	}
	lying := []string{"Authorization", "DPoP " + raw, "Dpop", prove(k, "GET", "http://evil.example/", raw), "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"}
	w.refused("a forwarded host", w.send(http.MethodGet, orders+"/", lying...), "invalid_dpop_proof", "DPoP")
}

// S27, S31; RFC 9449 §9: where the resource asks for bound tokens, a proof needs a nonce, the
// broker gives it, and a bearer token from before does not pass.
func TestAResourceMayAskForBoundTokens(t *testing.T) {
	w := newWorld(t)
	k := w.keyed()
	before := w.service("robot", orders)
	declared, _ := w.catalog.Current().Resource("orders")
	strict := *declared
	strict.Token.Binding = "dpop"
	w.put(symbolon.KindResource, "orders", strict)
	w.until("the broker knows", func() bool { return w.bearer(before, orders+"/").StatusCode == http.StatusUnauthorized })
	raw, nonce := k.bound(orders), ""
	ask := func() reply { return w.dpop(orders+"/x", raw, must(k.Prove("GET", orders+"/x", raw, nonce))) }
	first := ask()
	w.refused("no nonce", first, "use_dpop_nonce", "DPoP")
	nonce = first.Header.Get("DPoP-Nonce")
	if got := ask(); got.StatusCode != http.StatusOK || got.Header.Get("DPoP-Nonce") != "" {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	upstream := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("DPoP-Nonce", "of-the-upstream")
		rw.Header().Set("Cache-Control", "public, max-age=60")
	})
	w.apps["orders"].serve.Store(&upstream)
	if got := ask(); got.Header.Get("DPoP-Nonce") != "" || got.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("an upstream speaks of nonces: %v", got.Header)
	}
	w.pass(token.NonceLife / 2)
	w.until("the broker is ready", func() bool { return w.b.Ready() == nil })
	got := ask()
	if next := got.Header["Dpop-Nonce"]; got.StatusCode != http.StatusOK || len(next) != 1 || next[0] == nonce || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	nonce = must(New(Config{Issuer: w.id.URL, ClientID: "other", Secret: symbolon.NewSecret(testSecret), Clock: w.clock})).proofs.checker.Nonces.New()
	w.refused("another server's nonce", ask(), "use_dpop_nonce", "DPoP")
	nonce = must(New(Config{Issuer: w.id.URL, ClientID: "broker", Secret: symbolon.NewSecret(testSecret), Clock: w.clock})).proofs.checker.Nonces.New()
	if got := ask(); got.StatusCode != http.StatusOK {
		t.Errorf("a nonce of another replica: %d %s", got.StatusCode, got.body)
	}
}

// S31; RFC 8705 §3: a token that is bound to a certificate passes with that one.
func TestACertificateIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	ours, theirs := &x509.Certificate{Raw: []byte("ours")}, &x509.Certificate{Raw: []byte("theirs")}
	shown := func(certificate *x509.Certificate) *http.Request {
		r := httptest.NewRequest(http.MethodGet, orders+"/", nil)
		if certificate != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}
		}
		return r
	}
	robot, _ := w.catalog.Current().Client("robot")
	target, _ := w.catalog.Current().Resource("orders")
	certified := *robot
	certified.CertificateBound = true
	issued, changes, err := w.tokens.Issue(context.Background(), mintFor(&certified, target, ofConnection(shown(ours))))
	w.check(err)
	w.check(w.db.Commit(context.Background(), changes...))
	for _, c := range []struct {
		certificate *x509.Certificate
		scheme      string
		status      int
	}{{ours, "Bearer", 200}, {theirs, "Bearer", 401}, {nil, "Bearer", 401}, {ours, "DPoP", 401}} {
		r := shown(c.certificate)
		r.RequestURI = "/"
		r.Header.Set("Authorization", c.scheme+" "+issued.Raw.Reveal())
		rec := httptest.NewRecorder()
		w.b.Handler().ServeHTTP(rec, r)
		if rec.Code != c.status {
			t.Errorf("%s with %v: %d %s", c.scheme, c.certificate, rec.Code, rec.Body)
		}
	}
}

func mintFor(client *symbolon.Client, target *symbolon.Resource, thumbprint string) issuing.Mint {
	return issuing.Mint{Client: client, Resource: target, Scopes: []string{"read"}, Holder: &token.Confirmation{X5TS256: thumbprint}}
}
