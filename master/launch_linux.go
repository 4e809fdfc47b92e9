package master

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"multiproc/internal/listen"
	"multiproc/internal/osfile"
	"multiproc/worker/handoff"
)

// launch holds what the workers of one generation are started from. All of it stays as it was when the generation began,
// whatever is deployed in the meantime.
type launch struct {
	plan     Plan
	program  *program
	sockets  *listen.Set
	settings *os.File // nil where the workers are foreign
	secrets  *os.File // likewise, and where there are none
}

// newLaunch takes the program over, also when it fails.
func newLaunch(plan Plan, program *program, sockets *listen.Sockets) (*launch, error) {
	l := &launch{plan: plan, program: program}
	var err error
	if !plan.Foreign {
		if l.settings, err = sealedFile("multiproc-settings", plan.Settings); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	if !plan.Foreign && len(plan.Secrets) > 0 {
		if l.secrets, err = sealedFile("multiproc-secrets", plan.Secrets); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	if l.sockets, err = sockets.Open(plan.Sockets); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// close gives up everything; the sockets must have been closed before.
func (l *launch) close() error {
	var errs []error
	for _, file := range []*os.File{l.settings, l.secrets} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(append(errs, l.program.close())...)
}

// closeSockets closes those that no other launch shares, and with unlink removes the files of unix sockets.
func (l *launch) closeSockets(unlink bool) error { return l.sockets.Close(unlink) }

// start starts a worker. It must be called on a thread that lives as long as the worker shall: see handoff.Become.
//
// Everything is passed as a raw descriptor: os/exec, and whatever else calls File.Fd, makes a socket block, for all
// processes that share it.
func (l *launch) start(who handoff.Identity) (_ *process, err error) {
	p := &process{identity: who}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start worker %s: %w", who.ID, err), p.close())
		}
	}()
	sockets, names, err := l.sockets.Descriptors(int(who.Slot))
	if err != nil {
		return nil, err
	}
	if p.mailbox, err = handoff.NewMailbox(); err != nil {
		return nil, err
	}
	var lifeline *os.File
	if p.tether, lifeline, err = handoff.NewLifeline(); err != nil {
		return nil, err
	}
	defer lifeline.Close()
	var stderr *os.File
	if p.stderr, stderr, err = newCapture(); err != nil {
		return nil, err
	}
	defer stderr.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()

	out := handoff.Outfit{Identity: who, Names: names, Notify: p.mailbox.Address(), Watchdog: l.plan.Limits.Heartbeat}
	files := []uintptr{osfile.FD(null), 1, osfile.FD(stderr)}
	if l.plan.Foreign {
		files[1] = files[2] // it cannot be told to reopen the log
	}
	for _, fd := range sockets {
		files = append(files, uintptr(fd))
	}
	if l.plan.Foreign {
		files = append(files, osfile.FD(lifeline))
	} else {
		out.Names = append(out.Names, handoff.ConfigName, handoff.LifelineName, handoff.LogName)
		files = append(files, osfile.FD(l.settings), osfile.FD(lifeline), 2)
		if l.secrets != nil {
			out.Names = append(out.Names, handoff.SecretsName)
			files = append(files, osfile.FD(l.secrets))
		}
	}
	if !l.plan.Limits.Notifies {
		out.Notify = ""
	}
	p.pid, err = syscall.ForkExec(l.program.exec(), l.plan.Args, &syscall.ProcAttr{
		Dir:   l.plan.Dir,
		Env:   out.Environ(l.plan.Env),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // a terminal's signals are the master's
	})
	if err != nil {
		return nil, explain(err, l.program, l.plan.Dir)
	}
	return p, nil
}

// explain names what it is that the kernel has not found, when a program could not be started in a directory.
func explain(err error, program *program, dir string) error {
	if dir != "" {
		if _, failed := os.Stat(dir); failed != nil {
			return fmt.Errorf("change directory: %w", failed)
		}
	}
	return fmt.Errorf("%s: %w", program.path, err)
}
