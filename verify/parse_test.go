package verify

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

var parseNow = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

func FuzzParsePoll(f *testing.F) {
	f.Add([]byte(`{"sets":{"a":"x.y.z","b":""},"moreAvailable":true}`))
	f.Add([]byte(`{"sets":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sets, more, err := parsePoll(body)
		if err != nil && (len(sets) > 0 || more || !symbolon.IsKind(err, symbolon.Unavailable)) {
			t.Fatalf("%q gave %v, %v and %v", body, sets, more, err)
		}
	})
}

func FuzzSet(f *testing.F) {
	f.Add([]byte(`{"iss":"i","jti":"j","iat":1,"aud":["a"],"sub_id":{"format":"complex","user":{"format":"iss_sub","iss":"i","sub":"u"},` +
		`"session":{"format":"opaque","id":"s"}},"events":{"` + SessionRevoked + `":{"event_timestamp":1e300}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var s set
		if json.Unmarshal(payload, &s) != nil || s.IssuedAt == nil {
			return
		}
		signals, err := s.signals("i")
		if err != nil && !symbolon.IsKind(err, symbolon.Invalid) {
			t.Fatal(err)
		}
		for _, signal := range signals {
			if year := signal.At.Year(); year > 9999 {
				t.Fatalf("a signal of the year %d", year)
			}
		}
	})
}

func FuzzIntrospection(f *testing.F) {
	f.Add([]byte(`{"active":true,"iss":"i","exp":1,"scope":"a b"}`))
	f.Add([]byte(`{"active":false}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		claims, err := readIntrospection(body, "i", parseNow)
		if claims != nil && (err != nil || (claims.Issuer != "" && claims.Issuer != "i") || (!claims.Expires.IsZero() && !claims.Expires.After(parseNow))) {
			t.Fatalf("%q gave %+v and %v", body, claims, err)
		}
	})
}

func FuzzIssued(f *testing.F) {
	f.Add(200, []byte(`{"access_token":"x","token_type":"bearer","expires_in":600}`))
	f.Add(400, []byte(`{"error":"invalid_grant"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		issued, err := readIssued(status, body, "", parseNow)
		if (err == nil) != (!issued.Token.Empty() && !issued.Expires.Before(parseNow)) {
			t.Fatalf("%d %q gave %+v and %v", status, body, issued, err)
		}
	})
}

func FuzzBearerChallenge(f *testing.F) {
	f.Add(`a"b\c`)
	f.Fuzz(func(t *testing.T, s string) {
		out := quoted(s)
		for _, c := range out[1 : len(out)-1] {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				t.Fatalf("%q became %s", s, out)
			}
		}
	})
}

// Too many revocations to remember make the verifier ask, not forget.
func TestMarksThatOverflowBecomeDoubt(t *testing.T) {
	at := parseNow
	m := newMarks(func() time.Time { return at }, 0)
	claims := &token.Claims{ID: "tok_old", SessionID: "ses_0", IssuedAt: at.Add(time.Second), Expires: at.Add(time.Hour)}
	m.gap()
	at = at.Add(2 * time.Second)
	if got := m.judge(claims); got != good {
		t.Fatalf("verdict %d before anything was said", got)
	}
	for n := range maxMarks {
		m.hear(Signal{Type: SessionRevoked, Subject: SubjectID{Session: "ses_" + strconv.Itoa(n)}})
	}
	if got := m.judge(claims); got != dead {
		t.Fatalf("verdict %d of a revoked session", got)
	}
	m.hear(Signal{Type: TokenRevoked, Subject: SubjectID{Token: "tok_other"}})
	if got := m.judge(claims); got != doubt {
		t.Fatalf("verdict %d after the memory was full", got)
	}
	at = at.Add(markFor + time.Hour)
	m.hear(Signal{Type: TokenRevoked, Subject: SubjectID{Token: "tok_third"}})
	if len(m.dead) != 1 {
		t.Fatalf("%d marks outlived every token that they could concern", len(m.dead)-1)
	}
}

func TestWellKnownAddresses(t *testing.T) {
	for _, c := range [][3]string{
		{"https://a.example", "oauth-authorization-server", "https://a.example/.well-known/oauth-authorization-server"},
		{"https://a.example/", "ssf-configuration", "https://a.example/.well-known/ssf-configuration"},
		{"https://a.example/t/1", "ssf-configuration", "https://a.example/.well-known/ssf-configuration/t/1"},
		{"https://a.example/t/1", "openid-configuration", "https://a.example/t/1/.well-known/openid-configuration"},
	} {
		if got := wellKnown(c[0], c[1]); got != c[2] {
			t.Errorf("%s of %s: %s", c[1], c[0], got)
		}
	}
}
