package e2e

import (
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// S27, S31: clients that others wrote prove their keys, nonces included; stolen tokens are useless.
func TestNodeClientsProveTheirKeys(t *testing.T) {
	w := demo(t)
	w.declare("/clients/orders", func(doc map[string]any) { doc["dpop_nonce_required"] = true })
	w.declare("/resources/billing", func(doc map[string]any) { doc["token"] = map[string]any{"binding": "dpop"} })
	command := exec.Command("node", "dpop.mjs")
	command.Dir = absolute(t, "clients")
	command.Stdin = strings.NewReader(string(w.ready))
	out, err := command.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// declare changes a declared object.
func (w *world) declare(path string, change func(doc map[string]any)) {
	w.t.Helper()
	got := w.admin(http.MethodGet, path, nil)
	doc, _ := got.json["doc"].(map[string]any)
	if doc == nil {
		w.t.Fatalf("%s: %d %s", path, got.status, got.text)
	}
	change(doc)
	if put := w.admin(http.MethodPut, path, doc); put.status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, put.status, put.text)
	}
}

// S5, S31: the product's own API takes bound tokens by the same rules.
func TestTheAdminAPITakesBoundTokens(t *testing.T) {
	w := demo(t)
	prover := must[*token.Prover](t)(token.NewProver(symbolon.Now))
	prove := func(method, address, accessToken string) string {
		return must[string](t)(prover.Prove(method, address, accessToken, ""))
	}
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {w.Operator.Resource}}
	request, err := http.NewRequest(http.MethodPost, w.Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("DPoP", prove(http.MethodPost, w.Issuer+"/token", ""))
	request.SetBasicAuth(url.QueryEscape(w.Operator.ClientID), url.QueryEscape(w.Operator.ClientSecret))
	granted := w.do(request, nil)
	raw, _ := granted.json["access_token"].(string)
	if granted.json["token_type"] != "DPoP" {
		t.Fatalf("%d %s", granted.status, granted.text)
	}
	call := func(authorization, proof string) answer {
		request, err := http.NewRequest(http.MethodGet, w.Admin+"/users", http.NoBody)
		if err == nil {
			request.Header.Set("Authorization", authorization)
			request.Header.Set("DPoP", proof)
		}
		return w.do(request, err)
	}
	good := prove(http.MethodGet, w.Admin+"/users", raw)
	if got := call("DPoP "+raw, good); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.text)
	}
	begun := time.Now()
	for name, got := range map[string]answer{"a replay": call("DPoP "+raw, good), "a downgrade": call("Bearer "+raw, prove(http.MethodGet, w.Admin+"/users", raw))} {
		if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	t.Logf("refused in %s", time.Since(begun))
}
