package storetest

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"symbolon.dev"
	"symbolon.dev/internal/store"
)

// PostgresEnv names the environment variable with the URL of a superuser, in whose server each test
// gets a database of its own.
const PostgresEnv = "SYMBOLON_TEST_POSTGRES"

// Postgres opens a fresh store on PostgreSQL that ends with the test.
func Postgres(t testing.TB, with ...func(*store.Options)) *store.DB {
	t.Helper()
	return Open(t, PostgresURL(t), with...)
}

// PostgresURL makes an empty database that is dropped after the test, and gives its URL: several
// stores may open it, as replicas do.
func PostgresURL(t testing.TB) string {
	t.Helper()
	admin, err := url.Parse(os.Getenv(PostgresEnv))
	if err != nil || admin.Scheme == "" {
		t.Fatalf("%s is not set: run `make test`, or set it to what `scripts/postgres start DIR` prints", PostgresEnv)
	}
	name := "test_" + strings.TrimPrefix(symbolon.NewRequestID(), "req_")
	server := admin.String()
	administer(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { administer(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	admin.Path = "/" + name
	return admin.String()
}

func administer(t testing.TB, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err == nil {
		_, err = conn.Exec(context.Background(), sql)
		_ = conn.Close(context.Background())
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
