package client_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
)

const cluster = "https://cluster.example"

func workloadClaims(changes ...object) object {
	good := object{"iss": cluster, "sub": "system:serviceaccount:shop:orders", "jti": nil,
		"kubernetes.io": object{"namespace": "shop", "serviceaccount": object{"name": "orders"}}, "exp": noon.Add(time.Hour).Unix()}
	return claims("", append([]object{good}, changes...)...)
}

// S12: a cluster vouches for its service accounts, and for no others.
func TestAPlatformVouchesForAWorkload(t *testing.T) {
	keys := jwksOf("RS256")
	away := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Host + r.URL.Path {
		case "cluster.example/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(object{"issuer": cluster, "jwks_uri": "https://api.cluster.example/openid/v1/jwks"})
		case "api.cluster.example/openid/v1/jwks":
			_, _ = w.Write(keys)
		case "liar.example/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(object{"issuer": cluster, "jwks_uri": "https://api.cluster.example/openid/v1/jwks"})
		case "plain.example/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(object{"issuer": "https://plain.example", "jwks_uri": "http://api.cluster.example/openid/v1/jwks"})
		default:
			http.NotFound(w, r)
		}
	})
	s := newServer(t, func(_ *server, c *client.Config) { c.HTTP = away.Client })
	s.known.trusts = map[string]*symbolon.Trust{
		"cluster": {Name: "cluster", Issuer: cluster}, "declared": {Name: "declared", Issuer: cluster, JWKS: keys},
		"liar": {Name: "liar", Issuer: "https://liar.example"}, "plain": {Name: "plain", Issuer: "https://plain.example"},
		"down": {Name: "down", Issuer: "https://down.example"}, "pki": {Name: "pki", Anchors: "x"},
	}
	for id, trust := range map[string]string{"orders": "cluster", "static": "declared", "liar": "liar", "plain": "plain", "down": "down", "odd": "pki", "alone": ""} {
		s.register(&symbolon.Client{ID: symbolon.ClientID(id), AuthMethod: "workload_jwt", ClientKeys: symbolon.ClientKeys{Trust: trust,
			Subjects: []string{"system:serviceaccount:shop:orders", "system:serviceaccount:canary:*"}}})
	}
	s.register(keyed("own", keys))
	signed := func(id string, changes ...object) url.Values {
		return asserted(pairs()["RS256"].compact(object{"alg": "RS256", "kid": "rs"}, workloadClaims(changes...)), "client_id", id)
	}
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"keys by discovery":             {signed("orders"), "orders"},
		"again, for it is no one's own": {signed("orders"), "orders"},
		"keys declared":                 {signed("static"), "static"},
		"any in a namespace":            {signed("static", object{"sub": "system:serviceaccount:canary:anything"}), "static"},
		"no name in a namespace":        {signed("static", object{"sub": "system:serviceaccount:canary:"}), "invalid_client"},
		"a name with a colon":           {signed("static", object{"sub": "system:serviceaccount:canary:a:b"}), "invalid_client"},
		"another account":               {signed("orders", object{"sub": "system:serviceaccount:shop:billing"}), "invalid_client"},
		"the star itself":               {signed("orders", object{"sub": "system:serviceaccount:canary:*"}), "invalid_client"},
		"another cluster":               {signed("orders", object{"iss": "https://evil.example"}), "invalid_client"},
		"for the cluster itself":        {signed("orders", object{"aud": cluster}), "invalid_client"},
		"for us and others":             {signed("orders", object{"aud": []string{issuer, cluster}}), "invalid_client"},
		"expired":                       {signed("orders", object{"exp": noon.Unix()}), "invalid_client"},
		"for a year":                    {signed("orders", object{"exp": noon.Add(365 * 24 * time.Hour).Unix()}), "invalid_client"},
		"signed by another":             {asserted(pairs()["other"].assertion(workloadClaims()), "client_id", "orders"), "invalid_client"},
		"without naming the client":     {asserted(pairs()["RS256"].assertion(workloadClaims())), "invalid_client"},
		"at a client with its own key":  {signed("own"), "invalid_client"},
		"a trust without an issuer":     {signed("odd"), "invalid_client"},
		"no trust":                      {signed("alone"), "invalid_client"},
		"discovery of another issuer":   {signed("liar", object{"iss": "https://liar.example"}), "invalid_client"},
		"keys over plain HTTP":          {signed("plain", object{"iss": "https://plain.example"}), "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *s
			in.TB = t
			if got := in.sent(c.form); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if got := s.sent(signed("down", object{"iss": "https://down.example"})); got != "" {
		t.Errorf("an issuer that cannot be reached is no fault of the client: %q", got)
	}
	if away.count(cluster+"/.well-known/openid-configuration") != 1 || away.count("https://api.cluster.example/openid/v1/jwks") > 2 {
		t.Error(away.asked)
	}
}

const workload = "spiffe://example.org/shop/orders"

// SPIFFE JWT-SVID §3, OAuth SPIFFE Client Authentication §3.1
func TestAJWTSVIDProvesAWorkload(t *testing.T) {
	bundle := pairs()["ES256"].jwk()
	bundle["use"] = "jwt-svid"
	other := pairs()["other"].jwk()
	s := newServer(t, func(*server, *client.Config) {})
	s.known.trusts["mesh"] = &symbolon.Trust{Name: "mesh", TrustDomain: "example.org", JWKS: jwks(bundle, other)}
	s.register(&symbolon.Client{ID: workload, AuthMethod: "spiffe_jwt", ClientKeys: symbolon.ClientKeys{Trust: "mesh", Subjects: []string{workload}}},
		&symbolon.Client{ID: "any", AuthMethod: "spiffe_jwt", ClientKeys: symbolon.ClientKeys{Trust: "mesh", Subjects: []string{"spiffe://example.org/shop/*", "spiffe://example.com/x"}}})
	svid := func(id string, changes ...object) url.Values {
		token := pairs()["ES256"].compact(object{"alg": "ES256", "kid": "es", "typ": "JWT"},
			claims("", append([]object{{"iss": nil, "sub": workload, "jti": nil}}, changes...)...))
		values := form("client_assertion_type", asSPIFFE, "client_assertion", token)
		if id != "" {
			values.Set("client_id", id)
		}
		return values
	}
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"the id is the client":     {svid(""), workload},
		"shown again":              {svid(""), workload},
		"a client of another name": {svid("any"), "any"},
		"another path":             {svid("any", object{"sub": "spiffe://example.org/bank/orders"}), "invalid_client"},
		"a deeper path":            {svid("any", object{"sub": "spiffe://example.org/shop/orders/x"}), "invalid_client"},
		"a path that walks":        {svid("any", object{"sub": "spiffe://example.org/shop/.."}), "invalid_client"},
		"an empty segment":         {svid("any", object{"sub": "spiffe://example.org/shop/"}), "invalid_client"},
		"escapes":                  {svid("any", object{"sub": "spiffe://example.org/shop/%6frders"}), "invalid_client"},
		"another trust domain":     {svid("any", object{"sub": "spiffe://example.com/x"}), "invalid_client"},
		"a domain that begins so":  {svid("any", object{"sub": "spiffe://example.org.evil/shop/orders"}), "invalid_client"},
		"another audience":         {svid("any", object{"aud": "https://other.example"}), "invalid_client"},
		"expired":                  {svid("any", object{"exp": noon.Unix()}), "invalid_client"},
		"as a common assertion":    {asserted(pairs()["ES256"].assertion(claims("", object{"sub": workload})), "client_id", "any"), "invalid_client"},
		"a key for something else": {form("client_id", "any", "client_assertion_type", asSPIFFE, "client_assertion",
			pairs()["other"].assertion(claims("", object{"sub": workload}))), "invalid_client"},
	} {
		if got := s.sent(c.form); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// SPIFFE X.509-SVID §5, OAuth SPIFFE Client Authentication §3.2
func TestAnX509SVIDProvesAWorkload(t *testing.T) {
	ours, theirs := newAuthority("mesh"), newAuthority("mesh")
	s := newServer(t, func(*server, *client.Config) {})
	s.known.trusts["pem"] = &symbolon.Trust{Name: "pem", TrustDomain: "example.org", Anchors: ours.pem()}
	s.known.trusts["bundle"] = &symbolon.Trust{Name: "bundle", TrustDomain: "example.org", JWKS: jwks(object{"use": "x509-svid", "kty": "EC",
		"x5c": []string{base64.StdEncoding.EncodeToString(ours.cert.Raw)}})}
	for _, trust := range []string{"pem", "bundle"} {
		s.register(&symbolon.Client{ID: symbolon.ClientID(trust), AuthMethod: "spiffe_x509", ClientKeys: symbolon.ClientKeys{Trust: trust, Subjects: []string{workload}}})
	}
	svid := func(c *x509.Certificate) { c.URIs = uri(workload) }
	with := func(change func(*x509.Certificate)) *x509.Certificate {
		return ours.issue(func(c *x509.Certificate) { svid(c); change(c) })
	}
	for name, c := range map[string]struct {
		id   string
		cert *x509.Certificate
		want string
	}{
		"an anchor in PEM":    {"pem", ours.issue(svid), "pem"},
		"an anchor in bundle": {"bundle", ours.issue(svid), "bundle"},
		"another authority":   {"pem", theirs.issue(svid), "invalid_client"},
		"another workload":    {"pem", ours.issue(func(c *x509.Certificate) { c.URIs = uri("spiffe://example.org/shop/billing") }), "invalid_client"},
		"another domain":      {"pem", ours.issue(func(c *x509.Certificate) { c.URIs = uri("spiffe://example.com/shop/orders") }), "invalid_client"},
		"two URIs":            {"pem", ours.issue(func(c *x509.Certificate) { c.URIs = append(uri(workload), uri("spiffe://example.org/x")...) }), "invalid_client"},
		"no URI":              {"pem", ours.issue(func(*x509.Certificate) {}), "invalid_client"},
		"an authority":        {"pem", with(func(c *x509.Certificate) { c.IsCA = true }), "invalid_client"},
		"signs certificates":  {"pem", with(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign; c.IsCA = true }), "invalid_client"},
		"signs nothing":       {"pem", with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), "invalid_client"},
		"expired":             {"pem", with(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }), "invalid_client"},
	} {
		if got := s.sent(form("client_id", c.id), c.cert); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
