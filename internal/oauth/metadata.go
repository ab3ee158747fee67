package oauth

import (
	"encoding/json"
	"net/http"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

// metadata is OpenID Connect Discovery 1.0 §3 and RFC 8414 §2 in one: what is offered, and
// nothing that is not. It names no client and no resource.
func (e *endpoints) metadata(w http.ResponseWriter, _ *http.Request, _ *door.Event) error {
	described := e.describe()
	var err error
	if described["signed_metadata"], err = e.signed(described); err != nil { // RFC 8414 §2.1
		return err
	}
	body, err := json.Marshal(described)
	if err != nil {
		return err
	}
	answerCached(w, body)
	return nil
}

// jwks shows the public keys (RFC 7517 §5).
func (e *endpoints) jwks(w http.ResponseWriter, _ *http.Request, _ *door.Event) error {
	answerCached(w, e.Keys.JWKS())
	return nil
}

// answerCached lets caches keep a public document for a while; new keys are published long
// before they sign.
func answerCached(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}

func (e *endpoints) describe() map[string]any {
	described := map[string]any{
		"issuer":                 e.Issuer,
		"authorization_endpoint": e.Issuer + pathAuthorize,
		"token_endpoint":         e.Issuer + pathToken,
		"introspection_endpoint": e.Issuer + pathIntrospect,
		"revocation_endpoint":    e.Issuer + pathRevoke,
		"userinfo_endpoint":      e.Issuer + pathUserinfo,
		"jwks_uri":               e.Issuer + pathJWKS,
		"end_session_endpoint":   e.Issuer + "/logout",

		"response_types_supported":         []string{"code"},
		"response_modes_supported":         responseModeNames,
		"grant_types_supported":            grant.Types(),
		"code_challenge_methods_supported": []string{"S256"},
		"prompt_values_supported":          prompts,
		"acr_values_supported":             symbolon.ACRs,
		"subject_types_supported":          []string{"public", "pairwise"},
		"scopes_supported":                 []string{grant.ScopeOpenID, grant.ScopeProfile, grant.ScopeEmail, grant.ScopeOffline},
		"claim_types_supported":            []string{"normal"},
		"claims_supported":                 claimsSupported,

		"token_endpoint_auth_methods_supported":          e.Clients.Methods(),
		"revocation_endpoint_auth_methods_supported":     e.Clients.Methods(),
		"introspection_endpoint_auth_methods_supported":  e.Clients.ConfidentialMethods(),
		"introspection_signing_alg_values_supported":     []string{token.ES256},
		"id_token_signing_alg_values_supported":          e.idTokenAlgorithms(),
		"dpop_signing_alg_values_supported":              token.Algorithms(),
		"tls_client_certificate_bound_access_tokens":     true,
		"authorization_response_iss_parameter_supported": true,
		"resource_indicators_supported":                  true,
		"claims_parameter_supported":                     true,
		"ui_locales_supported":                           []string{"en"},
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"frontchannel_logout_supported":                  true,
		"frontchannel_logout_session_supported":          true,
	}
	if algorithms := e.Clients.AssertionAlgorithms(); algorithms != nil { // RFC 8414 §2: not without the methods that need them
		for _, endpoint := range []string{"token", "revocation", "introspection"} {
			described[endpoint+"_endpoint_auth_signing_alg_values_supported"] = algorithms
		}
	}
	if e.Clients.Documents != nil {
		described["client_id_metadata_document_supported"] = true
	}
	if slices.ContainsFunc(e.Catalog.Current().Clients(), func(c *symbolon.Client) bool { return c.PKCE == pkceNonce }) {
		described["nonce_in_place_of_pkce_supported"] = true // ours: some client is declared so
	}
	if e.Registration.enabled() {
		described["registration_endpoint"] = e.Issuer + pathRegister
	}
	e.describeDecoupled(described)
	e.describeRequests(described)
	return described
}

var claimsSupported = []string{
	"iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid", "at_hash",
	"name", "preferred_username", "email", "email_verified", "updated_at",
}

// idTokenAlgorithms are those that a client may register for and that there is a key for.
func (e *endpoints) idTokenAlgorithms() []string {
	keys := e.Keys.Keys()
	return slices.DeleteFunc([]string{token.ES256, token.RS256}, func(alg string) bool {
		return !slices.ContainsFunc(keys, func(k symbolon.SigningKey) bool { return k.Alg == alg })
	})
}
