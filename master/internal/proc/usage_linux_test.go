package proc

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

func TestReadUsageMemory(t *testing.T) {
	debug.FreeOSMemory() // what was taken before is not to be given back meanwhile
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
			t.Errorf("%+v has become %+v, with %d bytes more", before, now, size)
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
		if now.CPU >= before.CPU+2*clockTick {
			return
		}
		if now.CPU < before.CPU || time.Now().After(deadline) {
			t.Fatalf("CPU time was %v, is %v", before.CPU, now.CPU)
		}
	}
}

// A process may be called anything.
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

const (
	someStatus = "Name:\tmultiproc\nState:\tS (sleeping)\nVmPeak:\t  900 kB\nVmSize:\t  800 kB\nVmRSS:\t    1234 kB\nRssAnon:\t\t 1000 kB\nRssFile:\t 234 kB\nThreads:\t5\n"
	someStat   = "71 (multi (proc) R) S 1 71 71 0 -1 4194560 1000 0 2 0 250 50 7 8 20 0 5 0 12345 700000 300 18446744073709551615\n"
)

func TestParseStatus(t *testing.T) {
	f := func(text string, want Usage, cause string) {
		t.Helper()
		u, err := parseStatus([]byte(text))
		if u != want || (err == nil) != (cause == "") || err != nil && !strings.Contains(err.Error(), cause) {
			t.Errorf("%q: %+v, %v", text, u, err)
		}
	}
	f(someStatus, Usage{State: "S", VirtualBytes: 800 << 10, ResidentBytes: 1234 << 10, AnonBytes: 1000 << 10}, "")
	f("Name:\tzombie\nState:\tZ (zombie)\n", Usage{State: "Z"}, "")
	f("State:\n", Usage{}, "")
	f("", Usage{}, "")
	f("VmRSS:\t1234\n", Usage{}, `VmRSS: "\t1234\n" is not a number of kB`)
	f("VmSize:\t12 MB\n", Usage{}, "VmSize: ")
	f("RssAnon:\t-1 kB\n", Usage{}, "RssAnon: ")
	f("VmRSS:\t18014398509481983 kB\n", Usage{ResidentBytes: math.MaxUint64 - 1023}, "")
	f("VmRSS:\t18014398509481984 kB\n", Usage{}, "VmRSS: ") // more than there are bytes to count
}

func TestParseStat(t *testing.T) {
	f := func(text string, want time.Duration, cause string) {
		t.Helper()
		cpu, err := parseStat([]byte(text))
		if cpu != want || (err == nil) != (cause == "") || err != nil && !strings.Contains(err.Error(), cause) {
			t.Errorf("%q: %v, %v", text, cpu, err)
		}
	}
	f(someStat, 3*time.Second, "")
	f("", 0, "no program name")
	f("71 (x", 0, "no program name")
	f("71 (x) S 1 2", 0, "only 5 fields")
	f("71 (x) S 1 2 3 4 5 6 7 8 9 10 -1 2", 0, "invalid syntax")
	f("71 (x) S 1 2 3 4 5 6 7 8 9 10 9223372036854775807 9223372036854775807", 0, "ticks")
	f("71 (x) S 1 2 3 4 5 6 7 8 9 10 922337203685 0", 9223372036850000000, "")
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(someStatus))
	f.Add([]byte("VmRSS: 1 kB"))
	f.Fuzz(func(t *testing.T, status []byte) {
		u, err := parseStatus(status)
		if (u.VirtualBytes|u.ResidentBytes|u.AnonBytes)%1024 != 0 || err != nil && u != (Usage{}) {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(someStat))
	f.Add([]byte("71 () S 1 2 3 4 5 6 7 8 9 10 922337203685 0"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if cpu, err := parseStat(stat); cpu < 0 || err != nil && cpu != 0 {
			t.Errorf("%v, %v", cpu, err)
		}
	})
}
