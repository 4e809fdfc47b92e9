package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"

	"golang.org/x/sys/unix"
)

// shortTimeout is the database-timeout of the tests in which another process never releases the lock.
const shortTimeout = time.Second

// TestStoppedInTheLock has another process stop while it holds the writers' lock: one of our commands, and a program that
// ignores our lock and holds SQLite's own. Writes get 503 with Retry-After, reads succeed, and once the other process goes on
// all is well.
func TestStoppedInTheLock(t *testing.T) {
	t.Parallel()
	k := startTracker(t, "processes = 4\ndatabase-timeout = 1\n")
	k.post(1)
	workers := k.workers()
	wires := k.toEach(workers)

	t.Run("populate", func(t *testing.T) {
		k := k.within(t)
		populate := commandIn(t, k.dir, lookPath(t, "multiproc"), "populate", "--ini", k.ini, "--transactions", "10000000")
		check(t, populate.Start())
		k.stopInLock(populate.Process.Pid)
		k.mustBeBusy(wires)
		proctest.Kill(t, populate.Process.Pid, syscall.SIGCONT)
		k.post(2) // in turn with populate
		proctest.Kill(t, populate.Process.Pid, syscall.SIGINT)
		_ = populate.Wait()
		k.post(3)
		k.mustHave(workers, "after a stopped process had the lock")
	})
	t.Run("another program", func(t *testing.T) {
		k := k.within(t)
		conn, err := k.outside().Conn(t.Context())
		check(t, err)
		defer conn.Close()
		if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		k.mustBeBusy(wires)
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		k.post(4)
		k.mustHave(workers, "after another program had the lock")
	})
	hangUp(wires)
	k.stop()
}

// lockOf opens the file with the writers' lock and changes the lock.
func (k *tracker) lockOf(what int) (*os.File, unix.Flock_t) {
	k.tb.Helper()
	file, err := os.OpenFile(k.database+".lock", os.O_RDWR, 0)
	check(k.tb, err)
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 1, Len: 1} // byte 0 is the gate to it
	check(k.tb, unix.FcntlFlock(file.Fd(), what, &lock))
	return file, lock
}

// lock takes the lock as another process of the application would.
func (k *tracker) lock() (unlock func()) {
	k.tb.Helper()
	file, _ := k.lockOf(unix.F_OFD_SETLKW)
	return func() { _ = file.Close() }
}

// locked reports whether a process holds the lock.
func (k *tracker) locked() bool {
	k.tb.Helper()
	file, lock := k.lockOf(unix.F_OFD_GETLK)
	defer file.Close()
	return lock.Type != unix.F_UNLCK
}

// stopInLock stops a process while it holds the lock, which no other process may take.
func (k *tracker) stopInLock(pid int) {
	k.tb.Helper()
	for deadline := time.Now().Add(proctest.Patience); time.Now().Before(deadline); {
		stopProcess(k.tb, pid)
		if k.locked() {
			return
		}
		proctest.Kill(k.tb, pid, syscall.SIGCONT)
		<-time.After(time.Duration(rand.IntN(5000)) * time.Microsecond)
	}
	k.tb.Fatalf("process %d is never in the lock", pid)
}

// mustBeBusy sends requests to every worker while writes are impossible.
func (k *tracker) mustBeBusy(wires []*wire) {
	k.tb.Helper()
	begun := time.Now()
	for _, r := range k.postAll(wires, func(i int) (int64, string) { return int64(i), fmt.Sprint("busy-", i) }) {
		k.mustBeUnavailable("POST", r)
	}
	if took := time.Since(begun); took < shortTimeout*9/10 || took > shortTimeout*5/2 {
		k.tb.Errorf("to be refused took %s, the timeout is %s", took, shortTimeout)
	}
	begun = time.Now()
	for _, w := range wires {
		if r, err := w.ask(k.request("GET", transactionsPath, "")); err != nil || r.code != http.StatusOK {
			k.tb.Errorf("GET: %s, %v\n%s", r, err, k.log)
		}
		r, err := w.ask(k.request("GET", "/metrics", ""))
		if err != nil || len(seriesOf(k.tb, r.body, "api_transactions")) == 0 || !strings.Contains(r.body, "\nmultiproc_store_up 1.0\n") {
			k.tb.Errorf("/metrics: %s, %v\n%s", r, err, k.log)
		}
	}
	if took := time.Since(begun); took > shortTimeout {
		k.tb.Errorf("to read took %s", took)
	}
}

// TestWorkerStoppedInTheLock stops a worker that holds the lock. The others cannot write until the master has replaced it.
func TestWorkerStoppedInTheLock(t *testing.T) {
	t.Parallel()
	k := startTracker(t, "processes = 2\ndatabase-timeout = 1\nheartbeat-timeout = 2\n")
	victim := k.awaitSeasoned(2)[0]
	made := map[int64]int64{}
	var mu sync.Mutex
	var posting sync.WaitGroup
	for i, w := range k.wires(victim, 8) {
		posting.Go(func() {
			for number := int64(i); ; number += 8 {
				r, err := w.ask(k.request("POST", transactionsPath, numbered(number)))
				if err != nil {
					return // it was killed
				}
				if r.code != http.StatusCreated {
					continue
				}
				id, err := idOf(r, number)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				made[number] = id
				mu.Unlock()
			}
		})
	}
	proctest.Eventually(t, "transactions", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(made) > 50
	})
	k.stopInLock(victim)
	refused := 0
	for deadline := time.Now().Add(proctest.Patience); ; refused++ {
		r := k.ask("POST", transactionsPath, numbered(999_999))
		if r.code == http.StatusCreated {
			break
		}
		k.mustBeUnavailable("POST", r)
		if time.Now().After(deadline) {
			t.Fatalf("nobody can write\n%s", k.log)
		}
	}
	if refused == 0 {
		t.Error("nobody was refused")
	}
	k.awaitReplaced(victim)
	posting.Wait()
	rows := k.rows()
	for number, id := range made {
		if rows[id] != number {
			t.Errorf("transaction %d is not there, the client was told that it has the id %d", number, id)
		}
	}
	t.Logf("%d requests were refused, %d transactions answered before", refused, len(made))
	k.mustBeSound()
	k.stop()
}
