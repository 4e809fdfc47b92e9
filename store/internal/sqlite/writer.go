package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// writer owns the one connection on which a process writes, and the goroutine that uses it. The updates that are requested
// while other processes write become one commit, first come, first served.
type writer struct {
	options Options
	file    file
	db      *sql.DB
	conn    *sql.Conn // nil: lost; the next commit opens another
	lock    *fairLock
	files   atomic.Pointer[openFiles]
	log     int           // descriptor of the log, for logSize; -1: none
	minute  int64         // in which maintenance was done, since 1970
	turn    time.Duration // maxTurn, but for tests
	walNext time.Time     // when the length of the log is checked again

	queue       chan *request
	closing     context.Context // done once close was called
	stop        context.CancelFunc
	logReplaced func()        // called when a connection has another log than the previous one
	ended       chan struct{} // closed when the goroutine has ended
	once        sync.Once     // closes the connection and the lock
}

// Bounds of a commit, so that other processes have their turn.
const (
	maxBatch = 256
	maxTurn  = 20 * time.Millisecond // after which no request is begun
)

// openWriter opens the writer of a database. It calls logReplaced whenever the connections that are open have a log that is no
// longer in use.
func openWriter(ctx context.Context, file file, options Options, logReplaced func()) (*writer, error) {
	closing, stop := context.WithCancel(context.Background())
	w := &writer{
		options: options, file: file, db: openPool(file, forWriting, options), lock: newFairLock(file.path),
		turn: maxTurn, log: -1, logReplaced: logReplaced, queue: make(chan *request, maxBatch), closing: closing, stop: stop, ended: make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		stop()
		return nil, errors.Join(err, w.db.Close())
	}
	go w.run()
	return w, nil
}

// close may be called again; then it only waits.
func (w *writer) close() (err error) {
	w.stop()
	<-w.ended
	w.once.Do(func() {
		w.lock.close()
		w.closeLog()
		if w.conn != nil {
			err = w.conn.Close()
		}
		err = errors.Join(err, w.db.Close())
	})
	return err
}

func (w *writer) run() {
	defer close(w.ended)
	idle := time.NewTicker(w.options.Idle)
	defer idle.Stop()
	look := time.NewTicker(logInterval)
	defer look.Stop()
	for {
		select {
		case <-idle.C:
			w.commit(newRequest(nothing))
		case <-look.C:
			if w.files.Load().lacksLog() {
				w.commit(newRequest(nothing))
			}
		case first := <-w.queue:
			if first.taken.Load() {
				continue // its caller has given up
			}
			// Let the callers run that were just answered: their next updates become part of this commit.
			runtime.Gosched()
			w.commit(first)
		case <-w.closing.Done():
			return
		}
	}
}

// nothing is an update without changes.
func nothing(Tx) error { return nil }

// commit runs first and the requests in the queue in one transaction.
func (w *writer) commit(first *request) {
	if err := w.begin(); err != nil {
		if first.taken.CompareAndSwap(false, true) {
			first.done <- err
		}
		return
	}
	batch, err := w.transact(first)
	if err != nil && !rollback(w.conn) {
		_ = w.conn.Close() // it is lost already
		w.conn = nil
		w.files.Store(&openFiles{database: w.file}) // the log may have been removed with the connection
	}
	for _, r := range batch {
		if err != nil {
			r.done <- err
		} else {
			r.done <- r.err
		}
	}
	if err == nil {
		w.truncateWAL()
	}
	w.lock.release()
}

// begin waits for the lock and begins a transaction.
func (w *writer) begin() error {
	if err := w.lock.acquire(w.closing); err != nil {
		if w.closing.Err() != nil {
			err = ErrClosed
		}
		return err
	}
	err := w.connect(w.closing)
	if err == nil {
		err = w.restoreLog(w.closing)
	}
	if err == nil {
		err = w.beginImmediate()
	}
	if err != nil {
		w.lock.release()
	}
	return err
}

// beginImmediate waits for programs that write without the lock, for as long as a caller may wait for its update.
func (w *writer) beginImmediate() error {
	for deadline := time.Now().Add(w.options.Timeout); ; {
		err := w.exec("BEGIN IMMEDIATE")
		if !errors.Is(Classify(err), ErrBusy) || time.Now().After(deadline) {
			return err
		}
		if w.closing.Err() != nil {
			return ErrClosed
		}
	}
}

// transact runs requests and commits them. After an error nothing is stored, and the transaction may still be open.
func (w *writer) transact(first *request) (batch []*request, err error) {
	tx := Tx{Ctx: context.Background(), Conn: w.conn, Now: w.options.now()}
	end := time.Now().Add(w.turn)
	err = w.maintain(tx)
	for next := first; next != nil; next = w.next(len(batch), end) {
		if !next.taken.CompareAndSwap(false, true) {
			continue
		}
		batch = append(batch, next)
		if err == nil {
			err = w.apply(tx, next)
		}
		if err != nil {
			return batch, err
		}
	}
	if w.options.Committing != nil {
		w.options.Committing()
	}
	if err := w.files.Load().check(); err != nil {
		return batch, err
	}
	return batch, w.exec("COMMIT")
}

// next returns the next request of a commit that has so many already, or nil.
func (w *writer) next(requests int, end time.Time) *request {
	if requests == maxBatch || time.Now().After(end) {
		return nil
	}
	select {
	case next := <-w.queue:
		return next
	default:
		return nil
	}
}

// apply runs a request in a savepoint, so that its changes alone can be undone, and stores its error. It returns the error of
// the whole transaction.
func (w *writer) apply(tx Tx, r *request) error {
	if err := w.exec("SAVEPOINT write"); err != nil {
		return err
	}
	r.err = call(r.f, tx)
	switch {
	case r.err == nil:
		return w.exec("RELEASE write")
	case errors.Is(Classify(r.err), ErrUnavailable):
		return r.err
	}
	if err := w.exec("ROLLBACK TO write; RELEASE write"); err != nil { // there is no savepoint if SQLite has rolled back
		if _, panicked := errors.AsType[*panicError](r.err); panicked {
			return err // the other callers must not panic
		}
		return errors.Join(r.err, err)
	}
	return nil
}

// maintain calls Options.Maintain if it was not done yet in this minute. Its own error is logged: work that was not done costs
// time or room. It returns the error of the whole transaction.
func (w *writer) maintain(tx Tx) error {
	minute := tx.Now.Unix() / 60
	if minute == w.minute || w.options.Maintain == nil {
		return nil
	}
	var done bool
	work := &request{f: func(tx Tx) (err error) {
		done, err = w.options.Maintain(tx)
		return err
	}}
	if err := w.apply(tx, work); err != nil {
		return err
	}
	if work.err != nil {
		w.options.Logger.Error("database maintenance failed", "error", work.err)
	}
	if done || work.err != nil {
		w.minute = minute
	}
	return nil
}
