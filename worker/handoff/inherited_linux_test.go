package handoff

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// inheritChild is a worker that reports what it has inherited, and the words of its master.
func inheritChild() error {
	if err := AdoptEnviron(); err != nil {
		return err
	}
	in, err := Inherit()
	if err != nil {
		return err
	}
	fmt.Printf("identity %+v\n", in.Identity)
	for _, l := range in.Listeners {
		fmt.Printf("listener %s %s\n", l.Name, l.Addr())
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprintf(c, "%s of %s\n", l.Name, in.Identity.ID)
				_ = c.Close()
			}
		}()
	}
	fmt.Printf("config %d %.14q\n", len(in.Config), in.Config)
	fmt.Printf("secrets %q\n", in.Secrets)
	sockets := 0
	for _, to := range proctest.Descriptors(os.Getpid()) {
		if strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	fmt.Println("sockets", sockets)
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "LISTEN_") {
			fmt.Println(variable)
		}
	}
	again, err := Inherit()
	fmt.Printf("again %d %v %v\n", len(again.Listeners), again.Config, err)
	for in.Lifeline != nil {
		word, err := in.Lifeline.Next()
		if err != nil {
			fmt.Println("end", err)
			break
		}
		fmt.Printf("word %q\n", byte(word))
	}
	return in.Close()
}

// memory returns a file in memory with this content and the offset at its end.
func memory(t *testing.T, content string) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("config", unix.MFD_CLOEXEC)
	check(t, err)
	file := os.NewFile(uintptr(fd), "config")
	t.Cleanup(func() { _ = file.Close() })
	if _, err := io.WriteString(file, content); err != nil {
		t.Fatal(err)
	}
	return file
}

func listenOn(t *testing.T, network, address string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), network, address)
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Two workers share everything but their lifelines.
func TestInherit(t *testing.T) {
	tcp := listenOn(t, "tcp", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "socket")
	unixSocket := listenOn(t, "unix", path)
	config := memory(t, strings.Repeat("processes = 4\n", 1000))
	secrets := memory(t, "a key")
	for _, identity := range []Identity{{1, "w1", 5}, {2, "w2-1", 5}} {
		tether, lifeline := newLifeline(t)
		env := WorkerEnv{Identity: identity, Names: []string{"http", "side", ConfigName, LifelineName, SecretsName}}
		c := fork(t, "inherit", env, tcp.(syscall.Conn), unixSocket.(syscall.Conn), config, lifeline.file, secrets)
		for _, want := range []string{
			fmt.Sprintf("identity %+v", identity),
			"listener http " + tcp.Addr().String(),
			"listener side " + path,
			fmt.Sprintf("config 14000 %q", "processes = 4\n"),
			`secrets "a key"`,
			"sockets 2",
			"again 0 [] <nil>",
		} {
			if line := c.line(); line != want {
				t.Errorf("report %q, want %q", line, want)
			}
		}
		for name, l := range map[string]net.Listener{"http": tcp, "side": unixSocket} {
			if said := askOnce(t, l.Addr()); said != name+" of "+identity.ID+"\n" {
				t.Errorf("%s answered %q", name, said)
			}
		}
		check(t, tether.Send(Unready))
		if line := c.line(); line != `word 'u'` {
			t.Error(line)
		}
		check(t, tether.Close())
		if rest := c.rest(); rest != "end EOF" {
			t.Error(rest)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the worker removed the socket: %v", err)
		}
	}
}

func askOnce(t *testing.T, addr net.Addr) string {
	t.Helper()
	var dialer net.Dialer
	c, err := dialer.DialContext(t.Context(), addr.Network(), addr.String())
	check(t, err)
	defer c.Close()
	check(t, c.SetDeadline(time.Now().Add(proctest.Patience)))
	said, err := bufio.NewReader(c).ReadString('\n')
	check(t, err)
	return said
}

// systemd passes on blocking sockets.
func TestInheritBlockingSocket(t *testing.T) {
	l := listenOn(t, "tcp", "127.0.0.1:0").(syscall.Conn)
	check(t, unix.SetNonblock(int(osfile.FD(l)), false))
	c := fork(t, "inherit", WorkerEnv{Names: []string{"http"}}, l)
	if line := c.line(); line != "identity {Slot:0 ID: Generation:0}" {
		t.Error(line)
	}
	c.rest()
	if _, shared := flags(t, l); shared&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %#x", shared)
	}
}

func TestInheritFaults(t *testing.T) {
	null, err := os.Open(os.DevNull)
	check(t, err)
	defer null.Close()
	c := fork(t, "inherit", WorkerEnv{Names: []string{"http"}}, null)
	if rest := c.rest(); !strings.Contains(rest, "take over inherited descriptors: http (descriptor 3)") {
		t.Errorf("not a socket: %s", rest)
	}
	large := memory(t, "")
	check(t, large.Truncate(maxConfig+1))
	c = fork(t, "inherit", WorkerEnv{Names: []string{ConfigName}}, large)
	if rest := c.rest(); !strings.Contains(rest, "config (descriptor 3): "+syscall.EFBIG.Error()) {
		t.Errorf("a config too large: %s", rest)
	}
}

// Variables for another process are ignored.
func TestInheritNothing(t *testing.T) {
	for _, pid := range []string{"", "1", "me"} {
		t.Setenv("LISTEN_PID", pid)
		t.Setenv("LISTEN_FDS", "100")
		in, err := Inherit()
		if err != nil || len(in.Listeners) > 0 || in.Lifeline != nil || in.Config != nil {
			t.Errorf("LISTEN_PID %q: %+v, %v", pid, in, err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestInheritedCloseTwice(t *testing.T) {
	_, lifeline := newLifeline(t)
	in := &Inherited{Listeners: []Listener{{listenOn(t, "tcp", "127.0.0.1:0"), "http"}}, Lifeline: lifeline}
	if err := errors.Join(in.Close(), in.Close()); err != nil {
		t.Error(err)
	}
}
