package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"symbolon.dev/internal/authn"
)

func TestEveryCommandExplainsItself(t *testing.T) {
	each(root(), func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example %q is not indented", c.CommandPath(), line)
			}
		}
	})
}

// What the manual says does not depend on who writes it, and where.
func TestTheReferenceIsCurrent(t *testing.T) {
	written, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SYMBOLON_CLI_ISSUER", "https://somewhere.example")
	t.Setenv("SYMBOLON_CLI_CLIENT_ID", "somebody")
	t.Setenv("SYMBOLON_CLI_CA_FILE", "/somewhere")
	said, err := run("", "reference", "cli")
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != said {
		t.Error("docs/cli.md is not what the commands say; run `make docs`")
	}
	for _, about := range []string{"configuration", "openapi", "schema"} {
		if out, err := run("", "reference", about); err != nil || len(out) < 1000 {
			t.Errorf("%s: %d bytes, %v", about, len(out), err)
		}
	}
}

// Errors say what to do.
func TestMistakesAreExplained(t *testing.T) {
	for _, name := range []string{"SYMBOLON_CLI_TOKEN", "SYMBOLON_CLI_CLIENT_SECRET", "SYMBOLON_CLI_ISSUER"} {
		t.Setenv(name, "")
	}
	empty := t.TempDir()
	for arguments, want := range map[string]string{
		"keys list":                                "set SYMBOLON_CLI_TOKEN",
		"keys list --issuer nonsense":              "not a URL, such as https://",
		"keys list --issuer http://id.example.com": "use https",
		"keys list --ca-file /nowhere":             "/nowhere",
		"apply":                                    `required flag(s) "file"`,
		"apply -f " + empty:                        "no .yaml or .cedar file",
		"aply":                                     "apply",
		"enrol":                                    "1 arg",
		"reference everything":                     "everything",
		"serve -c /nowhere.yaml":                   "/nowhere.yaml",
		"serve --roles king":                       "neither issuer nor broker",
		"init --issuer http://id.example.com --dir " + empty:    "https",
		"init --issuer https://id.example.com/x --dir " + empty: "issuer",
		"init --admin \x00 --dir " + empty:                      "--admin",
		"demo --listen 0.0.0.0:1":                               "loopback",
	} {
		if _, err := run("", strings.Split(arguments, " ")...); err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != 1 {
			t.Errorf("symbolon %s: %v, want %s", arguments, err, want)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("a refused init left %v", left)
	}
}

// S47: no command sends a credential to whoever answers in the issuer's place with a redirect.
func TestATokenIsNotCarriedAlongARedirect(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("called with %q", r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	front := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer front.Close()
	t.Setenv("SYMBOLON_CLI_TOKEN", "syma_hush")
	if out, err := run("", "keys", "list", "--issuer", front.URL); err == nil || strings.Contains(err.Error()+out, "hush") {
		t.Errorf("%v %s", err, out)
	}
}

// What strangers wrote into the trail does nothing to the terminal of whoever reads it.
func TestTheTrailCannotDriveATerminal(t *testing.T) {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items": [{"seq": 1, "type": "login.failed", "actor": "\u001b[2J\u001b]0;owned\u0007", "reason": "one\ntwo\u202e"}]}`))
	}))
	defer issuer.Close()
	t.Setenv("SYMBOLON_CLI_TOKEN", "syma_x")
	out, err := run("", "audit", "search", "--issuer", issuer.URL)
	if err != nil || strings.ContainsAny(out, "\x1b\x07\u202e") || strings.Count(out, "\n") != 2 {
		t.Errorf("%v %q", err, out)
	}
}

func TestAnAnswerThatIsNoneIsExplained(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	t.Setenv("SYMBOLON_CLI_TOKEN", "syma_x")
	if _, err := run("", "keys", "list", "--issuer", other.URL); err == nil || !strings.Contains(err.Error(), "is --issuer a Symbolon issuer?") {
		t.Errorf("%v", err)
	}
}

func TestHashesAreMadeFromStandardInput(t *testing.T) {
	out, err := run("correct horse battery staple\r\n", "hash-password")
	if err != nil || authn.CheckHash(strings.TrimSpace(out)) != nil {
		t.Errorf("%v %s", err, out)
	}
	out, err = run("", "hash-secret", "--new")
	if err != nil || !strings.Contains(out, "secret: symk_") || !strings.Contains(out, "sha256: ") {
		t.Errorf("%v %s", err, out)
	}
	secret := strings.TrimPrefix(strings.SplitN(out, "\n", 2)[0], "secret: ")
	if again, err := run(secret+"\n", "hash-secret"); err != nil || !strings.HasSuffix(out, again) {
		t.Errorf("%v %s", err, again)
	}
	for stdin, command := range map[string]string{"": "hash-password", "short": "hash-secret"} {
		if _, err := run(stdin, command); err == nil {
			t.Errorf("%s took %q", command, stdin)
		}
	}
}
