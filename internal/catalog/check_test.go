package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

const secret = `"secrets":[{"sha256":"` + sum + `"}]`

// The documents that each case is put beside.
func neighbours() []catalog.Edit {
	return []catalog.Edit{
		edit(symbolon.KindOrganisation, "acme", `{"name":"Acme"}`), edit(symbolon.KindGroup, "staff", `{}`),
		edit(symbolon.KindGroup, "finance", `{"parents":["staff"]}`), confidential("orders", ""),
		edit(symbolon.KindResource, "orders", `{"identifier":"https://orders.example/","server":"orders"}`),
	}
}

func TestDocumentsAreReadStrictly(t *testing.T) { // S4
	cases := []struct{ kind, id, doc, fault string }{
		{"client", "x", `{"redirect_uri":["https://a.example/cb"],` + secret + `}`, "client x: redirect_uri: unknown field; did you mean redirect_uris?"},
		{"client", "x", `{"secrets":[{"sha265":"` + sum + `"}]}`, "client x: secrets[0].sha265: unknown field; did you mean sha256?"},
		{"client", "x", `{"xyzzy":1}`, "client x: xyzzy: unknown field"},
		{"client", "x", `{"Client_ID":"x"}`, "client x: Client_ID: unknown field"},
		{"client", "x", `{"client_id":"y",` + secret + `}`, `client x: the document names itself "y"`},
		{"client", "x", `{"first_party":"yes"}`, "client x: first_party: cannot be a string"},
		{"client", "x", `{"scopes":"a b"}`, "client x: scopes: cannot be a string"},
		{"client", "x", `{"scopes":[1]}`, "client x: scopes[0]: cannot be a number"},
		{"client", "x", `{"disabled":true,"disabled":false}`, "client x: disabled: duplicate"},
		{"client", "x", `{"disabled":true}{}`, "client x: the document:"},
		{"client", "x", `[]`, "client x: the document: cannot be a list"},
		{"client", "x", ``, "client x: "},
		{"client", "x y", `{}`, "an id is 1 to 128"},
		{"clients", "x", `{}`, `there is no kind "clients"; did you mean client?`},
		{"resource", "x", `{"identifier":"https://x.example","token":{"lifetime":"5 minutes"}}`, "resource x: token.lifetime: "},
		{"resource", "x", `{"identifier":"https://x.example","upstream":{"uri":"http://a"}}`, "resource x: upstream.uri: unknown field; did you mean url?"},
		{"resource", "x", `{"identifier":"https://x.example","upstream":{"headers":{"X-User":1}}}`, "resource x: upstream.headers.X-User: cannot be a number"},
		{"group", "x", `{"parent":["staff"]}`, "group x: parent: unknown field; did you mean parents?"},
		{"organisation", "x", `{"nam":"X"}`, "organisation x: nam: unknown field; did you mean name?"},
		{"policy", "x", `{"txt":""}`, "policy x: txt: unknown field; did you mean text?"},
	}
	refuse(t, cases)
}

func TestClientsAreRefused(t *testing.T) { // S17, S28
	cases := []struct{ kind, id, doc, fault string }{}
	for doc, fault := range map[string]string{
		secret + `,"redirect_uris":["/cb"]`:                                                                     "redirect_uris[0]: it must be absolute",
		secret + `,"redirect_uris":["https://a.example/cb#x"]`:                                                  "redirect_uris[0]: it must not have a fragment",
		secret + `,"redirect_uris":["https://a.example/cb#"]`:                                                   "redirect_uris[0]: it must not have a fragment",
		secret + `,"redirect_uris":["http://a.example/cb"]`:                                                     "redirect_uris[0]: http:// is for loopback hosts only",
		secret + `,"redirect_uris":["http://localhost.evil.com/cb"]`:                                            "redirect_uris[0]: http:// is for loopback hosts only",
		secret + `,"redirect_uris":["https://*.example/cb"]`:                                                    "redirect_uris[0]: it must not have *",
		secret + `,"redirect_uris":["https://a.example\\@b.example/"]`:                                          "redirect_uris[0]: it ",
		secret + `,"redirect_uris":["https://a@b.example/"]`:                                                    "redirect_uris[0]: it must have a host, and no user",
		secret + `,"redirect_uris":["https:a.example"]`:                                                         "redirect_uris[0]: it must have a host",
		secret + `,"redirect_uris":["https:///cb"]`:                                                             "redirect_uris[0]: it must have a host",
		secret + `,"redirect_uris":["https://a.example/ cb"]`:                                                   "redirect_uris[0]: it is not a URI",
		secret + `,"redirect_uris":["javascript:alert(1)"]`:                                                     "redirect_uris[0]: a private-use scheme needs a dot",
		secret + `,"redirect_uris":["myapp:/cb"]`:                                                               "redirect_uris[0]: a private-use scheme needs a dot",
		secret + `,"redirect_uris":["https://a.example/","https://a.example/"]`:                                 "redirect_uris[1]: https://a.example/ is there twice",
		secret + `,"post_logout_redirect_uris":["x"]`:                                                           "post_logout_redirect_uris[0]: it must be absolute",
		secret + `,"grant_types":["password"]`:                                                                  `grant_types[0]: "password" is not one of`,
		secret + `,"grant_types":["client_credential"]`:                                                         "did you mean client_credentials?",
		secret + `,"grant_types":["implicit"]`:                                                                  `grant_types[0]: "implicit" is not one of`,
		secret + `,"grant_types":["authorization_code"]`:                                                        "redirect_uris: authorization_code needs at least one",
		secret + `,"grant_types":["refresh_token"]`:                                                             "grant_types: refresh_token needs authorization_code",
		`"token_endpoint_auth_method":"none","grant_types":["client_credentials"]`:                              "a public client cannot use client_credentials",
		`"token_endpoint_auth_method":"none","grant_types":["urn:ietf:params:oauth:grant-type:token-exchange"]`: "a public client cannot exchange tokens",
		`"token_endpoint_auth_method":"none",` + secret:                                                         "secrets: a public client",
		`"token_endpoint_auth_method":"none","pkce":"nonce"`:                                                    "pkce: only a confidential client",
		`"token_endpoint_auth_method":"none","broker":true`:                                                     "broker: a public client cannot be one",
		`"token_endpoint_auth_method":"client_secret_jwt",` + secret:                                            "token_endpoint_auth_method: \"client_secret_jwt\" is not one of",
		``:                             "secrets: a confidential client needs one",
		`"secrets":[{"sha256":"abc"}]`: "secrets[0].sha256: it must be the SHA-256",
		`"secrets":[{"sha256":"` + strings.ToUpper(sum) + `"}]`:         "secrets[0].sha256: it must be the SHA-256",
		`"secrets":[{"sha256":"` + sum + `"},{"sha256":"` + sum + `"}]`: "secrets[1].sha256: it is there twice",
		secret + `,"pkce":"none"`:                                       `pkce: "none" is not one of nonce`,
		secret + `,"id_token_signed_response_alg":"none"`:               "id_token_signed_response_alg",
		secret + `,"id_token_signed_response_alg":"HS256"`:              "id_token_signed_response_alg",
		secret + `,"scopes":["a b"]`:                                    `scopes[0]: "a b" is not a scope`,
		secret + `,"scopes":["a"],"default_scopes":["b"]`:               "default_scopes[0]",
		secret + `,"default_scopes":["admin"]`:                          "default_scopes[0]",
		secret + `,"default_resource":"nowhere"`:                        "default_resource: there is no resource",
		secret + `,"groups":["nobody"]`:                                 `groups[0]: there is no group "nobody"`,
		secret + `,"organisation":"evil"`:                               `organisation: there is no organisation "evil"`,
		secret + `,"logo_uri":"javascript:alert(1)"`:                    "logo_uri: it must be an https:// URL",
		secret + `,"policy_uri":"http://a.example/"`:                    "policy_uri: it must be an https:// URL",
		secret + `,"client_name":"a\u001b[31m"`:                         "client_name: it holds control characters",
		secret + `,"client_name":"` + strings.Repeat("a", 201) + `"`:    "client_name: it is over 200 bytes",
	} {
		cases = append(cases, struct{ kind, id, doc, fault string }{"client", "x", "{" + doc + "}", fault})
	}
	for _, id := range []string{"account", "system", "usr_0", "ses_x", "aut_1", "tok_1"} {
		cases = append(cases, struct{ kind, id, doc, fault string }{"client", id, "{" + secret + "}", "this id is reserved"})
	}
	refuse(t, cases)
}

func TestResourcesAreRefused(t *testing.T) { // S7, S9, S28
	cases := []struct{ kind, id, doc, fault string }{}
	for doc, fault := range map[string]string{
		``:                                                                          "identifier: it must be an https:// URL",
		`"identifier":"orders"`:                                                     "identifier: it must be an https:// URL",
		`"identifier":"urn:x"`:                                                      "identifier: it must be an https:// URL",
		`"identifier":"http://x.example"`:                                           "identifier: http:// is for loopback hosts only",
		`"identifier":"https://x.example#"`:                                         "identifier: it must not have a fragment",
		`"identifier":"https://x.example?a"`:                                        "identifier: it must not have a user or a query",
		`"identifier":"https://u@x.example"`:                                        "identifier: it must not have a user or a query",
		`"identifier":"https://X.example"`:                                          "identifier: write it as https://x.example",
		`"identifier":"https://x.example:443"`:                                      "identifier: write it as https://x.example",
		`"identifier":"https://x.example/a/"`:                                       "identifier: write it as https://x.example/a",
		`"identifier":"https://x.example/a/../b"`:                                   "identifier: its path must be plain",
		`"identifier":"https://x.example/%61"`:                                      "identifier: its path must be plain",
		`"identifier":"https://x.example//a"`:                                       "identifier: its path must be plain",
		`"identifier":"https://orders.example"`:                                     "identifier: it is that of orders",
		`"identifier":"` + issuer + `"`:                                             "identifier: it lies under the issuer's own address",
		`"identifier":"` + issuer + `/admin"`:                                       "identifier: it ",
		`"identifier":"` + issuer + `/userinfo"`:                                    "identifier: it lies under the issuer's own address",
		`"identifier":"` + issuer + `:8443","upstream":{"url":"http://a"}`:          "an application on the issuer's host would be sent its cookies",
		at + `,"kind":"apps"`:                                                       `kind: "apps" is not one of app, service; did you mean app?`,
		at + `,"criticality":"crit"`:                                                "criticality",
		at + `,"organisation":"evil"`:                                               "organisation: there is no organisation",
		at + `,"server":"nobody"`:                                                   `server: there is no client "nobody"`,
		at + `,"scopes":[{"name":"a b"}]`:                                           "scopes[0].name",
		at + `,"scopes":[{"name":"a"},{"name":"a"}]`:                                "scopes[1]: a is there twice",
		at + `,"token":{"format":"saml"}`:                                           "token.format",
		at + `,"token":{"algorithm":"HS256"}`:                                       "token.algorithm",
		at + `,"token":{"algorithm":"none"}`:                                        "token.algorithm",
		at + `,"token":{"lifetime":"1s"}`:                                           "token.lifetime: 1s is not between",
		at + `,"token":{"lifetime":"48h"}`:                                          "token.lifetime: 48h0m0s is not between",
		at + `,"token":{"lifetime":"-5m"}`:                                          "token.lifetime",
		at + `,"token":{"session":"1000h"}`:                                         "token.session",
		at + `,"token":{"claims":["aud"]}`:                                          `token.claims[0]: "aud" is in every token already`,
		at + `,"token":{"claims":["a b"]}`:                                          "token.claims[0]",
		at + `,"upstream":{"url":"ftp://a"}`:                                        "upstream.url: its scheme",
		at + `,"upstream":{"url":"http://u:p@a"}`:                                   "upstream.url: it must not have a user",
		at + `,"upstream":{"url":"unix://a/b"}`:                                     "upstream.url: a socket is written",
		at + `,"upstream":{"url":"http:///x"}`:                                      "upstream.url: it must have a host",
		at + `,"upstream":{"url":"http://a","timeout":"-1s"}`:                       "upstream.timeout",
		at + `,"upstream":{"url":"http://a","ca_file":"ca.pem"}`:                    "upstream.ca_file",
		at + `,"upstream":{"url":"http://a","headers":{"authorization":"sub"}}`:     "authorization is not for an upstream",
		at + `,"upstream":{"url":"http://a","headers":{"X_User":"sub"}}`:            `"X_User" is not a header name`,
		at + `,"upstream":{"url":"http://a","headers":{"X-User: a\r\nEvil":"sub"}}`: "is not a header name",
	} {
		cases = append(cases, struct{ kind, id, doc, fault string }{"resource", "x", "{" + doc + "}", fault})
	}
	for _, id := range []string{"admin", "signals", "userinfo"} {
		cases = append(cases, struct{ kind, id, doc, fault string }{"resource", id, "{" + at + "}", "this id is "})
	}
	refuse(t, cases)
}

const at = `"identifier":"https://x.example"`

func TestWhatIsNamedMustExist(t *testing.T) { // S4
	refuse(t, []struct{ kind, id, doc, fault string }{
		{"group", "x", `{"parents":["x"]}`, "parents: the group is in itself"},
		{"group", "staff", `{"parents":["finance"]}`, "parents: the group is in itself"},
		{"group", "x", `{"parents":["nobody"]}`, `parents[0]: there is no group "nobody"`},
		{"policy", "x", `{"text":"forbid (principal in Group::\"nobody\", action, resource);"}`, `policy x:1:1: policy x#1: there is no Group::"nobody"`},
		{"policy", "x", `{"text":"@id(\"administrators\") permit (principal, action, resource);"}`, "another policy has this name"},
	})
	c, _ := open(t)
	put(t, c, append(neighbours(), rule("p", `permit (principal in Group::"finance", action == Action::"access", resource == Resource::"orders");`))...)
	for _, e := range []struct{ kind, id string }{{"group", "staff"}, {"group", "finance"}, {"client", "orders"}, {"resource", "orders"}} {
		err := c.Put(context.Background(), "root", "", catalog.Edit{Kind: e.kind, ID: e.id, Delete: true, Was: catalog.Whatever})
		if kindOf(err) != symbolon.Invalid {
			t.Errorf("%s %s is in use, and can be deleted: %v", e.kind, e.id, err)
		}
	}
}

// refuse puts each document beside the neighbours and wants it refused for its fault alone.
func refuse(t *testing.T, cases []struct{ kind, id, doc, fault string }) {
	t.Helper()
	c, _ := open(t)
	put(t, c, neighbours()...)
	for i, q := range cases {
		t.Run(fmt.Sprintf("%d %s", i, q.fault), func(t *testing.T) {
			err := c.Check(context.Background(), edit(q.kind, q.id, q.doc))
			if kindOf(err) != symbolon.Invalid || !strings.Contains(err.Error(), q.fault) {
				t.Errorf("%s\n got %v\nwant %s", q.doc, err, q.fault)
			}
		})
	}
}

func TestGoodDocumentsAreTaken(t *testing.T) { // S14, S17
	c, _ := open(t)
	put(t, c, neighbours()...)
	put(t, c,
		edit(symbolon.KindClient, "web", `{"client_id":"web","client_name":"Web","organisation":"acme","groups":["finance"],"secrets":[{"sha256":"`+sum+`","expires":"2030-01-01T00:00:00Z"}],
			"redirect_uris":["https://a.example/cb?x=1","http://127.0.0.1/cb","http://[::1]:9/cb","http://app.localhost:8080/cb","com.example.app:/cb"],
			"grant_types":["authorization_code","refresh_token"],"scopes":["openid","orders.read"],"default_scopes":["openid"],
			"default_resource":"orders","pkce":"nonce","id_token_signed_response_alg":"RS256","logo_uri":"https://a.example/logo.png"}`),
		edit(symbolon.KindClient, "spa", `{"token_endpoint_auth_method":"none","redirect_uris":["https://spa.example/"]}`),
		edit(symbolon.KindClient, "old", `{"disabled":true}`),
		edit(symbolon.KindResource, "wiki", `{"identifier":"https://wiki.example:8443/a/b","kind":"app","zone":"internal","criticality":"critical","organisation":"acme",
			"scopes":[{"name":"read","description":"read pages"}],"token":{"format":"jwt","lifetime":"5m","session":"8h","algorithm":"EdDSA","claims":["email","cost_centre"]},
			"upstream":{"url":"unix:///run/wiki.sock","headers":{"X-User":"sub"},"timeout":"30s","ca_file":"/etc/ca.pem"}}`),
		edit(symbolon.KindGroup, "administrators", `{"description":"ours","parents":["staff"]}`))
	s := c.Current()
	if web, ok := s.Client("web"); !ok || web.PKCE != "nonce" || web.Secrets[0].Expires.Year() != 2030 {
		t.Errorf("got %+v", web)
	}
	if orders, _ := s.Resource("orders"); orders.Kind != "service" || orders.Criticality != "normal" {
		t.Errorf("defaults are not filled in: %+v", orders)
	}
	for _, uri := range []string{"https://orders.example", "https://orders.example/", "https://wiki.example:8443/a/b", issuer + "/admin", issuer + "/ssf"} {
		if _, ok := s.ByIdentifier(uri); !ok {
			t.Errorf("%s is not found", uri)
		}
	}
	for _, uri := range []string{"https://orders.example//", "https://ORDERS.example", "https://wiki.example:8443/a/b/", "https://wiki.example:8443", ""} {
		if _, ok := s.ByIdentifier(uri); ok {
			t.Errorf("%q is found", uri)
		}
	}
}

// FuzzPut: whatever a document holds, nothing panics, and what is taken is kept in one form.
func FuzzPut(f *testing.F) {
	for _, doc := range []string{`{"client_id":"x",` + secret + `}`, `{"identifier":"https://x.example"}`, `{"text":"permit (principal, action, resource);"}`, `{"parents":["administrators"]}`, `{"a":{"b":[null]}}`} {
		for _, kind := range catalog.Kinds {
			f.Add(kind, doc)
		}
	}
	c, err := catalog.Open(context.Background(), &memory{}, catalog.Options{Issuer: issuer})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind, doc string) {
		if c.Check(context.Background(), edit(kind, "x", doc)) != nil {
			return
		}
		edits, _ := catalog.Plan(nil, []catalog.Edit{edit(kind, "x", doc)}, false)
		if len(edits) != 1 || !json.Valid(edits[0].Doc) {
			t.Fatalf("%q is taken, and plans %v", doc, edits)
		}
	})
}

// memory is a store of nothing, to fuzz on.
type memory struct{}

func (memory) Objects(context.Context, ...string) ([]symbolon.Object, error) { return nil, nil }
func (memory) Commit(context.Context, ...symbolon.Change) error              { return nil }
