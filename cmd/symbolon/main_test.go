package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"symbolon.dev/internal/app"
)

// TestMain lets the test binary be the program, so that a story runs a real process.
func TestMain(m *testing.M) {
	if os.Getenv("SYMBOLON_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run executes a command in this process.
func run(stdin string, arguments ...string) (string, error) {
	command := root()
	var out bytes.Buffer
	command.SetArgs(arguments)
	command.SetIn(strings.NewReader(stdin))
	command.SetOut(&out)
	command.SetErr(io.Discard)
	command.SilenceErrors = true
	err := command.Execute()
	return out.String(), err
}

func program(arguments ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], arguments...)
	cmd.Env = append(os.Environ(), "SYMBOLON_TEST_MAIN=1")
	return cmd
}

// S21: from an empty directory to a deployment that is administered and stops cleanly.
func TestTheLifeOfADeployment(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	issuer := "http://id.localhost:" + port
	said, err := run("", "init", "--dir", dir, "--issuer", issuer, "--admin", "ada")
	if err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`symk_\w+`).FindString(said)
	if secret == "" || !strings.Contains(said, issuer+"/enrol?token=symx_") {
		t.Fatalf("init said:\n%s", said)
	}
	if kept := everything(t, dir); strings.Contains(kept, secret) {
		t.Error("init kept the secret in the clear")
	}
	if _, err := run("", "init", "--dir", dir, "--issuer", issuer); err == nil || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("init again: %v", err)
	}
	config := filepath.Join(dir, "symbolon.yaml")
	if out, err := run("", "serve", "-c", config, "--check"); err != nil || !strings.Contains(out, "valid") {
		t.Fatalf("%s %v", out, err)
	}

	server := program("serve", "-c", config, "--json")
	ready := began(t, server)
	if ready.Issuer != issuer || len(ready.Roles) != 2 {
		t.Errorf("%+v", ready)
	}
	if answer, err := http.Get("http://127.0.0.1:" + port + "/.symbolon/ready"); err != nil || answer.StatusCode != http.StatusNoContent {
		t.Errorf("not healthy: %v %v", answer, err)
	}
	t.Setenv("SYMBOLON_CLI_ISSUER", issuer)
	t.Setenv("SYMBOLON_CLI_CLIENT_SECRET", secret)
	administer(t, dir)
	reloads(t, server, dir)

	_ = server.Process.Signal(syscall.SIGTERM)
	if err := server.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if _, err := run("", "keys", "list"); err == nil {
		t.Error("an issuer that is gone answered")
	}
}

// administer walks through the commands that need an issuer.
func administer(t *testing.T, dir string) {
	t.Helper()
	declared := filepath.Join(dir, "declared")
	expect := func(want string, arguments ...string) string {
		t.Helper()
		out, err := run("", arguments...)
		if err != nil || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("symbolon %s: %v, want %s in\n%s", strings.Join(arguments, " "), err, want, out)
		}
		return out
	}
	expect("Nothing differs", "apply", "-f", declared)
	write(t, filepath.Join(declared, "groups.yaml"), "groups: [{id: staff}]\n")
	expect(`\+ group staff\n1 would change`, "diff", "-f", declared)
	if out, err := run("", "diff", "-f", declared, "--exit-code", "--json"); exitCode(err) != 2 || !errors.Is(err, errDiffers) || !json.Valid([]byte(out)) {
		t.Errorf("diff --exit-code: %v\n%s", err, out)
	}
	expect("1 changed", "apply", "-f", declared)
	expect("^Nothing differs", "diff", "-f", declared, "--exit-code")
	exported := filepath.Join(dir, "exported")
	expect(`Wrote \d+ objects and 1 people`, "export", "-f", exported)
	expect("Nothing differs", "diff", "-f", exported, "--prune")
	expect("objects are valid, [5-9] of them", "policy", "check", exported)

	expect(`/enrol\?token=symx_`, "enrol", "ada")
	expect(`^{"url":"http`, "enrol", "ada", "--json")
	expect("ada is shut out", "user", "disable", "ada")
	expect("ada may sign in again", "user", "enable", "ada")
	expect("ES256 +signing", "keys", "list")
	expect("A new ES256 key", "keys", "rotate", "ES256")
	for line := range strings.Lines(expect("retired", "keys", "list", "--json")) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	expect(`(?s)user\.enabled.*user\.disabled`, "audit", "search", "--type", "user.disabled,user.enabled", "--since", "1h")
	expect(`"type":"key.rotated"`, "audit", "search", "--json", "--actor", "operator")
	expect("EFFECT", "audit", "search", "--ledger", "--effect", "allow")

	for _, c := range []struct{ want, arguments string }{
		{`no person with the login "nobody"`, "user disable nobody"},
		{"Not Found", "session end ses_none"},
		{"body.alg", "keys rotate none"},
		{"request req_", "session end ses_none"},
		{"from http://id.localhost", "keys list --client-id somebody"},
	} {
		if out, err := run("", strings.Fields(c.arguments)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("symbolon %s: %v, want %s\n%s", c.arguments, err, c.want, out)
		}
	}
}

// reloads proves that SIGHUP reads the declared files again, and that the process lives on.
func reloads(t *testing.T, server *exec.Cmd, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "declared", "organisations.yaml"), "organisations: [{id: acme}]\n")
	if err := server.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if out, err := run("", "diff", "-f", filepath.Join(dir, "declared")); err == nil && strings.Contains(out, "Nothing differs") {
			return
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatal("SIGHUP did not read the declared files")
		}
	}
}

func began(t *testing.T, server *exec.Cmd) app.Ready {
	t.Helper()
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ready app.Ready
	if err != nil || json.Unmarshal(line, &ready) != nil {
		_ = server.Wait()
		t.Fatalf("not ready: %q %v\n%s", line, err, log.String())
	}
	return ready
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func everything(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func each(command *cobra.Command, visit func(*cobra.Command)) {
	visit(command)
	for _, child := range command.Commands() {
		each(child, visit)
	}
}
