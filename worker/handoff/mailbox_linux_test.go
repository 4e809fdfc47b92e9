package handoff

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// openMailbox returns a mailbox and a notifier for it.
func openMailbox(t *testing.T) (*Mailbox, *Notifier) {
	t.Helper()
	box, err := NewMailbox()
	check(t, err)
	t.Cleanup(func() { _ = box.Close() })
	check(t, box.conn.SetReadDeadline(time.Now().Add(proctest.Patience)))
	t.Setenv("NOTIFY_SOCKET", box.Address())
	return box, NotifierFromEnviron()
}

func (m *Mailbox) expect(t *testing.T, want Notice) {
	t.Helper()
	if got, err := m.Receive(); err != nil || got != want {
		t.Errorf("received %+v, %v, want %+v", got, err, want)
	}
}

func TestNoticesArrive(t *testing.T) {
	box, notifier := openMailbox(t)
	notices := []Notice{
		{Ready: true, Status: "serving"}, {Alive: true}, {Stuck: true}, {Stopping: true, Alive: true}, {Status: "ünïcode"},
	}
	for _, notice := range notices {
		check(t, notifier.Send(notice))
	}
	check(t, notifier.Send(Notice{Status: "two\nREADY=1"}))
	for _, notice := range notices {
		box.expect(t, notice)
	}
	box.expect(t, Notice{Status: "two READY=1"})
}

func TestEmptyNoticeIsNotSent(t *testing.T) {
	box, notifier := openMailbox(t)
	check(t, errors.Join(notifier.Send(Notice{}), notifier.Send(Notice{Alive: true})))
	box.expect(t, Notice{Alive: true})
}

func TestMailboxesAreSeparate(t *testing.T) {
	one, toOne := openMailbox(t)
	other, toOther := openMailbox(t)
	check(t, errors.Join(toOther.Send(Notice{Stuck: true}), toOne.Send(Notice{Alive: true})))
	one.expect(t, Notice{Alive: true})
	other.expect(t, Notice{Stuck: true})
}

func TestNoticesOfOtherUsersAreIgnored(t *testing.T) {
	proctest.Root(t)
	box, notifier := openMailbox(t)
	sent := make(chan error)
	go func() {
		// The thread becomes another user for good and ends with its goroutine.
		runtime.LockOSThread()
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534)
		if errno != 0 {
			sent <- errno
			return
		}
		sent <- sendRaw(box.Address(), []byte("WATCHDOG=trigger"), nil)
	}()
	check(t, <-sent)
	check(t, notifier.Send(Notice{Alive: true}))
	box.expect(t, Notice{Alive: true})
}

func sendRaw(address string, message, control []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendmsg(fd, message, control, &unix.SockaddrUnix{Name: address}, 0)
}

func TestLongMessagesAreIgnored(t *testing.T) {
	box, _ := openMailbox(t)
	for _, message := range []string{
		"WATCHDOG=trigger\nSTATUS=" + strings.Repeat("x", maxNotice),
		"STOPPING=1\nSTATUS=" + strings.Repeat("x", maxNotice-18),
	} {
		check(t, sendRaw(box.Address(), []byte(message), nil))
	}
	box.expect(t, Notice{Stopping: true, Status: strings.Repeat("x", maxNotice-18)})
}

// A sender must not be able to fill the master's table of descriptors, also with more of them than the buffer has room for.
func TestSentDescriptorsAreClosed(t *testing.T) {
	box, notifier := openMailbox(t)
	file, err := os.Open("/dev/null")
	check(t, err)
	defer file.Close()
	fds := make([]int, 253) // the kernel's limit
	for i := range fds {
		fds[i] = int(file.Fd())
	}
	before := len(proctest.Descriptors(os.Getpid()))
	for _, n := range []int{1, 10, 100, 120, 253} {
		check(t, sendRaw(box.Address(), []byte("STATUS=take these"), unix.UnixRights(fds[:n]...)))
		check(t, notifier.Send(Notice{Alive: true}))
		for {
			notice, err := box.Receive()
			check(t, err)
			if notice.Alive {
				break
			}
		}
		if now := len(proctest.Descriptors(os.Getpid())); now != before {
			t.Errorf("%d descriptors sent: %d are open, %d before", n, now, before)
		}
	}
}

// The manager may be stopped and its queue full.
func TestSendTimeout(t *testing.T) {
	_, notifier := openMailbox(t)
	var err error
	for range 100_000 {
		if err = notifier.Send(Notice{Alive: true}); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Send to a full queue: %v", err)
	}
}

func TestNotifierWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := NotifierFromEnviron().Send(Notice{Ready: true}); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", "/nonexistent")
	if err := NotifierFromEnviron().Send(Notice{Ready: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Send without a manager: %v", err)
	}
}

func TestMailboxCloseEndsReceive(t *testing.T) {
	box, _ := openMailbox(t)
	ended := make(chan error)
	go func() {
		_, err := box.Receive()
		ended <- err
	}()
	check(t, box.Close())
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive: %v", err)
	}
}
