package catalog_test

import (
	"encoding/json"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

// RFC 9728 §3.1: the well-known path stands between the host and the path.
func TestWhereAResourceTellsOfItself(t *testing.T) {
	for identifier, want := range map[string]string{
		"https://a.example":         "https://a.example/.well-known/oauth-protected-resource",
		"https://a.example/":        "https://a.example/.well-known/oauth-protected-resource",
		"https://a.example:8443/v1": "https://a.example:8443/.well-known/oauth-protected-resource/v1",
		"https://a.example/v1/":     "https://a.example/.well-known/oauth-protected-resource/v1/",
		"urn:a":                     "",
	} {
		if got := catalog.ProtectedURL(identifier); got != want {
			t.Errorf("%s: %s", identifier, got)
		}
	}
}

func TestWhatAResourceTellsOfItself(t *testing.T) {
	told, err := json.Marshal(catalog.Protected(&symbolon.Resource{ID: "a", Identifier: "https://a.example", Scopes: []symbolon.Scope{{Name: "read"}},
		DetailTypes: []symbolon.DetailType{{Type: "pay"}}, Token: symbolon.TokenRule{Binding: "dpop"}}, "https://id.example"))
	want := `{"authorization_details_types_supported":["pay"],"authorization_servers":["https://id.example"],"bearer_methods_supported":["header"],` +
		`"dpop_bound_access_tokens_required":true,"resource":"https://a.example","resource_name":"a","scopes_supported":["read"]}`
	if err != nil || string(told) != want {
		t.Fatalf("%s %v", told, err)
	}
}
