package catalog

import (
	"cmp"
	"strings"

	"symbolon.dev"
)

// ProtectedPath begins the place of a resource's metadata on its own host (RFC 9728 §3.1).
const ProtectedPath = "/.well-known/oauth-protected-resource"

// Protected is what a resource tells everybody of itself (RFC 9728 §2): where its tokens come from,
// and what they may be asked for.
func Protected(r *symbolon.Resource, issuer string) map[string]any {
	told := map[string]any{
		"resource": r.Identifier, "authorization_servers": []string{issuer}, "bearer_methods_supported": []string{"header"},
		"resource_name": cmp.Or(r.Name, string(r.ID)),
	}
	if len(r.Scopes) > 0 {
		names := make([]string, len(r.Scopes))
		for i, scope := range r.Scopes {
			names[i] = scope.Name
		}
		told["scopes_supported"] = names
	}
	if len(r.DetailTypes) > 0 {
		types := make([]string, len(r.DetailTypes))
		for i, t := range r.DetailTypes {
			types[i] = t.Type
		}
		told["authorization_details_types_supported"] = types
	}
	switch r.Token.Binding {
	case "dpop":
		told["dpop_bound_access_tokens_required"] = true
	case "mtls":
		told["tls_client_certificate_bound_access_tokens"] = true
	}
	return told
}

// ProtectedURL is where the metadata of a resource is: the well-known path stands between the host and
// the path of its identifier (RFC 9728 §3).
func ProtectedURL(identifier string) string {
	at := strings.Index(identifier, "://")
	if at < 0 {
		return ""
	}
	host, path, slashed := strings.Cut(identifier[at+3:], "/")
	if slashed && path != "" {
		path = "/" + path
	}
	return identifier[:at+3] + host + ProtectedPath + path
}
