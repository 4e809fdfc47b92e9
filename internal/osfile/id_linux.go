// Package osfile has the file operations that the standard library lacks and several packages need: the identity of a
// file, locks that belong to an open file, and opening without following symbolic links.
//
// Descriptors are plain integers, which are not in the runtime's poller. Errors of calls that take a path are
// [*fs.PathError]; those of calls that take a descriptor are bare errno values for the caller to wrap.
package osfile

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// ID identifies a file on this machine, whatever its name. IDs are comparable; the zero ID is no file's.
//
// The kernel may give the same ID to a new file once the old one has no name and no process has it open.
type ID struct{ Device, Inode uint64 }

// IDFromStat returns the ID in the result of a stat call.
func IDFromStat(st *unix.Stat_t) ID { return ID{st.Dev, st.Ino} }

// Identify returns the ID of the file at path, following symbolic links. It opens nothing.
func Identify(path string) (ID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ID{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return IDFromStat(&st), nil
}

// IdentifyNoFollow is Identify without following a symbolic link at path itself.
func IdentifyNoFollow(path string) (ID, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return ID{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return IDFromStat(&st), nil
}

// IdentifyFD returns the ID of an open file.
func IdentifyFD(fd int) (ID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return ID{}, err
	}
	return IDFromStat(&st), nil
}

// IsAt reports whether the file is at path. A symbolic link there is not followed.
func (id ID) IsAt(path string) bool {
	found, err := IdentifyNoFollow(path)
	return err == nil && found == id
}

// IsRegular reports whether the result of a stat call is that of a regular file.
func IsRegular(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }
