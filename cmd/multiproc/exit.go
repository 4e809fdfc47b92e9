package main

import (
	"errors"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// exitCode is what the process exits with.
type exitCode int

const (
	exitOK        exitCode = 0 // it was asked to stop; the command has done what it was to do
	exitFailed    exitCode = 1 // the command could not do what it was asked for
	exitUsage     exitCode = 2 // it was asked wrongly: arguments, configuration
	exitNoneReady exitCode = 3 // no worker became ready
	exitInUse     exitCode = 4 // an address, a pidfile or a directory is somebody else's
)

// exitCodeOf tells of the error that the process ends with, if any.
func exitCodeOf(err error) exitCode {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, master.ErrNoneReady):
		return exitNoneReady
	case errors.Is(err, listen.ErrInUse), errors.Is(err, mpmetrics.ErrHeld):
		return exitInUse
	}
	if _, ok := errors.AsType[*cli.UsageError](err); ok {
		return exitUsage
	}
	return exitFailed
}
