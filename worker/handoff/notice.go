package handoff

import "strings"

// Notice is one message of sd_notify(3), as far as it is understood here.
type Notice struct {
	Ready    bool   // READY=1: it serves
	Alive    bool   // WATCHDOG=1: it is well
	Stuck    bool   // WATCHDOG=trigger: a request hangs in it, replace it
	Stopping bool   // STOPPING=1: it will end; where nobody asked for that, it wants to be replaced and serves on until TERM
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

// parseNotice understands a message. Lines that it does not know mean nothing.
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
