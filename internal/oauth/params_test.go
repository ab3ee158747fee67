package oauth

import (
	"strings"
	"testing"
	"unicode/utf8"

	"symbolon.dev/internal/door"
)

func TestParameters(t *testing.T) {
	for name, c := range map[string]struct{ raw, get, want, refused string }{
		"plain":              {raw: "state=a+b%20c", get: "state", want: "a b c"},
		"absent":             {raw: "state=a", get: "scope"},
		"empty is omitted":   {raw: "scope=&state=x", get: "scope"},
		"unknown is ignored": {raw: "x=1&state=s", get: "state", want: "s"},
		"stray ampersands":   {raw: "&&state=s&&", get: "state", want: "s"},
		"no equals sign":     {raw: "state", get: "state"},
		"duplicate":          {raw: "state=a&state=a", refused: "state is repeated"},
		"duplicate, encoded": {raw: "state=a&st%61te=b", refused: "state is repeated"},
		"duplicate unknown":  {raw: "x=1&x=2", refused: "x is repeated"},
		"duplicate of empty": {raw: "state=&state=b", refused: "state is repeated"},
		"semicolon":          {raw: "state=a;scope=b", refused: "not well-formed"},
		"bad escape":         {raw: "state=%zz", refused: "not well-formed"},
		"bad UTF-8":          {raw: "state=%ff", refused: "not well-formed"},
		"NUL":                {raw: "state=%00", refused: "not well-formed"},
		"newline":            {raw: "state=a%0d%0aSet-Cookie:x", refused: "not well-formed"},
		"nameless":           {raw: "=a", refused: "name is malformed"},
		"long name":          {raw: strings.Repeat("n", 65) + "=a", refused: "name is malformed"},
		"long value":         {raw: "state=" + strings.Repeat("n", 2049), refused: "state is over 2048"},
		"too many":           {raw: strings.Repeat("resource=a&", 100), refused: "more than"},
		"name not reflected": {raw: "<b>=1&<b>=2", refused: "unusual name"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parseParams(c.raw)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) || door.Known(err).Code != "invalid_request" {
					t.Fatalf("want a refusal with %q, got %v", c.refused, err)
				}
				return
			}
			if err != nil || p.Get(c.get) != c.want {
				t.Fatalf("got %q, %v; want %q", p.Get(c.get), err, c.want)
			}
		})
	}
}

func TestRepeatableParametersKeepTheirOrder(t *testing.T) {
	p, err := parseParams("resource=a&x=1&resource=b")
	if got := p.All("resource"); err != nil || len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Fatal(got, err)
	}
	if got := p.query("x"); got != "resource=a&resource=b" {
		t.Fatal(got)
	}
}

func FuzzParameters(f *testing.F) {
	f.Add("response_type=code&client_id=a&resource=x&resource=y&state=%41+b")
	f.Add("a=%00&b=%zz;c")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := parseParams(raw)
		if len(p.pairs) > maxParams {
			t.Fatal("over the limit")
		}
		for _, one := range p.pairs {
			if !utf8.ValidString(one.value) || strings.IndexFunc(one.value, control) >= 0 || len(one.value) > 16<<10 {
				t.Fatalf("let through %q", one.value)
			}
		}
		if err != nil {
			return
		}
		again, err := parseParams(p.query())
		if err != nil || again.query() != p.query() {
			t.Fatalf("%q does not come back as itself: %q, %v", p.query(), again.query(), err)
		}
	})
}
