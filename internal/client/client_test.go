package client_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// registry is a catalog snapshot, shrunk.
type registry map[symbolon.ClientID]*symbolon.Client

func (r registry) Client(id symbolon.ClientID) (*symbolon.Client, bool) {
	c, ok := r[id]
	return c, ok
}

func (r registry) Trust(*symbolon.Client) (*symbolon.Trust, bool) { return nil, false }

func secret(plain string, expires time.Time) symbolon.ClientSecret {
	hash := symbolon.HashOf(plain)
	return symbolon.ClientSecret{SHA256: hex.EncodeToString(hash[:]), Expires: expires}
}

func registered() registry {
	return registry{
		"orders": {ID: "orders", Secrets: []symbolon.ClientSecret{
			secret("symk_old", noon.Add(-time.Second)), secret("symk_current", noon.Add(time.Hour)), secret("symk_next", time.Time{}),
		}},
		"basic":      {ID: "basic", AuthMethod: "client_secret_basic", Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}},
		"post":       {ID: "post", AuthMethod: "client_secret_post", Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}},
		"spa":        {ID: "spa", AuthMethod: "none"},
		"spa-secret": {ID: "spa-secret", AuthMethod: "none", Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}},
		"gone":       {ID: "gone", Disabled: true, Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}},
		"gone-spa":   {ID: "gone-spa", AuthMethod: "none", Disabled: true},
		"key":        {ID: "key", AuthMethod: "private_key_jwt", Secrets: []symbolon.ClientSecret{secret("s", time.Time{})}},
		"bare":       {ID: "bare"},
		"broken":     {ID: "broken", Secrets: []symbolon.ClientSecret{{SHA256: "not hex"}, {SHA256: strings.Repeat("g", 64)}, {}}},
		"a:b c+d%":   {ID: "a:b c+d%", Secrets: []symbolon.ClientSecret{secret("ü:& =", time.Time{})}},
		"upper":      {ID: "upper", Secrets: []symbolon.ClientSecret{{SHA256: strings.ToUpper(secret("s", time.Time{}).SHA256)}}},
	}
}

func authenticator() *client.Authenticator {
	known := registered()
	return client.New(func() client.Clients { return known }, func() time.Time { return noon })
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func rawBasic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

type sent struct {
	headers []string
	form    url.Values
	query   string
}

func (s sent) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/token?"+s.query, nil)
	for _, h := range s.headers {
		r.Header.Add("Authorization", h)
	}
	return r
}

func form(pairs ...string) url.Values {
	values := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		values.Add(pairs[n], pairs[n+1])
	}
	return values
}

// RFC 6749 §2.3, S12, S18
func TestOneClientProvesItselfByTheMethodItIsRegisteredFor(t *testing.T) {
	header := func(h ...string) sent { return sent{headers: h} }
	body := func(pairs ...string) sent { return sent{form: form(pairs...)} }
	both := func(h string, pairs ...string) sent { return sent{headers: []string{h}, form: form(pairs...)} }
	for name, c := range map[string]struct {
		sent sent
		want string // the client's id, or the error's code
	}{
		"basic with a current secret":         {header(basic("orders", "symk_current")), "orders"},
		"basic with the next secret":          {header(basic("orders", "symk_next")), "orders"},
		"post with either secret":             {body("client_id", "orders", "client_secret", "symk_next"), "orders"},
		"scheme in any case, more spaces":     {header("bAsIc  " + strings.TrimPrefix(basic("orders", "symk_next"), "Basic ")), "orders"},
		"everything form-encoded":             {header(basic("a:b c+d%", "ü:& =")), "a:b c+d%"},
		"the body may repeat the id":          {both(basic("orders", "symk_next"), "client_id", "orders"), "orders"},
		"a hash in upper case":                {header(basic("upper", "s")), "upper"},
		"a public client names itself":        {body("client_id", "spa"), "spa"},
		"an expired secret":                   {header(basic("orders", "symk_old")), "invalid_client"},
		"a wrong secret":                      {header(basic("orders", "symk_wrong")), "invalid_client"},
		"an unknown client":                   {header(basic("nobody", "symk_next")), "invalid_client"},
		"an unknown public client":            {body("client_id", "nobody"), "invalid_client"},
		"the secret of another":               {header(basic("basic", "symk_next")), "invalid_client"},
		"a disabled client":                   {header(basic("gone", "s")), "invalid_client"},
		"a disabled public client":            {body("client_id", "gone-spa"), "invalid_client"},
		"nothing at all":                      {sent{}, "invalid_client"},
		"a confidential client without proof": {body("client_id", "orders"), "invalid_client"},
		"no secret registered":                {header(basic("bare", "s")), "invalid_client"},
		"broken hashes help nobody":           {header(basic("broken", "not hex")), "invalid_client"},
		"post where basic is registered":      {body("client_id", "basic", "client_secret", "s"), "invalid_client"},
		"basic where post is registered":      {header(basic("post", "s")), "invalid_client"},
		"a secret where none is registered":   {header(basic("spa-secret", "s")), "invalid_client"},
		"none where a key is registered":      {body("client_id", "key"), "invalid_client"},
		"a secret where a key is registered":  {header(basic("key", "s")), "invalid_client"},
		"another scheme":                      {header("Bearer abc"), "invalid_client"},
		"another scheme hides no body":        {both("Bearer abc", "client_id", "orders", "client_secret", "symk_next"), "invalid_client"},
		"an assertion nobody reads":           {body("client_id", "spa", "client_assertion", "x", "client_assertion_type", "y"), "invalid_client"},
		"two methods":                         {both(basic("orders", "symk_next"), "client_id", "orders", "client_secret", "symk_next"), "invalid_request"},
		"two methods, one empty":              {both(basic("orders", "symk_next"), "client_secret", ""), "invalid_request"},
		"two headers":                         {header(basic("orders", "symk_next"), basic("orders", "symk_next")), "invalid_request"},
		"two ids":                             {body("client_id", "spa", "client_id", "spa"), "invalid_request"},
		"two secrets":                         {body("client_id", "orders", "client_secret", "symk_next", "client_secret", "x"), "invalid_request"},
		"the body contradicts the header":     {both(basic("orders", "symk_next"), "client_id", "spa"), "invalid_request"},
		"a secret in the URL":                 {sent{query: "client_id=orders&client_secret=symk_next"}, "invalid_request"},
		"a secret in the URL, escaped":        {sent{query: "client_%73ecret=symk_next", form: form("client_id", "spa")}, "invalid_request"},
		"an empty secret in the body":         {body("client_id", "orders", "client_secret", ""), "invalid_request"},
		"a secret without an id":              {body("client_secret", "symk_next"), "invalid_request"},
		"an empty password":                   {header(basic("spa", "")), "invalid_request"},
		"an empty id":                         {header(basic("", "s")), "invalid_request"},
		"no colon":                            {header(rawBasic("orders")), "invalid_request"},
		"broken base64":                       {header("Basic ???"), "invalid_request"},
		"base64 without padding":              {header("Basic " + strings.TrimRight(basic("orders", "symk_next1")[6:], "=")), "invalid_request"},
		"base64 with a line break":            {header("Basic b3JkZXJz\nOnM="), "invalid_request"},
		"broken escapes":                      {header(rawBasic("orders:%zz")), "invalid_request"},
		"a control byte":                      {header(basic("orders", "symk\x00next")), "invalid_request"},
		"not UTF-8":                           {header(basic("orders", "\xff")), "invalid_request"},
		"a header of nothing":                 {header("Basic"), "invalid_request"},
		"a huge header":                       {header(basic("orders", strings.Repeat("x", 4<<10))), "invalid_request"},
		"a huge secret in the body":           {body("client_id", "orders", "client_secret", strings.Repeat("x", 4<<10)), "invalid_request"},
		"a huge public id":                    {body("client_id", strings.Repeat("x", 129)), "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := authenticator().Authenticate(context.Background(), c.sent.request(), c.sent.form)
			if outcome := outcomeOf(got, err); outcome != c.want {
				t.Fatalf("got %q (%v), want %q", outcome, err, c.want)
			}
		})
	}
}

func outcomeOf(c *symbolon.Client, err error) string {
	var known *symbolon.Error
	switch {
	case err == nil:
		return string(c.ID)
	case errors.As(err, &known) && c == nil:
		return known.Code
	}
	return err.Error()
}

// S9: nobody learns which clients exist, or what they lack.
func TestEveryFailedProofReadsTheSame(t *testing.T) {
	for _, header := range []string{
		basic("orders", "wrong"), basic("orders", "symk_old"), basic("nobody", "wrong"), basic("gone", "s"),
		basic("post", "s"), basic("bare", "s"), basic("key", "s"),
	} {
		_, err := authenticator().Authenticate(context.Background(), sent{headers: []string{header}}.request(), nil)
		var known *symbolon.Error
		if !errors.As(err, &known) || known.Kind != symbolon.Unauthenticated || known.Message != "client authentication failed" {
			t.Errorf("%s: %v", header, err)
		}
		if known.Cause == nil {
			t.Errorf("%s: the log learns no cause", header)
		}
		if got := client.Challenge(err); got != `Basic realm="symbolon", charset="UTF-8"` {
			t.Errorf("challenge %q", got)
		}
	}
}

func TestAMalformedRequestIsNotChallenged(t *testing.T) {
	_, err := authenticator().Authenticate(context.Background(), sent{headers: []string{"Basic ???"}}.request(), nil)
	if got := client.Challenge(err); got != "" {
		t.Errorf("challenge %q", got)
	}
}

// The work is bounded by the product, not by a registration.
func TestOnlySoManySecretsAreTried(t *testing.T) {
	many := &symbolon.Client{ID: "many"}
	for range 16 {
		many.Secrets = append(many.Secrets, secret("other", time.Time{}))
	}
	many.Secrets = append(many.Secrets, secret("late", time.Time{}))
	known := registry{"many": many}
	a := client.New(func() client.Clients { return known }, func() time.Time { return noon })
	if _, err := a.Authenticate(context.Background(), sent{headers: []string{basic("many", "late")}}.request(), nil); err == nil {
		t.Error("the seventeenth secret was tried")
	}
	if _, err := a.Authenticate(context.Background(), sent{headers: []string{basic("many", "other")}}.request(), nil); err != nil {
		t.Error(err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	f.Add(basic("orders", "symk_next"), "client_id=orders", "")
	f.Add("Basic b3JkZXJzOg==", "client_id=spa&client_secret=%00", "client_secret=x")
	f.Add("", "client_id=spa", "")
	a := authenticator()
	f.Fuzz(func(t *testing.T, header, body, query string) {
		values, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r := &http.Request{Header: http.Header{}, URL: &url.URL{RawQuery: query}}
		if header != "" {
			r.Header["Authorization"] = []string{header}
		}
		got, err := a.Authenticate(context.Background(), r, values)
		if (got == nil) == (err == nil) {
			t.Fatalf("%v and %v", got, err)
		}
		if got != nil && got.AuthMethod != "none" && !proven(r, values) {
			t.Fatalf("%s without proof", got.ID)
		}
	})
}

// proven looks for a registered secret in another way than the room does.
func proven(r *http.Request, values url.Values) bool {
	_, password, _ := r.BasicAuth()
	decoded, _ := url.QueryUnescape(password)
	valid := []string{"symk_current", "symk_next", "s", "ü:& ="}
	return slices.Contains(valid, decoded) || slices.Contains(valid, values.Get("client_secret"))
}

func BenchmarkAuthenticateBasic(b *testing.B) {
	a, r := authenticator(), sent{headers: []string{basic("orders", "symk_next")}}.request()
	values := form("grant_type", "client_credentials")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(context.Background(), r, values); err != nil {
			b.Fatal(err)
		}
	}
}
