package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// soak is a server to which everything happens at once, again and again.
type soak struct {
	*tracker
	load    *load
	logPath string
	session *http.Cookie
	began   time.Time
	rand    *rand.Rand
	doomed  map[int]time.Time // workers that were stopped and will be killed for it, since when
}

// TestSoak has clients of all kinds send requests for the duration of the soak tier while everything happens at once: workers
// are killed, stopped, recycled, added and removed, reloads are refused, the log is renamed, a file is damaged. Only requests
// of killed workers are lost, and nothing grows. In the last third the workers are left alone, so that a leak in them shows.
func TestSoak(t *testing.T) {
	d := proctest.Soak(t)
	t.Parallel()
	k := startSoak(t)
	k.startClients()

	var disturbed, quiet []measurement
	for rounds := 0; rounds == 0 || time.Since(k.began) < d*2/3; rounds++ {
		k.disturb()
		disturbed = append(disturbed, k.measure(time.Since(k.began)))
	}
	k.mustHaveFilesOf("w[1-5](-[1-9])?") // and of hand-overs
	k.writeINI(soakINI(k.address, k.unixSocket(), ""))
	k.mustReload()
	k.awaitNoneDraining()
	workers := k.workers()
	ticker := time.NewTicker(max(d/30, time.Second))
	defer ticker.Stop()
	for len(quiet) < 3 || time.Since(k.began) < d {
		<-ticker.C
		k.rotateLog()
		k.damage()()
		quiet = append(quiet, k.measure(time.Since(k.began)))
	}
	k.mustHave(workers, "after the last third")

	k.load.mustHaveLostNone()
	k.mustBeSound()
	figures := fmt.Sprintf("all at once:%s\nworkers that are not replaced:%s",
		figureTable(serverFigures, disturbed), figureTable(serverFigures, quiet))
	t.Log(figures)
	// go test prints logs only on request: the figures of a test that passes are in this file.
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "soak.txt"), []byte(figures), 0o600); err != nil {
		t.Error(err)
	}
	if len(disturbed) < 3 {
		text := "too short to compare what the processes hold while all happens"
		if d >= time.Minute {
			t.Error(text)
		}
		t.Log(text)
	}
	for _, what := range append(grown(serverFigures, disturbed, false), grown(serverFigures, quiet, true)...) {
		t.Errorf("it has grown: %s", what)
	}
	after := k.goroutinesOfMaster()
	fresh := startSoak(t)
	before := fresh.goroutinesOfMaster()
	t.Logf("the master has %d goroutines, that of a fresh server %d", after, before)
	if before == 0 || after > before+5 {
		t.Error("the master's goroutines have grown")
	}
}

// soakRecycling recycles workers while everything happens.
const soakRecycling = "max-requests = 200\n"

// soakINI returns an ini with more settings than every soak needs.
func soakINI(address, unix, more string) string {
	return "socket = " + address + "\nsocket = " + unix + "\nprocesses = 3\ndatabase = transactions.db\ndatabase-timeout = 20\n" +
		"heartbeat-timeout = 5\nworker-reload-mercy = 5\ndrain-idle = 2\nlogto = multiproc.log\ndisable-logging = true\n" + more
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	s := startServer(t, soakINI(address, filepath.Join(dir, "http.sock"), soakRecycling), in(dir), at(address), withEnv("GOTRACEBACK=all"))
	k := &soak{
		tracker: newTracker(s, filepath.Join(dir, "transactions.db")),
		load:    startLoad(s),
		logPath: filepath.Join(dir, "multiproc.log"),
		began:   time.Now(),
		rand:    rand.New(rand.NewPCG(1, 2)),
		doomed:  map[int]time.Time{},
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(k.logPath); t.Failed() {
			t.Logf("log of the server: %v\n%s", err, text)
		}
	})
	k.newSuperuser("root")
	code, session, err := s.login("root", adminPassword)
	if err != nil || code != http.StatusSeeOther {
		t.Fatalf("login: %d, %v", code, err)
	}
	k.session = &http.Cookie{Name: sessionCookie, Value: session}
	return k
}

func (k *soak) unixSocket() string { return filepath.Join(k.dir, "http.sock") }

// disturb causes all faults at once, in random order, and waits until the server has recovered.
func (k *soak) disturb() {
	k.tb.Helper()
	var repair func()
	faults := []func(){
		func() { k.end(syscall.SIGKILL) },
		func() { k.end(syscall.SIGSTOP) },
		func() { k.signal(syscall.SIGHUP) },
		func() { k.signal(syscall.SIGTTIN) },
		func() { k.signal(syscall.SIGTTOU) },
		func() { k.signal(syscall.SIGTTIN) },
		k.rotateLog,
		k.refuseReload,
		func() { repair = k.damage() },
	}
	k.rand.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	for _, fault := range faults {
		fault()
		<-time.After(time.Duration(k.rand.IntN(100)) * time.Millisecond) // not always as fast as possible
	}
	for pid, stopped := range k.doomed {
		k.load.awaitDeath(pid, stopped)
	}
	clear(k.doomed)
	repair()
	k.mustReload() // as many workers as the ini says
	k.awaitNoneDraining()
}

// end sends a serving worker a signal that ends it, at once or when the master notices.
func (k *soak) end(signal syscall.Signal) {
	k.tb.Helper()
	status, err := k.status()
	check(k.tb, err)
	serving := pidsOf(status, "ready")
	if len(serving) == 0 {
		k.tb.Fatalf("no worker serves: %+v", status)
	}
	victim := serving[k.rand.IntN(len(serving))]
	from := time.Now()
	// It may be draining, and gone by now.
	if err := syscall.Kill(victim, signal); errors.Is(err, syscall.ESRCH) {
		return
	} else if err != nil {
		k.tb.Fatal(err)
	}
	if signal == syscall.SIGSTOP {
		k.doomed[victim] = from
		return
	}
	proctest.AwaitGone(k.tb, victim)
	k.load.died(from)
}

// refuseReload has a reload refused for a faulty ini, and restores the ini.
func (k *soak) refuseReload() {
	k.tb.Helper()
	k.writeINI(soakINI(k.address, k.unixSocket(), soakRecycling+"max-request = 1\n"))
	if _, stderr, code := k.run("reload", "--ini", k.ini); code != 1 || !strings.Contains(stderr, "max-request") {
		k.tb.Errorf("a reload to a key that there is not: exit code %d, %s", code, stderr)
	}
	k.writeINI(soakINI(k.address, k.unixSocket(), soakRecycling))
}

// rotateLog renames the log and waits for a new one.
func (k *soak) rotateLog() {
	k.tb.Helper()
	check(k.tb, os.Rename(k.logPath, k.logPath+".1"))
	k.signal(syscall.SIGUSR1)
	proctest.Eventually(k.tb, "a new log", func() bool { return fileExists(k.logPath) })
}

// damage puts a file that is no metric file into the metrics directory and waits until it is counted. The returned function
// removes it.
func (k *soak) damage() (repair func()) {
	k.tb.Helper()
	path := filepath.Join(k.metricsDir(), "counter_damaged.db")
	writeFile(k.tb, path, "\xff\x00\x00\x00\x00\x00\x00\x00["+strings.Repeat("no metric", 10))
	proctest.Eventually(k.tb, "a damaged file in the metrics", func() bool {
		_, page := k.get("/metrics")
		return sum(seriesOf(k.tb, page, "multiproc_metric_files_faulty")) == 1
	})
	return func() {
		check(k.tb, os.Remove(path))
	}
}

// goroutinesOfMaster ends the master by SIGABRT, at which the runtime dumps all goroutines, in a log of its own.
func (k *soak) goroutinesOfMaster() int {
	k.tb.Helper()
	k.rotateLog()
	proctest.Eventually(k.tb, "the master in the new log", func() bool { return logHas(k.logPath, "log reopened") })
	workers := k.workers()
	k.signal(syscall.SIGABRT)
	k.exitCode()
	proctest.AwaitGone(k.tb, workers...)
	text, err := os.ReadFile(k.logPath)
	check(k.tb, err)
	return len(regexp.MustCompile(`(?m)^goroutine \d+.*\]:$`).FindAll(text, -1))
}
