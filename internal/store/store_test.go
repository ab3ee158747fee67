package store_test

import (
	"testing"

	"symbolon.dev/internal/store/storetest"
)

// S15, S20, S44: both engines keep the same laws.
func TestSQLite(t *testing.T)   { storetest.Run(t, storetest.SQLiteURL) }
func TestPostgres(t *testing.T) { storetest.Run(t, storetest.PostgresURL) }
