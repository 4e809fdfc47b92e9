package proc

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

func TestReadUsageMemory(t *testing.T) {
	debug.FreeOSMemory() // so that no memory is returned during the test
	const size = 64 << 20
	file, err := SealedFile("multiproc-test", make([]byte, size))
	check(t, err)
	defer file.Close()
	before, err := ReadUsage(os.Getpid())
	check(t, err)
	f := func(fd, access, flags int, anon int64) {
		t.Helper()
		memory, err := unix.Mmap(fd, 0, size, access, flags|unix.MAP_POPULATE)
		check(t, err)
		now, err := ReadUsage(os.Getpid())
		check(t, err)
		check(t, unix.Munmap(memory))
		near := func(grown uint64, want int64) bool { return int64(grown) > want-size/2 && int64(grown) < want+size/2 }
		if !near(now.VirtualBytes-before.VirtualBytes, size) || !near(now.ResidentBytes-before.ResidentBytes, size) || !near(now.AnonBytes-before.AnonBytes, anon) {
			t.Errorf("usage was %+v, is %+v with %d bytes more", before, now, size)
		}
	}
	f(int(osfile.FD(file)), unix.PROT_READ, unix.MAP_SHARED, 0)
	f(-1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, size)
}

func TestReadUsageCPU(t *testing.T) {
	before, err := ReadUsage(os.Getpid())
	check(t, err)
	for deadline := time.Now().Add(time.Minute); ; {
		now, err := ReadUsage(os.Getpid())
		check(t, err)
		if now.CPU >= before.CPU+20*time.Millisecond {
			return
		}
		if now.CPU < before.CPU || time.Now().After(deadline) {
			t.Fatalf("CPU time was %v, is %v", before.CPU, now.CPU)
		}
	}
}

// The name of a process may contain anything.
func TestReadUsageName(t *testing.T) {
	name, err := os.ReadFile("/proc/self/comm")
	check(t, err)
	defer func() { check(t, os.WriteFile("/proc/self/comm", name, 0)) }()
	for _, odd := range []string{"a) R 1 (b", "x\ny", ") ) )", "VmRSS:\t1"} {
		check(t, os.WriteFile("/proc/self/comm", []byte(odd), 0))
		if u, err := ReadUsage(os.Getpid()); err != nil || u.CPU > time.Hour || u.ResidentBytes < 1<<20 {
			t.Errorf("%q: %+v, %v", odd, u, err)
		}
	}
}

func TestReadUsageGone(t *testing.T) {
	if u, err := ReadUsage(math.MaxInt32); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%+v, %v", u, err)
	}
}
