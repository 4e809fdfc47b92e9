package master

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// sealedFile makes a file in memory whose content nobody can change any more, whoever gets it. The caller closes it.
// The name shows in /proc only.
func sealedFile(name string, data []byte) (_ *os.File, err error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3, files could not be said to be no programs
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make file %s in memory: %w", name, os.NewSyscallError("memfd_create", err))
	}
	file := os.NewFile(uintptr(fd), name)
	if _, err = file.Write(data); err == nil {
		const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make file %s in memory: %w", name, err), file.Close())
	}
	return file, nil
}
