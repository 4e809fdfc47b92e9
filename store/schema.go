package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
)

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
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	goose, err := provider(db, files)
	if err != nil {
		return err
	}
	return s.check(latest(goose))
}
