package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/token"
)

// S20: a verifier that never asks about a token reads its bit in the list that the token names.
func TestAVerifierReadsTheStatusList(t *testing.T) {
	w := newWorld(t)
	w.put(symbolon.KindResource, "orders", symbolon.Resource{ID: "orders", Identifier: orders, Server: "orders",
		Scopes: []symbolon.Scope{{Name: "read"}}, Token: symbolon.TokenRule{Format: "jwt", Status: true}})
	raw := w.good(w.post("/token", "svc", q("grant_type", "client_credentials", "scope", "read", "resource", orders))).text("access_token")
	verifier := token.Verifier{Keys: w.ring, Issuer: iss, Audience: orders, Clock: w.clock}
	claims := must(verifier.Verify(raw))
	var status struct {
		List struct {
			Index int    `json:"idx"`
			URI   string `json:"uri"`
		} `json:"status_list"`
	}
	w.check(json.Unmarshal(must(json.Marshal(claims.Extra["status"])), &status))
	path := strings.TrimPrefix(status.List.URI, iss)
	get := func(path, accept string) reply {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", accept)
		return w.send(r)
	}
	valid := func() bool {
		got := get(path, "application/statuslist+jwt")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/statuslist+jwt" || got.header.Get("Cache-Control") != "public, max-age=60" || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatal(got.status, got.header, got.raw)
		}
		listed := must((&token.Verifier{Keys: w.ring, Types: []string{token.TypeStatusList}, Issuer: iss, AnyAudience: true, Clock: w.clock}).Verify(got.raw))
		var list token.StatusList
		w.check(list.UnmarshalJSON(must(json.Marshal(listed.Extra["status_list"]))))
		if listed.Subject != status.List.URI {
			t.Errorf("the list is %s, not %s", listed.Subject, status.List.URI)
		}
		if _, err := verifier.Verify(got.raw); err == nil {
			t.Error("a list passes as an access token")
		}
		return list.Valid(status.List.Index)
	}
	if !valid() {
		t.Error("a new token is not valid")
	}
	w.post("/revoke", "svc", q("token", raw))
	if valid() {
		t.Error("a revoked token is valid")
	}
	for name, c := range map[string]struct {
		path, accept string
		want         int
	}{
		"anything":         {path, "*/*", http.StatusOK},
		"a CWT":            {path, "application/statuslist+cwt", http.StatusNotAcceptable},
		"yesterday's":      {path + "?time=1", "*/*", http.StatusNotImplemented},
		"another":          {"/status/" + strings.Repeat("A", 22), "*/*", http.StatusNotFound},
		"a very long name": {"/status/" + strings.Repeat("A", 4000), "*/*", http.StatusNotFound},
		"none":             {"/status/", "*/*", http.StatusNotFound},
	} {
		if got := get(c.path, c.accept); got.status != c.want {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if !strings.Contains(strings.Join(oauth.Paths, " "), "/status/") {
		t.Error("nobody mounts the lists")
	}
}
