package mapped_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/mapped"
)

const size = 1 << 16

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{"descriptors": withoutDescriptors})
}

// newFile makes a file of zeros and maps it. What it contains is restored by writing 1 to the first byte.
func newFile(path string) (*mapped.File, error) {
	fd, err := osfile.Open(path, unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		return nil, err
	}
	if err := dir.Truncate(fd, size); err != nil {
		return nil, err
	}
	return mapped.New(fd, size, func(content []byte) int {
		content[0] = 1
		return size
	})
}

func mustNewFile(t *testing.T) (f *mapped.File, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	f, err := newFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Discard)
	return f, path
}

// TestDo: after a fault the access is repeated in memory, which has the rest of the file's content.
func TestDo(t *testing.T) {
	f, path := mustNewFile(t)
	f.Do(func() { f.Cell(8).Add(2) })
	f.Do(func() { f.Cell(5000).Add(3) })
	if f.InMemory() {
		t.Fatal("in memory before a fault")
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	calls := 0
	f.Do(func() { calls++; f.Cell(6000).Add(4) })
	for off, want := range map[int]float64{8: 2, 5000: 0, 6000: 4} {
		if got := f.Cell(off).Value(); got != want {
			t.Errorf("%v at %d, want %v", got, off, want)
		}
	}
	if first := f.At(0); !f.InMemory() || calls != 2 || first != 1 {
		t.Errorf("in memory: %t; %d calls, want 2; the first byte is %d, want it restored", f.InMemory(), calls, first)
	}
	if err := f.Grow(2 * size); err != nil {
		t.Fatal(err)
	}
	f.Do(func() { f.Cell(size + 8).Add(5) })
	if got := f.Cell(6000).Value(); got != 4 {
		t.Errorf("%v after it grew, want 4", got)
	}
}

// TestDoOtherPanics: the panics of other faults pass through.
func TestDoOtherPanics(t *testing.T) {
	f, _ := mustNewFile(t)
	other, path := mustNewFile(t)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	var nowhere *uint64
	for name, access := range map[string]func(){
		"a fault in another file": func() { other.Cell(8).Add(1) },
		"a nil pointer":           func() { *nowhere = 1 },
		"a panic of the program":  func() { panic(failed) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
				if debug.SetPanicOnFault(false) {
					t.Error("the goroutine still panics on faults")
				}
			}()
			f.Do(access)
		})
	}
	if f.InMemory() || other.InMemory() {
		t.Error("the file was exchanged for memory")
	}
}

// TestMoveToFails: if the file cannot be exchanged, nothing changes.
func TestMoveToFails(t *testing.T) {
	f, path := mustNewFile(t)
	f.Do(func() { f.Cell(8).Add(2) })
	fd, err := osfile.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := f.MoveTo(fd); !errors.Is(err, unix.EBADF) {
		t.Errorf("moved to a file that cannot be written: %v", err)
	}
	f.Do(func() { f.Cell(8).Add(3) })
	if got := f.Cell(8).Value(); got != 5 || f.InMemory() {
		t.Errorf("%v, in memory: %t; want 5, and still the file", got, f.InMemory())
	}
}

// TestDoWithoutDescriptors: a process that has no descriptors left continues, too.
func TestDoWithoutDescriptors(t *testing.T) {
	c := proctest.Start(t, "descriptors", filepath.Join(t.TempDir(), "file"))
	if got := c.Line(); got != "7" {
		t.Errorf("%s after the fault, want 7", got)
	}
	c.Stop()
}

func withoutDescriptors(args []string) error {
	f, err := newFile(args[0])
	if err != nil {
		return err
	}
	if err := os.Truncate(args[0], 0); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{}); err != nil {
		return err
	}
	f.Do(func() { f.Cell(8).Add(7) })
	fmt.Println(f.Cell(8).Value())
	return proctest.UntilStopped()
}
