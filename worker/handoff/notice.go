package handoff

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Notice is a message of sd_notify(3), as far as it is understood here.
type Notice struct {
	Ready    bool   // READY=1: it serves
	Alive    bool   // WATCHDOG=1: a heartbeat
	Stuck    bool   // WATCHDOG=trigger: a request hangs, it must be replaced
	Stopping bool   // STOPPING=1: it will exit; if that was not requested, it asks to be replaced and serves until TERM
	Status   string // STATUS=…: for people
}

// The lines of a message.
const (
	ready    = "READY=1"
	alive    = "WATCHDOG=1"
	stuck    = "WATCHDOG=trigger"
	stopping = "STOPPING=1"
	status   = "STATUS="
)

// parseNotice ignores lines that it does not know.
func parseNotice(message []byte) Notice {
	var n Notice
	for line := range strings.Lines(string(message)) {
		switch line = strings.TrimRight(line, "\n"); line {
		case ready:
			n.Ready = true
		case alive:
			n.Alive = true
		case stuck:
			n.Stuck = true
		case stopping:
			n.Stopping = true
		default:
			if text, ok := strings.CutPrefix(line, status); ok {
				n.Status = strings.ToValidUTF8(text, "\uFFFD")
			}
		}
	}
	return n
}

func (n Notice) lines() []string {
	var lines []string
	add := func(is bool, line string) {
		if is {
			lines = append(lines, line)
		}
	}
	add(n.Ready, ready)
	add(n.Stopping, stopping)
	add(n.Alive, alive)
	add(n.Stuck, stuck)
	add(n.Status != "", status+strings.ReplaceAll(n.Status, "\n", " "))
	return lines
}

// sendTimeout bounds how long a full queue can block a sender: its manager may be stopped.
const sendTimeout = 100 * time.Millisecond

// Notifier sends the state of a process to its manager. It is safe for concurrent use.
type Notifier struct {
	socket *net.UnixAddr // nil: there is no manager
}

// NotifierFromEnviron returns a notifier for the manager of this process: its master, or systemd.
func NotifierFromEnviron() *Notifier {
	path := os.Getenv(notifySocket)
	if path == "" {
		return &Notifier{}
	}
	return &Notifier{&net.UnixAddr{Name: path, Net: "unixgram"}}
}

// Send sends a notice. It blocks for 100 ms at most, and fails if the manager is gone or does not read. Without a manager it does
// nothing.
func (n *Notifier) Send(notice Notice) error { return n.SendLines(notice.lines()...) }

// SendLines is Send for the lines of a message of sd_notify(3). Without lines nothing is sent.
func (n *Notifier) SendLines(lines ...string) error {
	if n.socket == nil || len(lines) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("notify %s: %w", n.socket.Name, err) }
	// A new socket for each of the rare messages: the manager may have been restarted.
	conn, err := net.DialUnix("unixgram", nil, n.socket)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fail(err)
	}
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fail(err)
	}
	return nil
}
