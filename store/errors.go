package store

import (
	"errors"

	"multiproc/store/internal/sqlite"
)

// Errors that callers branch on, with errors.Is. See also InvalidError.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = sqlite.ErrExists      // another row has the value that must be unique
	ErrBusy        = sqlite.ErrBusy        // other processes have been writing for too long: try again
	ErrUnavailable = sqlite.ErrUnavailable // removed, replaced, read-only, full or damaged
	ErrClosed      = sqlite.ErrClosed      // by Store.Close
)
