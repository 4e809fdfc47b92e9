package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// TestTransactionsSurviveKills kills workers, one, two and all at once, while clients post: every acknowledged transaction is
// kept, and none is there twice.
func TestTransactionsSurviveKills(t *testing.T) {
	t.Parallel()
	rounds := []int{1, 2, 4, 1, 1, 2, 1, 4}[:proctest.Rounds(3, 8)]
	k := startTracker(t, "processes = 4\ndisable-logging = true\n")
	p := startPosting(k, 16, 16)
	for _, n := range rounds {
		victims := k.awaitSeasoned(n)
		for _, victim := range victims {
			proctest.Kill(t, victim, syscall.SIGKILL)
		}
		proctest.AwaitGone(t, victims...)
		k.awaitReplaced(victims...)
		p.awaitAnswers(200)
		answered := p.answered.Load()
		if counted := sum(k.gauge()); counted < float64(answered) {
			t.Errorf("api_transactions counts %g transactions, %d were answered before", counted, answered)
		}
	}
	p.mustBeKept()
	if p.repeated.Load() == 0 || len(p.lost) == 0 {
		t.Error("no client has lost an answer")
	}
	k.stop()
}

// TestTransactionsSurviveTheServer kills the master and all workers while clients post, and goes on with the next server.
func TestTransactionsSurviveTheServer(t *testing.T) {
	t.Parallel()
	ini := "socket = " + freeAddress(t) + "\nprocesses = 4\ndisable-logging = true\ndatabase = transactions.db\n"
	s := startServer(t, ini)
	k := newTracker(s, filepath.Join(s.dir, "transactions.db"))
	p := startPosting(k, 16, 0)
	for range 3 {
		p.awaitAnswers(200)
		all := slices.Insert(s.workers(), 0, s.cmd.Process.Pid) // first, or it would replace them
		for _, pid := range all {
			proctest.Kill(t, pid, syscall.SIGKILL)
		}
		proctest.AwaitGone(t, all...)
		s = startServer(t, ini, in(s.dir))
	}
	p.awaitAnswers(200)
	p.mustBeKept()
	s.stop()
}

// TestTransactionsAndReloads reloads while clients post without retries: none may notice.
func TestTransactionsAndReloads(t *testing.T) {
	t.Parallel()
	reloads := proctest.Rounds(3, 10)
	k := startTracker(t, "processes = 4\ndisable-logging = true\ndrain-idle = 1\n")
	p := startPosting(k, 0, 16)
	for range reloads {
		k.reload()
		p.awaitAnswers(100)
	}
	p.stop()
	for number, err := range p.lost {
		t.Errorf("transaction %d: %v", number, err)
	}
	k.awaitNoneDraining() // so that all requests are counted
	p.mustBeKept()
	k.stop()
}

// TestIdempotencyOnAllWorkers sends every worker the same request under the same key at once, again and again.
func TestIdempotencyOnAllWorkers(t *testing.T) {
	t.Parallel()
	rounds := proctest.Rounds(10, 50)
	k := startTracker(t, "processes = 4\n")
	var wires []*wire
	for _, pid := range k.workers() {
		wires = append(wires, k.wires(pid, 2)...)
	}
	for number := range int64(rounds) {
		replies := k.postAll(wires, func(int) (int64, string) { return number, fmt.Sprint("same-", number) })
		var firsts []reply
		for _, r := range replies {
			if r.header.Get("Idempotency-Replayed") == "" {
				firsts = append(firsts, r)
			}
		}
		if len(firsts) != 1 {
			t.Fatalf("transaction %d: %d first answers\n%s", number, len(firsts), replies)
		}
		if _, err := idOf(firsts[0], number); err != nil || firsts[0].code != http.StatusCreated {
			t.Fatalf("transaction %d: %s, %v", number, firsts[0], err)
		}
		for _, r := range replies {
			if r.header.Get("Idempotency-Replayed") != "" && !sameAnswer(r, firsts[0]) {
				t.Errorf("transaction %d: %s, the first answer was %s", number, r, firsts[0])
			}
		}
	}
	hangUp(wires)
	if rows := k.rows(); len(rows) != rounds {
		t.Errorf("%d transactions of %d keys", len(rows), rounds)
	}
	k.mustBeSound()

	// A key belongs to its token: for another client the same key is a new request.
	k.token = k.newToken("other")
	r := k.must(http.StatusCreated, "POST", transactionsPath, numbered(0), `Idempotency-Key: "same-0"`)
	if r.header.Get("Idempotency-Replayed") != "" {
		t.Error("a client was given the answer to another's request")
	}
	// With or without quotes it is the same key, but not for another request.
	again := k.must(http.StatusCreated, "POST", transactionsPath, numbered(0), "Idempotency-Key: same-0")
	if !sameAnswer(again, r) {
		t.Errorf("%s, the first answer was %s", again, r)
	}
	k.must(http.StatusUnprocessableEntity, "POST", transactionsPath, numbered(1), "Idempotency-Key: same-0")
	k.stop()
}

// postAll posts a transaction on each connection at once, each under a key. A missing answer is an empty reply.
func (k *tracker) postAll(wires []*wire, what func(i int) (number int64, key string)) []reply {
	replies := make([]reply, len(wires))
	var asking sync.WaitGroup
	start := make(chan struct{})
	for i, w := range wires {
		number, key := what(i)
		request := k.request("POST", transactionsPath, numbered(number), "Idempotency-Key: "+key)
		asking.Go(func() {
			<-start
			if r, err := w.ask(request); err == nil {
				replies[i] = r
			}
		})
	}
	close(start)
	asking.Wait()
	return replies
}

// TestKilledBetweenCommitAndAnswer kills a worker as soon as its commit can be seen in the database from outside. It gets
// many requests while it waits for the lock, so that all are one commit and not yet answered when the kill comes.
func TestKilledBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	const at = 64 // at once
	k := startTracker(t, "processes = 4\ndisable-logging = true\n")
	db := k.outside()
	count, err := db.PrepareContext(t.Context(), "SELECT count(*) FROM transactions")
	check(t, err)
	defer count.Close()
	hits, number := 0, int64(0)
	for round := 0; round < 4 || hits == 0 && round < 20; round++ { // how often a kill is late depends on the machine
		victim := k.awaitSeasoned(1)[0]
		wires := k.wires(victim, at)
		keys := func(i int) (int64, string) { return number + int64(i), fmt.Sprint("number-", number+int64(i)) }
		done := make(chan []reply, 1)
		unlock := k.lock()
		go func() { done <- k.postAll(wires, keys) }()
		proctest.Eventually(t, "all requests in flight", func() bool { return k.valueOf("http_requests_in_flight") > at })
		unlock()
		before, deadline := round*at, time.Now().Add(proctest.Patience)
		for n := before; n == before; {
			if err := count.QueryRowContext(t.Context()).Scan(&n); err != nil || time.Now().After(deadline) {
				t.Fatalf("nothing to be seen: %v\n%s", err, k.log)
			}
		}
		proctest.Kill(t, victim, syscall.SIGKILL)
		proctest.AwaitGone(t, victim)
		replies := <-done
		ids := map[int64]int64{} // by number
		for id, number := range k.rows() {
			ids[number] = id
		}
		for i, first := range replies {
			number, key := keys(i)
			id, stored := ids[number]
			answered := first.code != 0
			if answered && !stored {
				t.Errorf("transaction %d: %s, and it is not there", number, first)
			}
			again := k.must(http.StatusCreated, "POST", transactionsPath, numbered(number), "Idempotency-Key: "+key)
			told, err := idOf(again, number)
			if err != nil {
				t.Error(err)
			}
			if stored && (told != id || again.header.Get("Idempotency-Replayed") != "true") {
				t.Errorf("transaction %d has the id %d: %s %v", number, id, again, again.header)
			}
			if answered && !sameAnswer(again, first) {
				t.Errorf("transaction %d: %s, the first answer was %s", number, again, first)
			}
			if stored && !answered {
				hits++
			}
		}
		number += at
		if n := len(k.rows()); n != int(number) {
			t.Errorf("%d transactions, %d were asked for", n, number)
		}
		k.awaitReplaced(victim)
	}
	t.Logf("%d of %d transactions were committed by a worker that was killed before it answered", hits, number)
	if hits == 0 {
		t.Error("no kill came between commit and answer")
	}
	k.mustBeSound()
	k.stop()
}
