package handoff

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"multiproc/internal/osfile"
)

// maxNotice is the longest message that is accepted, in bytes; it is systemd's limit.
const maxNotice = 4096

// Mailbox receives the notices of one worker: an abstract unix socket, which needs no file and disappears with the master.
type Mailbox struct {
	conn *net.UnixConn
	uid  uint32
}

// NewMailbox opens a mailbox for a worker that runs as the same user. The caller closes it.
func NewMailbox() (*Mailbox, error) {
	fail := func(err error) (*Mailbox, error) { return nil, fmt.Errorf("open notify socket: %w", err) }
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"}) // the kernel chooses a name
	if err != nil {
		return fail(err)
	}
	if err := syscall.SetsockoptInt(int(osfile.FD(conn)), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1); err != nil {
		_ = conn.Close()
		return fail(os.NewSyscallError("setsockopt", err))
	}
	return &Mailbox{conn, uint32(os.Geteuid())}, nil
}

// Address returns the value of NOTIFY_SOCKET for the worker.
func (m *Mailbox) Address() string { return m.conn.LocalAddr().String() }

// Receive waits for the next notice. It ignores messages of other users, since any process on the machine can send here. It fails
// when the mailbox is closed.
func (m *Mailbox) Receive() (Notice, error) {
	message := make([]byte, maxNotice)
	// Room for the credentials, and for descriptors, which must be closed if a process sends any.
	control := make([]byte, 512)
	for {
		n, controlled, flags, _, err := m.conn.ReadMsgUnix(message, control)
		if err != nil {
			return Notice{}, fmt.Errorf("receive notice: %w", err)
		}
		uid, ok := sender(control[:controlled])
		if ok && flags&syscall.MSG_TRUNC == 0 && (uid == m.uid || uid == 0) {
			return parseNotice(message[:n]), nil
		}
	}
}

// Close ends a Receive that waits.
func (m *Mailbox) Close() error { return m.conn.Close() }

// sender returns the user that sent a message. It closes descriptors that came with it, by which systemd-notify(1) notices that the
// message has been read.
func sender(control []byte) (uid uint32, ok bool) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return 0, false
	}
	for _, message := range messages {
		if rights, err := syscall.ParseUnixRights(&message); err == nil {
			for _, fd := range rights {
				_ = syscall.Close(fd)
			}
		}
		if credentials, err := syscall.ParseUnixCredentials(&message); err == nil {
			uid, ok = credentials.Uid, true
		}
	}
	return uid, ok
}
