package listen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Only sock_diag(7) reports the queue of a unix socket. The request names the socket by its inode and asks for UDIAG_SHOW_RQLEN.
// Everything is in the machine's byte order. From linux/unix_diag.h:
//
//	request   16 B  struct nlmsghdr
//	          1 B   family AF_UNIX, 1 B protocol 0, 2 B padding
//	          4 B   states, any
//	          4 B   inode
//	          4 B   what to show
//	          8 B   cookie of the socket, all ones: any
//	answer    16 B  struct nlmsghdr
//	          16 B  struct unix_diag_msg
//	          attributes: 2 B length with this header, 2 B type, value, padded to 4 B
const (
	unixDiagRequestSize = unix.SizeofNlMsghdr + 24
	unixDiagMessageSize = 16

	showQueue      = 0x10 // UDIAG_SHOW_RQLEN
	queueAttribute = 4    // UNIX_DIAG_RQLEN: 4 B length, 4 B limit
)

func unixQueue(fd int) (length, limit int, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, 0, os.NewSyscallError("fstat", err)
	}
	diag, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, 0, os.NewSyscallError("socket NETLINK_SOCK_DIAG", err)
	}
	defer unix.Close(diag)
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(diag, unixDiagRequest(uint32(st.Ino)), 0, kernel); err != nil {
		return 0, 0, os.NewSyscallError("sendto", err)
	}
	// The answer is queued when the request has been sent.
	answer := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(diag, answer, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, 0, os.NewSyscallError("recvfrom", err)
	}
	return parseUnixDiag(answer[:n])
}

func unixDiagRequest(inode uint32) []byte {
	b := binary.NativeEndian.AppendUint32(make([]byte, 0, unixDiagRequestSize), unixDiagRequestSize)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence and port are not needed for one request
	b = append(b, unix.AF_UNIX, 0, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0))
	b = binary.NativeEndian.AppendUint32(b, inode)
	b = binary.NativeEndian.AppendUint32(b, showQueue)
	return binary.NativeEndian.AppendUint64(b, ^uint64(0))
}

// parseUnixDiag parses the queue in an answer.
func parseUnixDiag(answer []byte) (length, limit int, err error) {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil || len(messages) == 0 {
		return 0, 0, fmt.Errorf("sock_diag: answer of %d bytes is malformed", len(answer))
	}
	m := messages[0]
	switch {
	case m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4:
		return 0, 0, os.NewSyscallError("sock_diag", unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data))))
	case m.Header.Type != unix.SOCK_DIAG_BY_FAMILY || len(m.Data) < unixDiagMessageSize:
		return 0, 0, fmt.Errorf("sock_diag: answer of type %d with %d bytes", m.Header.Type, len(m.Data))
	}
	for b := m.Data[unixDiagMessageSize:]; len(b) >= unix.SizeofNlAttr; {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			break
		}
		if value := b[unix.SizeofNlAttr:size]; binary.NativeEndian.Uint16(b[2:]) == queueAttribute && len(value) >= 8 {
			return int(binary.NativeEndian.Uint32(value)), int(binary.NativeEndian.Uint32(value[4:])), nil
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return 0, 0, errors.New("sock_diag: no queue in the answer")
}
