package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The key and token of RFC 7515 appendix A.3.
const (
	rfc7515Key   = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
	rfc7515Token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)

// S25: one line in, one verdict out, and nothing lenient in between.
func TestTokenVerifyJudgesEachLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte(rfc7515Key), 0o600); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(rfc7515Token, ".")
	lines := []string{
		rfc7515Token,
		rfc7515Token[:len(rfc7515Token)-1] + "R", // bits after the last byte
		rfc7515Token + "=",                       // padding
		parts[0] + "." + parts[1] + ".",          // no signature
		"eyJhbGciOiJub25lIn0." + parts[1] + ".",  // alg none
		"eyJhbGciOiJub25lIn0." + parts[1] + "." + parts[2],
		`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, // JSON serialisation
		"", rfc7515Token,
	}
	command, out := tokenVerifyCommand(), new(strings.Builder)
	command.SetArgs([]string{"--jwks", file, "--json"})
	command.SetIn(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	command.SetOut(out)
	if err := command.Execute(); err != nil {
		t.Fatal(err)
	}
	verdicts := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(verdicts) != len(lines) {
		t.Fatalf("%d verdicts for %d lines", len(verdicts), len(lines))
	}
	for i, text := range verdicts {
		var v verdict
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if genuine := lines[i] == rfc7515Token; v.Valid != genuine || genuine != (v.Payload == parts[1]) || genuine == (v.Error != "") {
			t.Errorf("line %d: %s", i, text)
		}
	}
}
