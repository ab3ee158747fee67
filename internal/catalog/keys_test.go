package catalog_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
)

const point = `{"kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}`

func anchors(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return string(text)
}

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func trusting(t *testing.T) string {
	return `{"name":"Acme","trust":[{"name":"pki","anchors":` + anchors(t) + `},{"name":"cluster","issuer":"https://cluster.example"},
		{"name":"mesh","trust_domain":"acme.example","jwks_uri":"https://mesh.example/bundle"}]}`
}

func TestKeysAndTrustAreHeldToTheirMethods(t *testing.T) { // S12, S13
	c, _ := open(t)
	put(t, c, edit(symbolon.KindOrganisation, "acme", trusting(t)), edit(symbolon.KindOrganisation, "bolt", `{}`))
	const ours = `"organisation":"acme",`
	for doc, fault := range map[string]string{
		`{"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[` + point + `]}}`:                                                        "",
		`{"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://a.example/jwks","token_endpoint_audience":true}`:                     "",
		`{"token_endpoint_auth_method":"self_signed_tls_client_auth","jwks_uri":"https://a.example/jwks"}`:                                        "",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_subject_dn":"CN=x,O=Acme"}`:                   "",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_san_dns":"x.example"}`:                        "",
		`{` + ours + `"token_endpoint_auth_method":"workload_jwt","trust":"cluster","workload_subjects":["system:serviceaccount:shop:*"]}`:        "",
		`{` + ours + `"token_endpoint_auth_method":"spiffe_jwt","trust":"mesh","workload_subjects":["spiffe://acme.example/a/*"]}`:                "",
		`{"token_endpoint_auth_method":"private_key_jwt"}`:                                                                                        "jwks: the method needs jwks or jwks_uri",
		`{"token_endpoint_auth_method":"client_secret_jwt"}`:                                                                                      `"client_secret_jwt" is not one of`,
		`{"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[` + point + `]},"jwks_uri":"https://a.example/jwks"}`:                    "jwks: it must not be given beside jwks_uri",
		`{"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}}`:                                             "jwks: it holds a private or symmetric key",
		`{"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[]}}`:                                                                     "jwks: it holds no key that can be used",
		`{"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"http://a.example/jwks"}`:                                                     "jwks_uri: it must be an https:// URL",
		`{"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://a.example/jwks",` + secret + `}`:                                     "secrets: a client of token_endpoint_auth_method private_key_jwt has none",
		`{"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://a.example/jwks","token_endpoint_auth_signing_alg":"HS256"}`:          `token_endpoint_auth_signing_alg: "HS256" is not one of`,
		`{"token_endpoint_auth_method":"self_signed_tls_client_auth","jwks":{"keys":[` + point + `]}}`:                                            "jwks: no key has its certificate",
		`{` + secret + `,"token_endpoint_audience":true}`:                                                                                         "token_endpoint_audience: it means nothing with this",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"pki"}`:                                                              "exactly one of the tls_client_auth members",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_san_dns":"x","tls_client_auth_san_ip":"::1"}`: "exactly one of the tls_client_auth members",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_subject_dn":"x"}`:                             "tls_client_auth_subject_dn: the distinguished name",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_san_dns":"*.example"}`:                        "it is compared exactly",
		`{` + ours + `"token_endpoint_auth_method":"tls_client_auth","trust":"cluster","tls_client_auth_san_dns":"x"}`:                            "trust: the method needs one with anchors",
		`{"organisation":"bolt","token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_san_dns":"x"}`:                      `trust: its organisation has no trust "pki"`,
		`{"token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_san_dns":"x"}`:                                            `trust: its organisation has no trust "pki"`,
		`{` + ours + `"token_endpoint_auth_method":"workload_jwt","trust":"cluster"}`:                                                             "workload_subjects: the method needs",
		`{` + ours + `"token_endpoint_auth_method":"workload_jwt","trust":"cluster","workload_subjects":["*"]}`:                                   "workload_subjects[0]",
		`{` + ours + `"token_endpoint_auth_method":"workload_jwt","trust":"cluster","workload_subjects":["system:*:x:y"]}`:                        "workload_subjects[0]",
		`{` + ours + `"token_endpoint_auth_method":"spiffe_x509","trust":"mesh","workload_subjects":["spiffe://other.example/a"]}`:                "workload_subjects[0]",
		`{` + ours + `"token_endpoint_auth_method":"spiffe_x509","trust":"mesh","workload_subjects":["spiffe://*"]}`:                              "workload_subjects[0]",
	} {
		err := c.Check(t.Context(), edit(symbolon.KindClient, "x", doc))
		switch {
		case fault == "" && err != nil:
			t.Errorf("%s\n got %v", doc, err)
		case fault != "" && (kindOf(err) != symbolon.Invalid || !contains(err, fault)):
			t.Errorf("%s\n got %v\nwant %s", doc, err, fault)
		}
	}
}

func TestTrustIsReadStrictly(t *testing.T) { // S13
	c, _ := open(t)
	for trust, fault := range map[string]string{
		`{"name":"a"}`: "trust[0].it needs an issuer, a trust_domain or anchors",
		`{"name":""}`:  "trust[0].name: ",
		`{"name":"a","issuer":"http://a.example"}`:                                            "trust[0].issuer: it must be an https:// URL",
		`{"name":"a","anchors":"x"}`:                                                          "trust[0].anchors: it holds no PEM certificate",
		`{"name":"a","trust_domain":"A.example","jwks_uri":"https://a.example"}`:              "trust[0].trust_domain: it is a name in lower case",
		`{"name":"a","trust_domain":"a.example"}`:                                             "trust[0].trust_domain: its keys are missing",
		`{"name":"a","issuer":"https://a.example"},{"name":"a","issuer":"https://a.example"}`: "trust[1]: a is there twice",
		`{"name":"a","isuer":"https://a.example"}`:                                            "trust[0].isuer: unknown field; did you mean issuer?",
	} {
		if err := c.Check(t.Context(), edit(symbolon.KindOrganisation, "acme", `{"trust":[`+trust+`]}`)); !contains(err, fault) {
			t.Errorf("%s\n got %v\nwant %s", trust, err, fault)
		}
	}
}

// An organisation in use keeps the trust that its clients live on, and brokers see none of it.
func TestTrustInUseStays(t *testing.T) {
	c, _ := open(t)
	put(t, c, edit(symbolon.KindOrganisation, "acme", trusting(t)),
		edit(symbolon.KindClient, "x", `{"organisation":"acme","token_endpoint_auth_method":"tls_client_auth","trust":"pki","tls_client_auth_san_dns":"x.example"}`))
	if err := c.Check(t.Context(), edit(symbolon.KindOrganisation, "acme", `{"name":"Acme"}`)); !contains(err, `client x: trust: its organisation has no trust "pki"`) {
		t.Error(err)
	}
	v := c.Current().Export()
	if len(v.Organisations) != 1 || v.Organisations[0].Trust != nil {
		t.Errorf("%+v", v.Organisations)
	}
	found, _ := c.Current().Client("x")
	if trust, ok := c.Current().Trust(found); !ok || trust.Name != "pki" {
		t.Error("the export changed the snapshot")
	}
}

// S5: a client that describes itself is held to what declared ones are.
func TestWhatDescribesItselfIsHeldToTheRules(t *testing.T) {
	c, _ := open(t)
	good := symbolon.Client{ID: "https://app.example/client", AuthMethod: "none", RedirectURIs: []string{"https://app.example/cb"}, GrantTypes: []string{"authorization_code"}}
	if err := c.Current().Admit(&good); err != nil {
		t.Error(err)
	}
	good.RedirectURIs = []string{"javascript:alert(1)"}
	if err := c.Current().Admit(&good); kindOf(err) != symbolon.Invalid {
		t.Error(err)
	}
}
