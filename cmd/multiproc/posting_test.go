package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"multiproc/internal/proctest"
)

// posting is a set of clients that post transactions, each with its own number, and the answers that they got.
type posting struct {
	tracker  *tracker
	stopping chan struct{}
	stopOnce sync.Once
	clients  sync.WaitGroup
	numbers  atomic.Int64
	answered atomic.Int64
	repeated atomic.Int64 // sent again after a lost answer

	mu       sync.Mutex
	made     map[int64]int64 // ids by number, from the answers
	lost     map[int64]error // by number: whether it was committed is unknown
	failures []string
}

// startPosting starts clients of two kinds, half of each with keep-alive: keyed ones repeat a request with its
// Idempotency-Key until it is answered, plain ones send each transaction once.
func startPosting(k *tracker, keyed, plain int) *posting {
	p := &posting{tracker: k, stopping: make(chan struct{}), made: map[int64]int64{}, lost: map[int64]error{}}
	for i := range keyed + plain {
		p.clients.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 1}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: proctest.Patience}
			for !p.stopped() {
				if i < keyed {
					p.insist(client, p.numbers.Add(1))
				} else {
					p.once(client, p.numbers.Add(1))
				}
			}
		})
	}
	k.tb.Cleanup(p.stop)
	return p
}

func (p *posting) stopped() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

// stop waits until every client has its answers.
func (p *posting) stop() {
	p.stopOnce.Do(func() { close(p.stopping) })
	p.clients.Wait()
}

func (p *posting) once(client *http.Client, number int64) {
	r, err := p.tracker.try(client, "POST", transactionsPath, numbered(number))
	if err == nil && r.code >= 500 {
		err = errors.New(r.String())
	}
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lost[number] = err
		return
	}
	p.answer(number, r)
}

// insist repeats a request until it is answered, and now and then once more.
func (p *posting) insist(client *http.Client, number int64) {
	key := fmt.Sprintf("Idempotency-Key: number-%d", number)
	post := func() (reply, error) {
		r, err := p.tracker.try(client, "POST", transactionsPath, numbered(number), key)
		if err == nil && r.code >= 500 {
			err = errors.New(r.String())
		}
		return r, err
	}
	first, err := post()
	for deadline := time.Now().Add(proctest.Patience); err != nil; first, err = post() {
		if time.Now().After(deadline) {
			p.fail("transaction %d: no answer within %s: %v", number, proctest.Patience, err)
			return
		}
		p.repeated.Add(1)
		<-time.After(5 * time.Millisecond)
	}
	p.answer(number, first)
	if number%4 != 0 {
		return
	}
	if again, err := post(); err == nil && !sameAnswer(again, first) {
		p.fail("transaction %d: %s %v, the first answer was %s %v", number, again, again.header, first, first.header)
	}
}

// sameAnswer reports whether an answer replays another one and is marked as a replay.
func sameAnswer(again, first reply) bool {
	return again.code == first.code && again.body == first.body &&
		again.header.Get("Location") == first.header.Get("Location") && again.header.Get("Idempotency-Replayed") == "true"
}

func (p *posting) answer(number int64, r reply) {
	if r.code != http.StatusCreated {
		p.fail("transaction %d: %s", number, r)
		return
	}
	id, err := idOf(r, number)
	if err != nil {
		p.fail("%v", err)
		return
	}
	p.answered.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made[number] = id
}

func (p *posting) fail(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, fmt.Sprintf(format, args...))
}

func (p *posting) awaitAnswers(n int64) {
	p.tracker.tb.Helper()
	from := p.answered.Load()
	proctest.Eventually(p.tracker.tb, "answers", func() bool { return p.answered.Load() >= from+n })
}

// mustBeKept stops the clients and compares their answers with the database: every transaction that a client knows is there
// under its id, none is there twice, and no other transaction exists.
func (p *posting) mustBeKept() {
	tb := p.tracker.tb
	tb.Helper()
	p.stop()
	for _, failure := range p.failures[:min(10, len(p.failures))] {
		tb.Error(failure)
	}
	rows := p.tracker.rows()
	seen := map[int64]int64{}
	for id, number := range rows {
		if other, twice := seen[number]; twice {
			tb.Errorf("transaction %d is there twice, as %d and %d", number, other, id)
		}
		seen[number] = id
		_, lost := p.lost[number]
		if answer, ok := p.made[number]; !lost && (!ok || answer != id) {
			tb.Errorf("transaction %d has the id %d, the client's answer has %d (answered: %t)", number, id, answer, ok)
		}
	}
	for number, id := range p.made {
		if seen[number] != id {
			tb.Errorf("transaction %d with the id %d in the client's answer is missing", number, id)
		}
	}
	p.tracker.mustBeSound()
	_, page := p.tracker.get("/metrics")
	recorded := sum(seriesOf(tb, page, "api_transactions_recorded_total"))
	if int(recorded) > len(rows) || recorded == 0 || len(p.lost) == 0 && p.repeated.Load() == 0 && int(recorded) < len(rows) {
		tb.Errorf("%g transactions recorded, %d are there", recorded, len(rows))
	}
	tb.Logf("%d transactions there, %d answered, %d of unknown fate, %d requests repeated, %g recorded",
		len(rows), len(p.made), len(p.lost), p.repeated.Load(), recorded)
}
