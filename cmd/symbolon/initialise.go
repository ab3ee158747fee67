package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/app"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/directory"
	"symbolon.dev/token"
)

type initFlags struct{ dir, issuer, admin string }

func initCommand() *cobra.Command {
	var f initFlags
	command := &cobra.Command{
		Use:   "init",
		Short: "Write a starting configuration and make the first administrator's enrolment link",
		Long: "Makes a directory with a commented symbolon.yaml, a first set of declared files, the embedded database and\n" +
			"the master key. Prints a single-use link by which the first administrator adds a passkey, and the secret\n" +
			"of the client that `symbolon apply` uses; neither is kept in the clear.",
		Example: "  symbolon init --dir /etc/symbolon --issuer https://id.example.com --admin ada\n  symbolon init --dir ./try",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return f.run(command.Context(), command.OutOrStdout())
		},
	}
	command.Flags().StringVar(&f.dir, "dir", ".", "directory to write to")
	command.Flags().StringVar(&f.issuer, "issuer", "http://id.localhost:8080", "the issuer's URL")
	command.Flags().StringVar(&f.admin, "admin", "admin", "login of the first administrator")
	return command
}

func (f *initFlags) run(ctx context.Context, out io.Writer) error {
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "symbolon.yaml")
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s is there already; init does not overwrite: choose another --dir", file)
	}
	if err := f.check(); err != nil {
		return err
	}
	secret := token.NewOpaque(token.PrefixSecret)
	sum := secret.Hash()
	if err := f.write(dir, file, hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	link, err := f.enrol(ctx, dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `Wrote %s and %s.

1. %sStart it:             symbolon serve -c %s
2. Become administrator: open this link once, within 24 hours:
     %s
3. Declare what is yours in %s, then:
     export SYMBOLON_CLI_CLIENT_SECRET=%s
     symbolon apply -f %s --issuer %s
   The secret is shown only now.
`, file, filepath.Join(dir, "declared"), f.certificateHint(), file, link, filepath.Join(dir, "declared"), secret.Reveal(), filepath.Join(dir, "declared"), f.issuer)
	return err
}

// check refuses what would fail only after files have been written.
func (f *initFlags) check() error {
	given := []string{"SYMBOLON_ISSUER=" + f.issuer}
	if strings.HasPrefix(f.issuer, "https:") {
		given = append(given, "SYMBOLON_TLS_CERT_FILE=later", "SYMBOLON_TLS_KEY_FILE=later")
	}
	if _, err := config.Load("", given); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if err := directory.Check(&symbolon.User{Login: f.admin}); err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	return nil
}

func (f *initFlags) certificateHint() string {
	if strings.HasPrefix(f.issuer, "https:") {
		return "Put the certificate and key where tls.cert_file and tls.key_file say (and uncomment them).\n   "
	}
	return ""
}

func (f *initFlags) write(dir, file, secretHash string) error {
	starter := strings.Replace(config.Starter(f.issuer), "#data: ./data", fmt.Sprintf("data: %q", filepath.Join(dir, "data")), 1)
	starter = strings.Replace(starter, `#declared: ""`, fmt.Sprintf("declared: %q", filepath.Join(dir, "declared")), 1)
	starter = strings.Replace(starter, "#listen: 127.0.0.1:8080", f.listen(), 1)
	files := map[string]string{
		file: starter,
		filepath.Join(dir, "declared", "people.yaml"): fmt.Sprintf(`# People are known by login; they add their own passkeys with an enrolment link (symbolon enrol LOGIN).
people:
  - login: %q
    name: First administrator
    groups: [administrators]
`, f.admin),
		filepath.Join(dir, "declared", "clients.yaml"): fmt.Sprintf(`# The client that symbolon apply, diff, export and audit use. Policies judge it like anybody.
clients:
  - client_id: operator
    client_name: Operator's command line
    grant_types: [client_credentials]
    groups: [administrators]
    secrets: [{sha256: %s}]
`, secretHash),
		filepath.Join(dir, "declared", "apps.cedar"): starterPolicy,
	}
	for _, made := range []string{dir, filepath.Join(dir, "declared")} {
		if err := os.MkdirAll(made, 0o750); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := writeNew(name, text); err != nil {
			return err
		}
	}
	return nil
}

// listen is the line that makes a process answer where a plain issuer says it is.
func (f *initFlags) listen() string {
	u, err := url.Parse(f.issuer)
	if err != nil || u.Scheme != "http" {
		return `listen: ":443"`
	}
	return "listen: 127.0.0.1:" + firstOf(u.Port(), "80")
}

const starterPolicy = `// Who may use what. Nothing is permitted that no policy permits.
//
// An app is declared in a resources list, for example in resources.yaml:
//
//   resources:
//     - id: wiki
//       identifier: https://wiki.example.com
//       kind: app
//       upstream: {url: "http://10.0.0.5:8080"}
//
// and opened to a group here:
//
//   @id("staff-read-the-wiki")
//   permit (principal in Group::"staff", action in [Action::"authorize", Action::"access"], resource == Resource::"wiki");

@id("everybody-signs-in-to-apps")
permit (principal is User, action == Action::"login", resource);
`

func writeNew(name, text string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// enrol opens the deployment once, which applies what was just written, and makes the link.
func (f *initFlags) enrol(ctx context.Context, dir string) (link string, err error) {
	c, err := config.Load("", []string{"SYMBOLON_ISSUER=http://id.localhost", "SYMBOLON_ROLES=issuer",
		"SYMBOLON_DATA=" + filepath.Join(dir, "data"), "SYMBOLON_DECLARED=" + filepath.Join(dir, "declared")})
	if err != nil {
		return "", err
	}
	c.Issuer = f.issuer // nothing is served here, so a certificate is not needed yet
	a, err := app.New(ctx, app.Options{Config: c, Version: version, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.Enrol(ctx, f.admin)
}
