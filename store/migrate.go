package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"multiproc/store/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate creates the database if there is none, and brings its schema up to that of this program. It returns the versions
// before and after, which are the same if there was nothing to do. Concurrent calls, of other processes too, do so one after
// the other; processes that have the database open go on, and their writes wait.
//
// Each version is a transaction: if Migrate is killed, the next call does the rest. It fails with ErrBusy if others write for
// longer than Options.Timeout. A file that is no database of this program is left as it is, and so is one whose schema is too
// new for this program: both are errors.
func Migrate(ctx context.Context, database string, options Options) (before, after int64, err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return 0, 0, err
	}
	path, err := sqlite.Path(database)
	if err != nil {
		return 0, 0, err
	}
	before, after, err = migrate(ctx, path, options, files)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate database %s: %w", path, err)
	}
	return before, after, nil
}

// migrate is Migrate for a program with these migrations.
func migrate(ctx context.Context, path string, options Options, files fs.FS) (before, after int64, err error) {
	engine := options.engine()
	engine.Check = func(ctx context.Context, db *sql.DB) error {
		_, err := readSchema(ctx, db)
		return err
	}
	err = sqlite.Migrate(ctx, path, engine, func(ctx context.Context, db *sql.DB) error {
		goose, err := provider(db, files)
		if err != nil {
			return err
		}
		before, after, err = up(ctx, db, goose)
		return err
	})
	return before, after, err
}

// up applies the migrations that the database lacks.
func up(ctx context.Context, db *sql.DB, goose *goose.Provider) (before, after int64, err error) {
	was, err := readSchema(ctx, db)
	if err != nil {
		return 0, 0, err
	}
	if err := was.check(latest(goose)); err != nil && !errors.Is(err, errSchemaOld) {
		return 0, 0, err
	}
	if was.version == 0 {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return 0, 0, err
		}
	}
	if _, err := goose.Up(ctx); err != nil {
		return 0, 0, err
	}
	is, err := readSchema(ctx, db)
	return was.version, is.version, err
}

// provider returns goose with these migrations, each of which is a transaction.
func provider(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// latest returns the version of the schema that a program with these migrations needs.
func latest(p *goose.Provider) int64 {
	sources := p.ListSources()
	return sources[len(sources)-1].Version
}
