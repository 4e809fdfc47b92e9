// Package proc starts the processes of a master and deals with what the operating system reports about them: launch, output,
// memory and CPU time, privileges, exits. What to start and when is decided in package fleet.
package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/worker/handoff"
)

// Launch contains everything that the workers of one generation are started from. It remains as it was when the generation began,
// whatever is deployed in the meantime.
type Launch struct {
	Program   *Program
	Args, Env []string
	Dir       string
	Foreign   bool          // see handoff.Become
	Notifies  bool          // the workers send notices
	Heartbeat time.Duration // longest interval between two notices; 0: no limit
	Settings  *os.File      // nil if foreign
	Secrets   *os.File      // nil if foreign or if there are none
}

// Process is a worker's process, with the master's ends of its channels.
type Process struct {
	Identity handoff.Identity
	PID      int
	Mailbox  *handoff.Mailbox
	Tether   *handoff.Tether
	Stderr   *Capture
}

// Start starts a worker that listens on sockets with these names. It must be called on a thread that outlives the worker: see
// handoff.Become.
//
// Everything is passed as a raw descriptor: os/exec, and everything else that calls File.Fd, makes a socket blocking for all
// processes that share it.
func (l *Launch) Start(who handoff.Identity, sockets []int, names []string) (_ *Process, err error) {
	p := &Process{Identity: who}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start worker %s: %w", who.ID, osfile.ExplainLimit(err)), p.Close())
		}
	}()
	if p.Mailbox, err = handoff.NewMailbox(); err != nil {
		return nil, err
	}
	var lifeline *os.File
	if p.Tether, lifeline, err = handoff.NewLifeline(); err != nil {
		return nil, err
	}
	defer lifeline.Close()
	var stderr *os.File
	if p.Stderr, stderr, err = newCapture(); err != nil {
		return nil, err
	}
	defer stderr.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()

	out := handoff.WorkerEnv{Identity: who, Names: names, Notify: p.Mailbox.Address(), Watchdog: l.Heartbeat}
	files := []uintptr{osfile.FD(null), 1, osfile.FD(stderr)}
	if l.Foreign {
		files[1] = files[2] // it cannot reopen the log
	}
	for _, fd := range sockets {
		files = append(files, uintptr(fd))
	}
	if l.Foreign {
		files = append(files, osfile.FD(lifeline))
	} else {
		out.Names = append(out.Names, handoff.ConfigName, handoff.LifelineName, handoff.LogName)
		files = append(files, osfile.FD(l.Settings), osfile.FD(lifeline), 2)
		if l.Secrets != nil {
			out.Names = append(out.Names, handoff.SecretsName)
			files = append(files, osfile.FD(l.Secrets))
		}
	}
	if !l.Notifies {
		out.Notify = ""
	}
	p.PID, err = l.Program.start(l.Args, out.Environ(l.Env), l.Dir, files)
	return p, err
}

// Close closes the program and the files.
func (l *Launch) Close() error {
	var errs []error
	for _, file := range []*os.File{l.Settings, l.Secrets} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(append(errs, l.Program.Close())...)
}

// Signal must not be called after the process has been reaped: another process may have its pid.
func (p *Process) Signal(s syscall.Signal) error {
	if s == syscall.SIGKILL {
		return syscall.Kill(-p.PID, s) // with everything that it has started
	}
	return syscall.Kill(p.PID, s)
}

// Close closes the master's ends. The rest of stderr is still read.
func (p *Process) Close() error {
	var errs []error
	if p.Mailbox != nil {
		errs = append(errs, p.Mailbox.Close())
	}
	if p.Tether != nil {
		errs = append(errs, p.Tether.Close())
	}
	if p.Stderr != nil && p.PID == 0 {
		errs = append(errs, p.Stderr.abandon())
	}
	return errors.Join(errs...)
}

// SealedFile returns a file in memory whose content cannot be changed any more by any process that gets it. The caller closes
// it. The name is shown in /proc only.
func SealedFile(name string, data []byte) (_ *os.File, err error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3 has no MFD_NOEXEC_SEAL
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("create file %s in memory: %w", name, os.NewSyscallError("memfd_create", err))
	}
	file := os.NewFile(uintptr(fd), name)
	if _, err = file.Write(data); err == nil {
		const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create file %s in memory: %w", name, err), file.Close())
	}
	return file, nil
}
