package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/key"
)

// openVault finds the master key: the environment, else a file, else (for the embedded store
// alone) a new one. With a shared store a missing key is an error, because a second replica
// that made its own could open nothing.
func openVault(c *config.Config) (*key.Vault, error) {
	if !c.MasterKey.Empty() {
		return vaultOf(c.MasterKey.Reveal(), "master_key")
	}
	text, err := os.ReadFile(c.MasterKeyFile)
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(c.Store, "sqlite:") {
		return newMasterKey(c.MasterKeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w; make one with: head -c32 /dev/urandom | base64", err)
	}
	return vaultOf(string(text), c.MasterKeyFile)
}

func vaultOf(text, from string) (*key.Vault, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("master key: %s must hold 32 bytes in base64", from)
	}
	return key.NewVault(symbolon.NewSecret(string(raw)))
}

func newMasterKey(file string) (*key.Vault, error) {
	var raw [32]byte
	_, _ = rand.Read(raw[:])
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString(raw[:])
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = out.WriteString(text + "\n")
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return vaultOf(text, file)
}
