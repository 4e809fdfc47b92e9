package handoff

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"multiproc/internal/osfile"
)

// maxConfig bounds the size of the settings and that of the secrets, in bytes.
const maxConfig = 16 << 20

// Listener is an inherited socket.
type Listener struct {
	net.Listener
	Name string // from LISTEN_FDNAMES
}

// Inherited contains everything that this process has inherited from a master or from systemd.
type Inherited struct {
	Identity  Identity   // zero without a master
	Listeners []Listener // in the order of their descriptors
	Config    []byte     // the settings of its generation; nil: none
	Secrets   []byte     // the secrets of its generation; nil: none
	Lifeline  *Lifeline  // nil: none

	log *os.File // see UseLog; nil: none
}

// Inherit takes over what the process has inherited and clears the variables of the environment, so that only the first call finds
// anything. The caller owns the listeners and the lifeline.
//
// Sockets are made non-blocking if they are not.
func Inherit() (*Inherited, error) {
	var in Inherited
	fail := func(err error) (*Inherited, error) {
		return nil, errors.Join(fmt.Errorf("take over inherited descriptors: %w", err), in.Close())
	}
	var err error
	if in.Identity, err = identityFromEnviron(); err != nil {
		return fail(err)
	}
	files := activation.Files(true)
	for i, file := range files {
		if err := in.take(file); err != nil {
			for _, rest := range files[i+1:] {
				_ = rest.Close()
			}
			return fail(fmt.Errorf("%s (descriptor %d): %w", file.Name(), 3+i, osfile.ExplainLimit(err)))
		}
	}
	return &in, nil
}

// take takes over one file. The lifeline and the log keep it. A listener has a descriptor of its own, so the file is closed at once:
// there may be as many listeners as the process may have descriptors.
func (in *Inherited) take(file *os.File) (err error) {
	switch file.Name() {
	case LifelineName:
		in.Lifeline = &Lifeline{file}
		return nil
	case LogName:
		in.log = file
		return nil
	}
	defer file.Close()
	switch file.Name() {
	case ConfigName:
		in.Config, err = readAll(file)
	case SecretsName:
		in.Secrets, err = readAll(file)
	default:
		var l net.Listener
		if l, err = net.FileListener(file); err == nil {
			in.Listeners = append(in.Listeners, Listener{l, file.Name()})
		}
	}
	return err
}

// readAll reads from the beginning, whatever the offset, which all workers share.
func readAll(file *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(file, 0, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = syscall.EFBIG
	}
	return data, err
}

// UseLog makes the process write to the log directly. Until then its stderr is a pipe to the master, which passes it on and so
// knows why a worker did not start. It is called when the start has succeeded; without such a pipe it does nothing.
func (in *Inherited) UseLog() error {
	if in.log == nil {
		return nil
	}
	if err := syscall.Dup3(int(osfile.FD(in.log)), 2, 0); err != nil {
		return fmt.Errorf("use log: %w", os.NewSyscallError("dup3", err))
	}
	return in.log.Close()
}

// Close closes the listeners, the lifeline and the log, unless they are closed already.
func (in *Inherited) Close() error {
	var errs []error
	for _, l := range in.Listeners {
		errs = append(errs, l.Close())
	}
	if in.Lifeline != nil {
		errs = append(errs, in.Lifeline.Close())
	}
	if in.log != nil {
		errs = append(errs, in.log.Close())
	}
	for i, err := range errs {
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}
