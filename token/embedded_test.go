package token_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev/token"
)

// vector is testdata/embedded.json, which the manual shows (docs/tokens.md).
type vector struct {
	At        int64           `json:"at"` // when the tokens are good
	Issuer    string          `json:"issuer"`
	JWKS      json.RawMessage `json:"jwks"`
	Outer     string          `json:"outer"`
	Audience  string          `json:"audience"` // of the outer
	Inner     string          `json:"inner"`
	InnerAud  string          `json:"inner_audience"`
	OuterID   string          `json:"outer_jti"`
	OuterEnds int64           `json:"outer_exp"`
}

func readVector(t testing.TB) (*vector, func(audience string, at time.Time) *token.Verifier) {
	t.Helper()
	raw, err := os.ReadFile("testdata/embedded.json")
	if err != nil {
		t.Fatal(err)
	}
	v := new(vector)
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
	keys, err := token.ParseJWKS(v.JWKS)
	if err != nil {
		t.Fatal(err)
	}
	return v, func(audience string, at time.Time) *token.Verifier {
		return &token.Verifier{Keys: keys, Issuer: v.Issuer, Audience: audience, Clock: func() time.Time { return at }}
	}
}

// S30: the vector reads as the manual says, and by nobody else.
func TestTheVectorOfEmbeddedTokens(t *testing.T) {
	v, at := readVector(t)
	now := time.Unix(v.At, 0)
	outer, err := at(v.Audience, now).Verify(v.Outer)
	if err != nil {
		t.Fatal(err)
	}
	compact, inner, err := at(v.InnerAud, now).VerifyInner(outer)
	if err != nil || compact != v.Inner || outer.ID != v.OuterID || !slices.Contains(token.Ancestors(inner), v.OuterID) || inner.Expires.Unix() > v.OuterEnds {
		t.Fatalf("%+v, %v", inner, err)
	}
	if _, _, err := at("https://orders.example", now).VerifyInner(outer); err == nil {
		t.Error("a token for an audience that it carries none for")
	}
	if _, _, err := at(v.InnerAud, inner.Expires).VerifyInner(outer); err == nil {
		t.Error("an inner token that has ended")
	}
	for name, change := range map[string]func(*token.Claims){
		"of another outer": func(c *token.Claims) { c.ID = "tok_other" },
		"without a name":   func(c *token.Claims) { c.ID = "" },
		"that ends before": func(c *token.Claims) { c.Expires = inner.Expires.Add(-time.Second) },
		"with a list":      func(c *token.Claims) { c.Extra = map[string]any{"embedded": []any{v.Inner}} },
		"with too many": func(c *token.Claims) {
			many := map[string]any{v.InnerAud: v.Inner}
			for n := range token.MaxEmbedded {
				many[strings.Repeat("x", n+1)] = "a"
			}
			c.Extra = map[string]any{"embedded": many}
		},
		"too large": func(c *token.Claims) {
			c.Extra = map[string]any{"embedded": map[string]any{v.InnerAud: v.Inner, "x": strings.Repeat("A", token.MaxEmbeddedSize)}}
		},
	} {
		changed := *outer
		change(&changed)
		if _, _, err := at(v.InnerAud, now).VerifyInner(&changed); err == nil {
			t.Errorf("an outer %s", name)
		}
	}
}

func FuzzEmbedded(f *testing.F) {
	for _, seed := range []string{`{"embedded":{"a":"b"}}`, `{"embedded":[]}`, `{"embedded":{"a":1}}`, `{"embedded":{}}`, `{"ancestors":["a",1]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		claims := new(token.Claims)
		if claims.UnmarshalJSON(raw) != nil {
			return
		}
		inner, err := token.Embedded(claims)
		if err == nil && (len(inner) > token.MaxEmbedded || inner[""] != "") {
			t.Errorf("%v", inner)
		}
		_ = token.Ancestors(claims)
	})
}
