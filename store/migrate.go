package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate creates the database, where there is none, and brings its schema up to that of this program. It returns the
// version before and after, which are the same where there was nothing to do. Processes that call it at once do so one
// after the other; those that have the database open go on with it, and their writes wait.
//
// Each version is a transaction: what a Migrate that was killed has not done, the next one does. It fails with ErrBusy if
// others have written for all of Options.Timeout, and also where this program may no longer use the database. A
// file that is not a database of this program is left as it is.
func Migrate(ctx context.Context, database string, options Options) (before, after int64, err error) {
	path, err := pathOf(database)
	if err != nil {
		return 0, 0, err
	}
	before, after, err = migrate(ctx, path, options.withDefaults())
	if err != nil {
		return 0, 0, fmt.Errorf("migrate database %s: %w", path, classified(err))
	}
	return before, after, nil
}

func migrate(ctx context.Context, path string, options Options) (before, after int64, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return 0, 0, err
	}
	if err := checkGone(path); err != nil {
		return 0, 0, err
	}
	if err := createEmpty(path); err != nil {
		return 0, 0, err
	}
	if path, err = resolve(path); err != nil {
		return 0, 0, err
	}
	file, err := identify(path)
	if err != nil {
		return 0, 0, err
	}
	if err := checkGone(path); err != nil { // where a symlink leads, too
		return 0, 0, err
	}
	patience, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	tenancy, err := enterKnown(patience, file)
	if err != nil {
		return 0, 0, err
	}
	defer tenancy.leave()
	db := openPool(file, forWriting, options)
	defer db.Close()
	if _, err := readSchema(ctx, db); err != nil { // it is something else: not even a lock file is to be left beside it
		return 0, 0, err
	}
	turn := newTurnstile(path)
	defer turn.close() // which releases it
	if err := acquireWithin(ctx, turn, options); err != nil {
		return 0, 0, err
	}
	goose, err := ours(db)
	if err != nil {
		return 0, 0, err
	}
	return up(ctx, db, goose)
}

func acquireWithin(ctx context.Context, turn *turnstile, options Options) error {
	patience, cancel := context.WithTimeoutCause(ctx, options.Timeout, ErrBusy)
	defer cancel()
	err := turn.acquire(patience)
	if err != nil && errors.Is(context.Cause(patience), ErrBusy) {
		return fmt.Errorf("%w: others have been writing for %v", ErrBusy, options.Timeout)
	}
	return err
}

// up does the migrations that the database has not seen.
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
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode); err != nil {
		return 0, 0, err
	}
	if mode != "wal" {
		return 0, 0, errors.New("its file system has no shared memory, which WAL mode needs")
	}
	if _, err := goose.Up(ctx); err != nil {
		return 0, 0, err
	}
	is, err := readSchema(ctx, db)
	return was.version, is.version, err
}

// ours does the migrations of this program.
func ours(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return provider(db, files)
}

// provider does migrations, each in a transaction.
func provider(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// latest is the version of the schema that a program with these migrations wants.
func latest(p *goose.Provider) int64 {
	sources := p.ListSources()
	return sources[len(sources)-1].Version
}
