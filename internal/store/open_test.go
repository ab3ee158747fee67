package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/store"
	"symbolon.dev/internal/store/storetest"
)

func open(url string) error {
	db, err := store.Open(context.Background(), store.Options{URL: url})
	if err != nil {
		return err
	}
	return db.Close()
}

// S47: nobody else on the machine can read the file, nor its logs, not even one that was open before.
func TestSQLiteFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "odd #name?%41.db")
	db := storetest.Open(t, "sqlite:"+path)
	if err := db.Commit(context.Background(), symbolon.Event{Type: symbolon.LoginFailed}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(f.Name(), "odd #name?%41.db") {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}

	loose := filepath.Join(t.TempDir(), "loose.db")
	if err := os.WriteFile(loose, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open("sqlite:" + loose); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(loose); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file that was open to others: %v, %v", info.Mode(), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"":                                           "sqlite:PATH",
		"mysql://x":                                  "sqlite:PATH",
		"sqlite:":                                    "path is missing",
		"sqlite:/proc/none/x.db":                     "no such file",
		"sqlite:" + text:                             "not a database",
		"postgres://u:secret@h:port/x":               "cannot parse",
		"postgres://h/x":                             "not encrypted", // S44: every hop, and pgx would fall back to the clear
		"postgres://h/x?sslmode=disable":             "not encrypted",
		"postgres://h/x?sslmode=allow":               "not encrypted",
		"postgres://h/x?sslmode=prefer":              "not encrypted",
		"postgres://10.0.0.1,127.0.0.1/x":            "not encrypted",
		"postgres://127.0.0.1:1/x":                   "connect", // it tried
		"postgres:///x?host=/nowhere":                "connect",
		"postgres://localhost:1/x":                   "connect",
		"postgres://[::1]:1/x":                       "connect",
		"postgres://h.invalid/x?sslmode=verify-full": "h.invalid",
	} {
		err := open(url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// Replicas that start together on an empty database make its schema once.
func TestOpenTogether(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := url(t)
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					if err := open(url); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
		})
	}
}

// A newer binary's schema is used as long as that binary has not said that older ones cannot.
func TestOpenAfterANewerBinary(t *testing.T) {
	url := storetest.SQLiteURL(t)
	change := func(statement string) {
		raw, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
		if err == nil {
			_, err = raw.Exec(statement)
			_ = raw.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := open(url); err != nil {
		t.Fatal(err)
	}
	change(`INSERT INTO schema_version (version_id, is_applied) VALUES (99, 1)`)
	if err := open(url); err != nil {
		t.Fatalf("an additive schema: %v", err)
	}
	change(`UPDATE schema_floor SET version = 99`)
	if err := open(url); err == nil || storetest.KindOf(err) != symbolon.Invalid {
		t.Fatalf("an incompatible schema: %v", err)
	}
}
