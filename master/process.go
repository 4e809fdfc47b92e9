package master

import "multiproc/master/internal/proc"

// Usage is the memory and the CPU time that a process uses.
type Usage = proc.Usage

// ReadUsage returns what a process of this machine uses. A process that has ended and has not been reaped has no memory.
func ReadUsage(pid int) (Usage, error) { return proc.ReadUsage(pid) }

// Privileges are the user, the group and the supplementary groups of a process.
type Privileges = proc.Privileges

// Drop gives up the privileges of the process, in all its threads, for these, and makes sure that they cannot be regained. After
// an error some of them may be gone, and the process must not go on.
func Drop(p Privileges) error { return proc.Drop(p) }

// Invoked returns the absolute path that this process was started by, from its name argv0, without resolving symbolic links: it
// leads to the new program after a link has been changed. It must be called before the working directory changes.
func Invoked(argv0 string) (string, error) { return proc.Invoked(argv0) }
