package handoff

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// maxNotice is the longest message that is understood, in bytes; systemd's limit.
const maxNotice = 4096

// Mailbox is where a master hears one worker's notices: an abstract unix socket of its own, which needs no place in the
// file system and ends with the master.
type Mailbox struct {
	conn *net.UnixConn
	uid  uint32
}

// NewMailbox opens a mailbox for a worker that runs as this user. The caller closes it.
func NewMailbox() (*Mailbox, error) {
	fail := func(err error) (*Mailbox, error) { return nil, fmt.Errorf("open notify socket: %w", err) }
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"}) // no name: the kernel finds one
	if err != nil {
		return fail(err)
	}
	err = onDescriptor(conn, func(fd int) error {
		return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1))
	})
	if err != nil {
		_ = conn.Close()
		return fail(err)
	}
	return &Mailbox{conn, uint32(os.Geteuid())}, nil
}

// Address is what the worker is told in NOTIFY_SOCKET.
func (m *Mailbox) Address() string { return m.conn.LocalAddr().String() }

// Receive waits for the next notice. Messages of other users are passed over: anybody on the machine can send here.
// It ends with an error when the mailbox is closed.
func (m *Mailbox) Receive() (Notice, error) {
	message := make([]byte, maxNotice)
	// Room for the credentials and for some descriptors, which must be closed where somebody sends them.
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

// sender is the user who sent a message. Descriptors that came with it are closed, which is also what tells
// systemd-notify(1) that the message has been read.
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
