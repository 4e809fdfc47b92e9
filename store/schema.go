package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
)

// applicationID stands in the header of the file and says that the database is this program's: "mptx".
const applicationID = 0x6d707478

// toMigrate is what to do about a schema that is too old, or not there.
const toMigrate = `run "multiproc migrate"`

// What is wrong with a schema.
var (
	errSchemaOld = errors.New("schema is older than this program")
	errSchemaNew = errors.New("schema is newer than this program may use")
)

// schema is that of a database. Its zero value is that of an empty one, or one whose first migration was cut short.
type schema struct {
	version int64
	oldest  int64 // the oldest version whose programs may still use it
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
		return schema{}, errors.New("it is a database of another program")
	}
	if known < 2 {
		return schema{}, nil
	}
	var s schema
	err = db.QueryRowContext(ctx, "SELECT (SELECT MAX(version_id) FROM goose_db_version), oldest_reader FROM compatibility").
		Scan(&s.version, &s.oldest)
	return s, err
}

// check tells whether a program with that version of the schema may use it.
func (s schema) check(program int64) error {
	switch {
	case s.version < program:
		return fmt.Errorf("%w: version %d, not %d: %s", errSchemaOld, s.version, program, toMigrate)
	case program < s.oldest:
		return fmt.Errorf("%w: version %d is for version %d and later, not for %d", errSchemaNew, s.version, s.oldest, program)
	}
	return nil
}

// checkSchema tells whether this program may use a database.
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
