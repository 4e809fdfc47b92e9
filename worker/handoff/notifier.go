package handoff

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// sendPatience is how long a full queue may hold a sender up: its manager may be stopped.
const sendPatience = 100 * time.Millisecond

// Notifier sends a process's state to whoever supervises it. It is safe for concurrent use.
type Notifier struct {
	socket *net.UnixAddr // nil: nobody wants to know
}

// NotifierFromEnviron is the way to this process's manager: its master, or systemd.
func NotifierFromEnviron() *Notifier {
	path := os.Getenv(notifySocket)
	if path == "" {
		return &Notifier{}
	}
	return &Notifier{&net.UnixAddr{Name: path, Net: "unixgram"}}
}

// Send sends a notice. It blocks for a moment at most, and fails where its manager is gone or does not read. Where there is
// no manager it does nothing.
func (n *Notifier) Send(notice Notice) error { return n.SendLines(notice.lines()...) }

// SendLines is Send for a message of lines as sd_notify(3) has them. No lines are no message.
func (n *Notifier) SendLines(lines ...string) error {
	if n.socket == nil || len(lines) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("notify %s: %w", n.socket.Name, err) }
	// A socket of its own for each message, which come seldom: the manager may have been restarted.
	conn, err := net.DialUnix("unixgram", nil, n.socket)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return fail(err)
	}
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fail(err)
	}
	return nil
}
