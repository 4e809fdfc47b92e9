package admin

import (
	"errors"

	"multiproc/store"
)

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

func asInvalid(err error) (*store.InvalidError, bool) { return errors.AsType[*store.InvalidError](err) }
