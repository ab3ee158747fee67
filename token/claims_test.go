package token_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"symbolon.dev/token"
)

func full() *token.Claims {
	return &token.Claims{
		Issuer: "https://id.example", Subject: "usr_1", Audience: []string{"a", "b"}, ClientID: "wiki", ID: "tok_1",
		IssuedAt: now, NotBefore: now, Expires: now.Add(time.Hour), Scope: []string{"read", "write"}, SessionID: "ses_1",
		ACR: "phr", AMR: []string{"hwk", "user"}, AuthTime: now, Nonce: "n\"\\é\u2028", Authorization: "aut_1", Kind: token.KindUser,
		Groups: []string{"staff"}, Organisation: "acme", Department: "R&D", Employment: "employee",
		Actor:        &token.Actor{Subject: "orders", Issuer: "https://id.example", ClientID: "orders", Actor: &token.Actor{Subject: "broker"}},
		Confirmation: &token.Confirmation{JKT: "thumb", X5TS256: "cert"},
		Extra:        map[string]any{"level": int64(9007199254740993), "ratio": 0.5, "tags": []any{"x", int64(1)}, "ok": true},
	}
}

// S24
func TestClaimsSurviveJSON(t *testing.T) {
	for name, c := range map[string]*token.Claims{"full": full(), "empty": {}, "usual": claims()} {
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(name, err)
		}
		var plain map[string]any
		if err := json.Unmarshal(data, &plain); err != nil {
			t.Fatalf("%s: %s is not JSON: %v", name, data, err)
		}
		var back token.Claims
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(&back, c) {
			t.Errorf("%s: %s came back as %+v", name, data, back)
		}
	}
}

func TestClaimsHaveTheirStandardNames(t *testing.T) {
	c := claims()
	c.Actor, c.Confirmation = &token.Actor{Subject: "orders"}, &token.Confirmation{X5TS256: "x"}
	data, _ := json.Marshal(c)
	want := `{"iss":"https://id.example","sub":"usr_1","aud":"https://orders.example","client_id":"wiki","jti":"tok_1",` +
		`"iat":1778051229,"exp":1778051349,"scope":"read write","act":{"sub":"orders"},"cnf":{"x5t#S256":"x"}}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
}

// S18: nobody smuggles authority in through an attribute.
func TestAnExtraClaimCannotOverrideARegisteredOne(t *testing.T) {
	var names map[string]any
	data, _ := json.Marshal(full())
	_ = json.Unmarshal(data, &names)
	for name := range names {
		if _, mine := full().Extra[name]; mine {
			continue
		}
		c := claims()
		c.Extra = map[string]any{name: "admin"}
		if data, err := json.Marshal(c); err == nil {
			t.Errorf("%s was overridden: %s", name, data)
		}
	}
}

func TestScopesAndActors(t *testing.T) {
	c := full()
	if !c.HasScope() || !c.HasScope("read", "write") || c.HasScope("read", "admin") || c.HasScope("rea") {
		t.Error("HasScope is wrong")
	}
	if got := strings.Join(c.Actor.Chain(), ">"); got != "orders>broker" {
		t.Error("chain:", got)
	}
	if (*token.Actor)(nil).Chain() != nil {
		t.Error("no actor has a chain")
	}
}

func FuzzClaims(f *testing.F) {
	data, _ := json.Marshal(full())
	f.Add(data)
	f.Add([]byte(`{"aud":[],"x":{"y":[1,2.5,-0]},"exp":0.5}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, back token.Claims
		if c.UnmarshalJSON(data) != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("took %q, which is not JSON", data)
		}
		written, err := c.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalJSON(written); err != nil {
			t.Fatalf("%q was read, written as %q and not read again: %v", data, written, err)
		}
		again, _ := back.MarshalJSON()
		if string(again) != string(written) {
			t.Fatalf("%q became %q and then %q", data, written, again)
		}
	})
}

func BenchmarkClaims(b *testing.B) {
	c := claims()
	data, _ := json.Marshal(c)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		buffer := make([]byte, 0, 1024)
		for b.Loop() {
			_, _ = c.AppendJSON(buffer)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var back token.Claims
			_ = back.UnmarshalJSON(data)
		}
	})
}
