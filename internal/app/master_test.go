package app

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, environ ...string) error {
	t.Helper()
	a, err := New(context.Background(), Options{Config: load(t, append([]string{"SYMBOLON_ROLES=issuer"}, environ...)...), Log: quiet()})
	if err == nil {
		err = a.Close()
	}
	return err
}

// S47: the embedded store makes its own key once; nobody else may read it.
func TestTheFirstStartMakesAMasterKey(t *testing.T) {
	data := t.TempDir()
	for range 2 {
		if err := open(t, "SYMBOLON_DATA="+data); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(data, "master.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
}

// A second replica that made its own key could open nothing: it must say so and not start.
func TestASharedStoreNeedsAMasterKey(t *testing.T) {
	data := t.TempDir()
	err := open(t, "SYMBOLON_DATA="+data, "SYMBOLON_STORE=postgres://nobody@127.0.0.1:1/none")
	if err == nil || !strings.Contains(err.Error(), "master key") || !strings.Contains(err.Error(), "head -c32 /dev/urandom | base64") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(data, "master.key")); err == nil {
		t.Error("a key was made")
	}
}

func TestAWrongMasterKeyIsSaidToBeWrong(t *testing.T) {
	data := t.TempDir()
	if err := open(t, "SYMBOLON_DATA="+data); err != nil {
		t.Fatal(err)
	}
	other := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	for name, c := range map[string]struct{ key, want string }{
		"another key": {other, "another master key"},
		"too short":   {"c2hvcnQ=", "32 bytes in base64"},
		"no base64":   {"?", "32 bytes in base64"},
	} {
		t.Run(name, func(t *testing.T) {
			err := open(t, "SYMBOLON_DATA="+data, "SYMBOLON_MASTER_KEY="+c.key)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.key+"=") || strings.Contains(err.Error(), other) {
				t.Errorf("%v", err)
			}
		})
	}
}
