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
var embedded embed.FS

// migrations returns the migrations of this program.
func migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return files
}

// Migrate creates the database if there is none, and brings its schema up to that of this program. It returns the versions
// before and after, which are the same if there was nothing to do. Concurrent calls, including those of other processes,
// run one after the other; processes that have the database open can still read, and their updates wait.
//
// Each version is a transaction: if Migrate is killed, the next call does the rest. It fails with ErrBusy if others write for
// longer than Options.Timeout. A file that is no database of this program is left as it is, and so is one whose schema is too
// new for this program: both are errors.
func Migrate(ctx context.Context, database string, options Options) (before, after int64, err error) {
	path, err := sqlite.Path(database)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate database: %w", err)
	}
	before, after, err = migrate(ctx, path, options, migrations())
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

// applicationID is stored in the header of the file and marks a database of this program: "mptx".
const applicationID = 0x6d707478

// toMigrate is the advice about a schema that is too old or missing.
const toMigrate = `run "multiproc migrate"`

// Errors of a schema that this program cannot use.
var (
	errSchemaOld = errors.New("schema is older than this program")
	errSchemaNew = errors.New("schema is too new for this program")
)

// schema is the version of a database. The zero value is that of an empty one, or one whose first migration was interrupted.
type schema struct {
	version int64
	oldest  int64 // the oldest version whose programs can still use it
}

func readSchema(ctx context.Context, db *sql.DB) (schema, error) {
	var id, tables, known int64
	err := db.QueryRowContext(ctx, `SELECT application_id,
		(SELECT COUNT(*) FROM sqlite_schema),
		(SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('goose_db_version', 'compatibility'))
		FROM pragma_application_id`).Scan(&id, &tables, &known)
	if err != nil {
		return schema{}, err
	}
	if id != applicationID && (id != 0 || tables != 0) {
		return schema{}, errors.New("it belongs to another program")
	}
	if known < 2 {
		return schema{}, nil
	}
	var s schema
	err = db.QueryRowContext(ctx, "SELECT (SELECT MAX(version_id) FROM goose_db_version), oldest_reader FROM compatibility").
		Scan(&s.version, &s.oldest)
	return s, err
}

// check returns an error unless a program that needs that version can use the schema.
func (s schema) check(program int64) error {
	switch {
	case s.version < program:
		return fmt.Errorf("%w: version %d, want %d: %s", errSchemaOld, s.version, program, toMigrate)
	case program < s.oldest:
		return fmt.Errorf("%w: version %d needs a program of version %d or later, this one has %d", errSchemaNew, s.version, s.oldest, program)
	}
	return nil
}

// checkSchema returns an error unless this program can use the database.
func checkSchema(ctx context.Context, db *sql.DB) error {
	s, err := readSchema(ctx, db)
	if err != nil {
		return err
	}
	goose, err := provider(db, migrations())
	if err != nil {
		return err
	}
	return s.check(latest(goose))
}
