package catalog_test

import "testing"

// What is declared for grants away from the browser: CIBA Core §4, RFC 7523, ID-JAG.
func TestDeclarationsForGrantsElsewhereAreRefused(t *testing.T) { // S13, S14
	const ciba = `"grant_types":["urn:openid:params:grant-type:ciba"]`
	trust := func(rule string) string {
		return `{"trust":[{"name":"own","issuer":"https://id.delta.example","jwks":{"keys":[` + point + `]},"assertions":` + rule + `}]}`
	}
	refuse(t, []struct{ kind, id, doc, fault string }{
		{"client", "x", `{"token_endpoint_auth_method":"none",` + ciba + `}`, "grant_types: a public client cannot ask people"},
		{"client", "x", `{"token_endpoint_auth_method":"none","grant_types":["urn:ietf:params:oauth:grant-type:jwt-bearer"]}`, "grant_types: a public client cannot present assertions"},
		{"client", "x", `{` + secret + `,"grant_types":["refresh_token"]}`, "grant_types: refresh_token needs"},
		{"client", "x", `{` + secret + `,"grant_types":["client_credentials"],"backchannel_token_delivery_mode":"poll"}`, "the client is not registered for"},
		{"client", "x", `{` + secret + `,` + ciba + `,"backchannel_token_delivery_mode":"push"}`, `backchannel_token_delivery_mode: "push" is not one of poll, ping`},
		{"client", "x", `{` + secret + `,` + ciba + `,"backchannel_token_delivery_mode":"ping"}`, "ping needs one"},
		{"client", "x", `{` + secret + `,` + ciba + `,"backchannel_client_notification_endpoint":"https://x.example/cb"}`, "it is for ping alone"},
		{"client", "x", `{` + secret + `,` + ciba + `,"backchannel_token_delivery_mode":"ping","backchannel_client_notification_endpoint":"http://x.example/cb"}`, "it must be an https:// URL"},
		{"client", "x", `{` + secret + `,` + ciba + `,"backchannel_authentication_request_signing_alg":"none"}`, `"none" is not one of`},
		{"client", "x", `{` + secret + `,` + ciba + `,"backchannel_authentication_request_signing_alg":"ES256"}`, "signed requests need jwks or jwks_uri"},
		{"organisation", "delta", trust(`{"clients":["orders"],"resources":["orders"]}`), "they speak neither of people nor of services"},
		{"organisation", "delta", trust(`{"clients":["nobody"],"resources":["orders"],"people":"login"}`), `there is no client "nobody"`},
		{"organisation", "delta", trust(`{"clients":["orders"],"resources":["nothing"],"people":"login"}`), `there is no resource "nothing"`},
		{"organisation", "delta", trust(`{"clients":["orders"],"resources":["orders"],"people":"email"}`), `"email" is not one of login, id`},
		{"resource", "chat", `{"identifier":"https://chat.example","kind":"app","foreign_clients":{"orders":"o"}}`, "has no upstream, no server and no pages"},
		{"resource", "chat", `{"identifier":"https://chat.example","foreign_clients":{"nobody":"o"}}`, `there is no client "nobody"`},
		{"resource", "chat", `{"identifier":"https://chat.example","foreign_clients":{"orders":""}}`, "is not plain text"},
	})
}
