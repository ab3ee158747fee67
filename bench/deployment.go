package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/token"
)

//go:embed declared
var declared embed.FS

const (
	login    = "ada"
	password = "correct horse battery staple bench"
)

// deployment is the product under test: what it is told, and how to reach it.
type deployment struct {
	*process
	dir, address string
	Socket       string // of the upstream
	PasswordHash string
	secrets      map[string]symbolon.Secret
	log          *os.File
}

func (d *deployment) origin(name string) string { return "http://" + d.host(name) }

func (d *deployment) host(name string) string {
	_, port, _ := net.SplitHostPort(d.address)
	return name + ".localhost:" + port
}

// deploy writes the declared files and starts the product on them. Store is a store URL, "" for
// the embedded database.
func (b *bench) deploy(ctx context.Context, socket, store string) (_ *deployment, err error) {
	d := &deployment{Socket: socket, secrets: map[string]symbolon.Secret{}}
	if d.dir, err = os.MkdirTemp("", "symbolon-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	for _, name := range []string{"caller", "api"} {
		d.secrets[name] = token.NewOpaque(token.PrefixSecret)
	}
	if d.PasswordHash, err = authn.HashPassword(password); err != nil {
		return nil, err
	}
	if d.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if err = d.declare(); err != nil {
		return nil, err
	}
	if d.log, err = os.Create(filepath.Join(d.dir, "log")); err != nil {
		return nil, err
	}
	program, arguments, err := b.productCommand()
	if err != nil {
		return nil, err
	}
	if d.process, err = start(ctx, b.serverCore, d.environment(store), d.log, program, arguments...); err != nil {
		err = fmt.Errorf("%w:\n%s", err, d.lastWords())
	}
	return d, err
}

func (d *deployment) declare() error {
	functions := template.FuncMap{"origin": d.origin, "hash": func(client string) string {
		sum := d.secrets[client].Hash()
		return hex.EncodeToString(sum[:])
	}}
	all, err := template.New("").Funcs(functions).ParseFS(declared, "declared/*")
	if err != nil {
		return err
	}
	for _, one := range all.Templates() {
		var text strings.Builder
		if err := one.Execute(&text, d); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(d.dir, one.Name()), []byte(text.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// environment is all that differs from the defaults. The log goes to a file, a line per request.
func (d *deployment) environment(store string) []string {
	var master [32]byte
	_, _ = rand.Read(master[:])
	environment := []string{"GOMAXPROCS=1", "SYMBOLON_ISSUER=" + d.origin("id"), "SYMBOLON_LISTEN=" + d.address, "SYMBOLON_DATA=" + d.dir,
		"SYMBOLON_DECLARED=" + d.dir, "SYMBOLON_STOP_TIMEOUT=2s", "SYMBOLON_MASTER_KEY=" + base64.StdEncoding.EncodeToString(master[:])}
	if store != "" {
		environment = append(environment, "SYMBOLON_STORE="+store)
	}
	return environment
}

func (d *deployment) lastWords() string {
	text, _ := os.ReadFile(d.log.Name())
	return string(text[max(0, len(text)-4096):])
}

func (d *deployment) stop() {
	if d.process != nil {
		d.process.stop()
	}
	if d.log != nil {
		_ = d.log.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// freeAddress is free when it is asked for; the issuer's name has its port, so it cannot be told later.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
