package demo

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"symbolon.dev"
	"symbolon.dev/internal/declare"
	"symbolon.dev/token"
)

//go:embed declared
var declared embed.FS

// services that have a client secret, in the order in which they are shown.
var credentialed = []string{"orders", "billing", "operator", "desk"}

// place fills in what only this run knows: the port, the sockets, the secrets.
type place struct {
	origin  func(host string) string
	socket  func(app string) string
	secrets map[string]symbolon.Secret
}

func newSecrets() map[string]symbolon.Secret {
	secrets := map[string]symbolon.Secret{}
	for _, name := range credentialed {
		secrets[name] = token.NewOpaque(token.PrefixSecret)
	}
	return secrets
}

// set is the sample deployment in the very form that `symbolon apply` takes.
func (p place) set() (declare.Set, error) {
	dir, err := os.MkdirTemp("", "symbolon-declared-")
	if err != nil {
		return declare.Set{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := p.write(dir); err != nil {
		return declare.Set{}, err
	}
	return declare.Read(dir, func(name string) string { return p.secrets[name].Reveal() })
}

func (p place) write(dir string) error {
	return fs.WalkDir(declared, "declared", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := declared.ReadFile(path)
		if err != nil {
			return err
		}
		filled, err := template.New(path).Funcs(template.FuncMap{"origin": p.origin, "socket": p.socket}).Parse(string(text))
		if err != nil {
			return err
		}
		var out strings.Builder
		if err := filled.Execute(&out, nil); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(out.String()), 0o600)
	})
}
