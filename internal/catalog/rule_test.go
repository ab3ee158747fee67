package catalog_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/store/storetest"
)

func ruled(t *testing.T, outbound *http.Client) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), storetest.SQLite(t), catalog.Options{Issuer: "https://id.example", Outbound: outbound})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// S26, S27: what a rule says is refused when it is declared, not when it is used.
func TestATokensRuleIsHeldToItsZone(t *testing.T) {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, _ := jose.JSONWebKey{Key: private.Public()}.MarshalJSON()
	const secret = `"secrets":[{"sha256":"abababababababababababababababababababababababababababababababab"}]`
	base := []catalog.Edit{
		edit("client", "server", `{`+secret+`}`),
		edit("resource", "inside", `{"identifier":"https://inside.example","zone":"internal","token":{"format":"jwt","lifetime":"5m","claims":["email","groups"]}}`),
		edit("resource", "fronted", `{"identifier":"https://fronted.example","upstream":{"url":"http://127.0.0.1:1"},"token":{"claims":["email"]}}`),
		edit("resource", "paired", `{"identifier":"https://paired.example","server":"server","scopes":[{"name":"pay"}],"token":{"subject":"pairwise"}}`),
	}
	c := ruled(t, nil)
	if err := c.Put(t.Context(), "test", "", base...); err != nil {
		t.Fatal(err)
	}
	resource := func(more string) catalog.Edit {
		return edit("resource", "r", `{"identifier":"https://r.example",`+more+`}`)
	}
	client := func(more string) catalog.Edit { return edit("client", "c", `{`+secret+`,`+more+`}`) }
	upstream := `"upstream":{"url":"http://127.0.0.1:1"}`
	for name, edit := range map[string]catalog.Edit{
		"a mapping":                         resource(`"token":{"format":"jwt","mappings":[{"claim":"unit","expr":"user.department"}]}`),
		"an attribute outside":              resource(`"token":{"claims":["office"]}`),
		"a name inside":                     resource(`"zone":"internal","token":{"mappings":[{"claim":"display","expr":"user.name","pii":true}]}`),
		"a name behind a broker":            resource(upstream + `,"token":{"claims":["name"]}`),
		"a key":                             resource(`"token":{"format":"jwe","encryption":{"key":` + string(key) + `}}`),
		"a hook that tells nobody's name":   resource(`"token":{"hook":{"url":"https://facts.example/x","anonymous":true},"mappings":[{"claim":"tier","expr":"hook.tier"}]}`),
		"tokens within":                     resource(`"token":{"embed":["inside","paired"]}`),
		"a widening":                        resource(`"scopes":[{"name":"pay"}],"widening":[{"name":"refunds","client":"server","from":"inside","scopes":["pay"]}]`),
		"a client's shorter rule":           client(`"tokens":{"inside":{"lifetime":"1m","format":"opaque","claims":["groups"],"algorithm":"EdDSA"},"*":{"lifetime":"2m"}}`),
		"a client's JWT where zones say so": client(`"tokens":{"paired":{"format":"jwt"}}`),
		"a pairwise client":                 client(`"subject_type":"pairwise","redirect_uris":["https://a.example/1","https://a.example/2"]`),
	} {
		if err := c.Check(t.Context(), edit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, refused := range map[string]struct {
		edit catalog.Edit
		says string
	}{
		"an address outside":               {resource(`"token":{"claims":["email"]}`), "personal"},
		"a name outside, opaque or not":    {resource(`"zone":"external","token":{"format":"opaque","claims":["name"]}`), "personal"},
		"a name in a JWT clients read":     {resource(upstream + `,"token":{"format":"jwt","claims":["name"]}`), "personal"},
		"a mapping labelled personal":      {resource(`"token":{"mappings":[{"claim":"x","expr":"'y'","pii":true}]}`), "personal"},
		"a mapping of a personal name":     {resource(`"token":{"mappings":[{"claim":"email","expr":"'y'"}]}`), "personal"},
		"an expression that reads one":     {resource(`"token":{"mappings":[{"claim":"x","expr":"user.email"}]}`), "mappings[0].expr"},
		"a hook that may tell a name":      {resource(`"token":{"hook":{"url":"https://facts.example"},"mappings":[{"claim":"x","expr":"hook.y"}]}`), "mappings[0].expr"},
		"a hook in the clear":              {resource(`"token":{"hook":{"url":"http://facts.example"}}`), "https"},
		"an expression that is none":       {resource(`"token":{"mappings":[{"claim":"x","expr":"user."}]}`), "mappings[0].expr"},
		"a claim of the issuer's":          {resource(`"token":{"mappings":[{"claim":"embedded","expr":"'y'"}]}`), "issuer itself"},
		"a registered claim":               {resource(`"token":{"mappings":[{"claim":"sub","expr":"'root'"}]}`), "in every token"},
		"a claim twice":                    {resource(`"token":{"claims":["x"],"mappings":[{"claim":"x","expr":"'y'"}]}`), "twice"},
		"jwe without a key":                {resource(`"token":{"format":"jwe"}`), "needs the key"},
		"a private key":                    {resource(`"token":{"encryption":{"key":{"kty":"oct","k":"AAAA"}}}`), "encryption"},
		"a token within itself":            {resource(`"token":{"embed":["r"]}`), "another resource"},
		"tokens within what clients read":  {resource(`"token":{"format":"jwt","embed":["fronted"]}`), "holders"},
		"a widening by nobody":             {resource(`"widening":[{"name":"x","client":"nobody","from":"inside","scopes":["pay"]}]`), "widening[0]"},
		"two sectors of one server":        {resource(`"server":"server","token":{"subject":"pairwise"}`), "join"},
		"public and pairwise, one server":  {resource(`"server":"server"`), "join"},
		"an unknown zone":                  {resource(`"zone":"moon"`), "zone"},
		"an unknown format":                {resource(`"token":{"format":"saml"}`), "format"},
		"a client's longer rule":           {client(`"tokens":{"inside":{"lifetime":"1h"}}`), "longer"},
		"a client's own mapping":           {client(`"tokens":{"inside":{"mappings":[{"claim":"x","expr":"'y'"}]}}`), "the resource's"},
		"a client's claim nobody asks for": {client(`"tokens":{"inside":{"claims":["office"]}}`), "asks for no"},
		"a client's JWT from a broker's":   {client(`"tokens":{"fronted":{"format":"jwt"}}`), "would read"},
		"a client's JWTs everywhere":       {client(`"tokens":{"*":{"format":"jwt"}}`), "opaque"},
		"a client's rule of nothing":       {client(`"tokens":{"nowhere":{"lifetime":"1m"}}`), "no resource"},
		"two hosts without a sector":       {client(`"subject_type":"pairwise","redirect_uris":["https://a.example/1","https://b.example/2"]`), "sector_identifier_uri"},
		"a sector of a public client":      {client(`"sector_identifier_uri":"https://a.example/s"`), "pairwise"},
		"a pairwise broker":                {client(`"subject_type":"pairwise","broker":true`), "broker"},
		"a sector nobody can ask":          {client(`"subject_type":"pairwise","sector_identifier_uri":"https://a.example/s"`), "sector_identifier_uri"},
	} {
		if err := c.Check(t.Context(), refused.edit); err == nil || !strings.Contains(err.Error(), refused.says) {
			t.Errorf("%s: %v; want %q", name, err, refused.says)
		}
	}
}

// OpenID Connect Core 1.0 §8.1: a sector lists every redirect URI.
func TestASectorIsAsked(t *testing.T) {
	var answer string
	asked := 0
	sector := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(answer))
	}))
	defer sector.Close()
	c := ruled(t, sector.Client())
	put := func(redirects, name string) error {
		return c.Put(t.Context(), "test", "", edit("client", "c", `{"client_name":"`+name+`","secrets":[{"sha256":"abababababababababababababababababababababababababababababababab"}],
			"subject_type":"pairwise","sector_identifier_uri":"`+sector.URL+`/s","redirect_uris":`+redirects+`}`))
	}
	for _, wrong := range []string{``, `{}`, `["https://a.example/1"]`, `"https://a.example/1"`, `[` + strings.Repeat(" ", 70<<10) + `]`} {
		answer = wrong
		if err := put(`["https://a.example/1","https://b.example/2"]`, ""); err == nil {
			t.Errorf("%.30q was enough", wrong)
		}
	}
	answer = `["https://a.example/1","https://b.example/2"]`
	if err := put(answer, ""); err != nil {
		t.Fatal(err)
	}
	if v, _ := c.Current().Client("c"); catalog.Sector(v) != "127.0.0.1" {
		t.Errorf("sector %q", catalog.Sector(v))
	}
	before := asked
	if err := put(answer, "another name"); err != nil || asked != before {
		t.Errorf("%v; asked %d times more", err, asked-before)
	}
}
