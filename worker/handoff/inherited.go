package handoff

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// maxConfig bounds the settings that a worker reads, and the secrets, in bytes.
const maxConfig = 16 << 20

// Listener is an inherited socket.
type Listener struct {
	net.Listener
	Name string // from LISTEN_FDNAMES
}

// Inherited is what this process was started with, by a master or by systemd.
type Inherited struct {
	Identity  Identity   // zero where no master started it
	Listeners []Listener // in the order of their descriptors
	Config    []byte     // the settings of its generation; nil where there are none
	Secrets   []byte     // of its generation, which are not for the settings; nil where there are none
	Lifeline  *Lifeline  // nil where there is none

	log *os.File // see UseLog; nil where there is none
}

// Inherit takes over what the process was started with, and clears the variables that say so: only the first call
// finds anything. The caller owns the listeners and the lifeline.
//
// The sockets must not block (see sd_listen_fds(3)); one that does is set so.
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
	defer func() { // a listener has a descriptor of its own, the lifeline keeps its file
		for _, file := range files {
			if file != in.log && (in.Lifeline == nil || file != in.Lifeline.file) {
				_ = file.Close()
			}
		}
	}()
	for i, file := range files {
		switch file.Name() {
		case ConfigName:
			in.Config, err = readAll(file)
		case SecretsName:
			in.Secrets, err = readAll(file)
		case LifelineName:
			in.Lifeline = &Lifeline{file}
		case LogName:
			in.log = file
		default:
			var l net.Listener
			if l, err = net.FileListener(file); err == nil {
				keepPath(l)
				in.Listeners = append(in.Listeners, Listener{l, file.Name()})
			}
		}
		if err != nil {
			return fail(fmt.Errorf("%s (descriptor %d): %w", file.Name(), 3+i, err))
		}
	}
	return &in, nil
}

// keepPath leaves a unix socket's path alone at Close: it is its maker's, and the other workers still listen there.
func keepPath(l net.Listener) {
	if unix, ok := l.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
}

// readAll reads from the beginning whatever others have read: all workers share one offset.
func readAll(file *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(file, 0, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = syscall.EFBIG
	}
	return data, err
}

// Close closes the listeners, the lifeline and the log. Those that were closed before are no error.
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
