package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"symbolon.dev"
)

// migrateTries: another process may be making the same schema. Each migration is a transaction, so the
// loser of the race finds it done when it looks again.
const migrateTries = 5

//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date. A schema newer than this binary is left alone, unless
// the binary that made it has said, in schema_floor, that older ones cannot use it.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, dir string, more ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations/"+dir)
	if err != nil {
		return err
	}
	more = append(more, goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))
	provider, err := goose.NewProvider(dialect, db, files, more...)
	if err != nil {
		return err
	}
	for range migrateTries {
		if _, err = provider.Up(ctx); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	var floor int64
	if err := db.QueryRowContext(ctx, "SELECT version FROM schema_floor").Scan(&floor); err != nil {
		return err
	}
	if floor > known {
		return symbolon.Errorf(symbolon.Invalid, "the database needs a binary that knows schema %d; this one knows %d", floor, known)
	}
	return nil
}
