package osfile

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// limitError is an error that is due to the limit of open files.
type limitError struct {
	error
	limit uint64
}

func (e *limitError) Error() string {
	return fmt.Sprintf("%v (RLIMIT_NOFILE is %d: raise LimitNOFILE= of the unit, or ulimit -Hn)", e.error, e.limit)
}

func (e *limitError) Unwrap() error { return e.error }

// ExplainLimit adds the limit of open files to an error that is due to it, once.
func ExplainLimit(err error) error {
	var limit unix.Rlimit
	if _, explained := errors.AsType[*limitError](err); explained || !errors.Is(err, unix.EMFILE) ||
		unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return err
	}
	return &limitError{err, limit.Max}
}
