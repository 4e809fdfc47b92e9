package mpmetrics_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// liveChild has files open and mapped as prometheus_client does: it opens those that it reads the names of, in which PID stands for
// its own pid, and makes those that are not there.
func liveChild(args []string) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		name := strings.ReplaceAll(lines.Text(), "PID", fmt.Sprint(os.Getpid()))
		file, err := os.OpenFile(filepath.Join(args[0], name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		if info, err := file.Stat(); err != nil || info.Size() == 0 {
			if _, err := file.Write(metricFile(with(`["alive", "alive", {}, "Help."]`, 1))); err != nil {
				return err
			}
		}
		if _, err := unix.Mmap(int(file.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return nil
}

// liveDirectory is a followed directory with a file of each kind that must stay.
type liveDirectory struct {
	*testing.T
	path string
	*mpmetrics.Directory
	stay []string
}

func newLiveDirectory(t *testing.T) *liveDirectory {
	t.Helper()
	d := &liveDirectory{T: t, path: t.TempDir()}
	put(t, filepath.Join(d.path, "gauge_livesum_1.db"), metricFile()) // of a process of another pid namespace
	var err error
	d.Directory, err = mpmetrics.OpenDirectory(d.path, nil)
	check(t, err)
	check(t, d.FollowLive())
	t.Cleanup(func() { _ = d.Close() })
	w := newWriter(t, d.path, "w1")
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "own", Help: "Help."}, mpmetrics.ModeLiveMax)).Set(1)
	d.stay = fileNames(t, d.path)
	return d
}

// start starts a process that has files open, and returns their names, too.
func (d *liveDirectory) start(names ...string) (*proctest.Child, []string) {
	d.Helper()
	c := proctest.Start(d.T, "live", d.path)
	for i, name := range names {
		names[i] = c.Ask(name)
	}
	return c, names
}

func (d *liveDirectory) await(want ...string) {
	d.Helper()
	want = append(slices.Clone(d.stay), want...)
	slices.Sort(want)
	defer func() { checkEqual(d.T, want, fileNames(d.T, d.path), "files") }()
	proctest.Eventually(d.T, "the files", func() bool { return slices.Equal(want, fileNames(d.T, d.path)) })
}

// TestFollowLive ends processes of another library that are not children of the process that follows them. The files of their
// live gauges disappear, whatever their ids, unless another process writes to them.
func TestFollowLive(t *testing.T) {
	t.Parallel()
	t.Run("named by the pid", func(t *testing.T) {
		t.Parallel()
		d := newLiveDirectory(t)
		c, names := d.start("gauge_liveall_PID.db", "gauge_livesum_PID.db", "gauge_livemax_PID.db", "gauge_max_PID.db", "counter_PID.db")
		other, same := d.start("gauge_liveall_PID.db", names[0]) // like a child that was forked
		d.noticed(c, 3)
		d.noticed(other, 1)
		killed := time.Now()
		c.Kill()
		d.await(append(names[3:], same[0])...)
		if time.Since(killed) < 2*time.Second {
			t.Error("a parent that calls mark_process_dead has no time to do so before the files are gone")
		}
		other.Kill()
		d.await(names[3:]...)
	})
	t.Run("named otherwise", func(t *testing.T) {
		t.Parallel()
		d := newLiveDirectory(t)
		var names []string
		for _, id := range []string{"2", "w2", "123-0", "web-7.example.org", "under_score"} {
			names = append(names, "gauge_livemin_"+id+".db")
		}
		first, _ := d.start(slices.Clone(names)...)
		d.noticed(first, len(names))
		reader := mpmetrics.NewCollector(d.path, mpmetrics.CollectorOptions{})
		defer reader.Close()
		scrapeWith(t, reader) // it has the files mapped, too
		second, _ := d.start(slices.Clone(names)...)
		first.Kill()
		d.noticed(second, len(names))
		d.await(names...)
		second.Kill()
		d.await()
	})
	t.Run("before the process was seen", func(t *testing.T) {
		t.Parallel()
		d := newLiveDirectory(t)
		c, names := d.start("gauge_livesum_4000003.db", "gauge_livesum_w2.db")
		d.noticed(c, 2)
		for _, id := range []string{"4000001", "4000002", "id-1"} {
			put(t, filepath.Join(d.path, "gauge_livesum_"+id+".db"), metricFile())
			put(t, filepath.Join(d.path, "gauge_max_"+id+".db"), metricFile())
		}
		d.await(append(names, "gauge_livesum_id-1.db", "gauge_max_4000001.db", "gauge_max_4000002.db", "gauge_max_id-1.db")...)
	})
	t.Run("before the directory is followed", func(t *testing.T) {
		t.Parallel()
		d := newLiveDirectory(t)
		check(t, d.Close())
		c, _ := d.start("gauge_livemostrecent_PID.db")
		var err error
		d.Directory, err = mpmetrics.OpenDirectory(d.path, nil)
		check(t, err)
		check(t, d.FollowLive())
		d.noticed(c, 1)
		c.Kill()
		d.await()
	})
	t.Run("not after the end", func(t *testing.T) {
		t.Parallel()
		d := newLiveDirectory(t)
		c, names := d.start("gauge_liveall_PID.db")
		d.noticed(c, 1)
		check(t, d.Close())
		c.Kill()
		d.await(names...)
	})
}

// noticed waits until a process with n files of live gauges is followed, as far as can be seen: this process has a descriptor for
// its end for each file, besides the one of package os.
func (d *liveDirectory) noticed(c *proctest.Child, n int) {
	d.Helper()
	proctest.Eventually(d.T, "descriptors for the end of the process", func() bool {
		found := 0
		for fd := range proctest.Descriptors(os.Getpid()) {
			info, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
			if strings.Contains(string(info), fmt.Sprintf("\nPid:\t%d\n", c.PID())) {
				found++
			}
		}
		return found == n+1
	})
}

// TestMarkDead reports that processes have exited. Files that a process has open stay, such as those of one that reused a pid.
func TestMarkDead(t *testing.T) {
	t.Parallel()
	d := newLiveDirectory(t)
	closed := func(id string) {
		put(t, filepath.Join(d.path, "gauge_liveall_"+id+".db"), metricFile())
		put(t, filepath.Join(d.path, "gauge_max_"+id+".db"), metricFile())
	}
	own := strconv.Itoa(os.Getpid()) // the number of a process, so that the file stays until it is reported
	closed(own)
	closed("w2")
	closed("w3")
	d.MarkDead(os.Getpid(), "w2")
	d.MarkDead(4000003, "w1") // w1 is a Writer's
	d.await("gauge_max_"+own+".db", "gauge_max_w2.db", "gauge_max_w3.db", "gauge_liveall_w3.db")

	d = newLiveDirectory(t)
	c, names := d.start("gauge_liveall_PID.db", "gauge_livesum_4000001.db")
	d.MarkDead(c.PID(), "")
	d.MarkDead(4000001, "") // the id is no pid
	d.await(names...)
	d.noticed(c, 2)
	c.Kill()
	d.await()
}

// TestForget gives the id of a dead Writer to another library.
func TestForget(t *testing.T) {
	t.Parallel()
	d := newLiveDirectory(t)
	w, err := mpmetrics.NewWriter(d.path, "w2", mpmetrics.WriterOptions{})
	check(t, err)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "own", Help: "Help."}, mpmetrics.ModeLiveMax)).Set(2)
	check(t, d.Forget("w2"))
	check(t, d.Forget("none"))
	d.await("gauge_livemax_w2.db", "gauge_livesum_w2.db") // its process is alive
	check(t, w.Close())
	check(t, d.Forget("w2"))
	d.await()
	c, names := d.start("gauge_livesum_w2.db")
	d.noticed(c, 1)
	check(t, d.Sweep())
	d.await(names...)
	if got := pageOfDir(t, d.path).Samples["alive{}"]; got != 1 {
		t.Errorf("alive is %v", got)
	}
	c.Kill()
	d.await()
}

// TestPIDIsReused has a process open the file of a dead one that had its pid, as prometheus_client does, at any moment while that
// is being removed. It never has a file that is not in the directory.
func TestPIDIsReused(t *testing.T) {
	t.Parallel()
	d := newLiveDirectory(t)
	next := proctest.Start(t, "live", d.path)
	for round := range proctest.Rounds(5, 100) {
		name := fmt.Sprintf("gauge_livesum_%d.db", 5000000+round)
		last, _ := d.start(name)
		d.noticed(last, 1)
		check(t, last.Cmd.Process.Kill())
		time.AfterFunc(time.Duration(round%5)*time.Millisecond, func() { next.Send(name) })
		next.Line()
		d.stay = append(d.stay, name)
	}
	d.await()
	open := map[string]bool{}
	for _, to := range proctest.Descriptors(next.PID()) {
		open[filepath.Base(to)] = true
		if strings.Contains(to, ".mpm") || strings.Contains(to, "deleted") {
			t.Errorf("the process has %s open", to)
		}
	}
	if !open["gauge_livesum_5000000.db"] {
		t.Errorf("descriptors %v", open)
	}
}
