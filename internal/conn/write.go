package conn

import (
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// unreadTimeout is the time after which a client that takes nothing of its answer is silent: a client on a slow line announces
// only from time to time that it has read something.
const unreadTimeout = 5 * time.Second

// lookInterval is the maximum time between two looks that find a client stalled. In a longer time, a queue of unchanged length may
// have been drained and refilled.
const lookInterval = time.Second

// write tracks the write to a connection that is in progress, if any. The length of the kernel's queue shows whether the client
// takes something. The times are in Unix nanoseconds.
type write struct {
	since  atomic.Int64 // when it began, or the client was last seen to take something; 0: there is no write
	looked atomic.Int64 // since when the queue has had the same length at each look
	last   atomic.Int64 // when the last look was
	queued atomic.Int64 // bytes in the queue then; -1: unknown
}

func (w *write) begin(now time.Time) {
	w.queued.Store(-1)
	w.since.Store(now.UnixNano())
}

func (w *write) end() { w.since.Store(0) }

// stalledSince returns the time since which the client has taken nothing, as far as is known. It returns the zero time if there is no
// write, or until the client has been stalled for unreadTimeout, during which it must be called at least once in a lookInterval.
func (w *write) stalledSince(c net.Conn) time.Time {
	since := w.since.Load()
	if since == 0 {
		return time.Time{}
	}
	now, queued := time.Now(), int64(ioctl(c, unix.SIOCOUTQ))
	last := w.last.Swap(now.UnixNano())
	before := w.queued.Swap(queued)
	if before != queued || now.UnixNano()-last > int64(lookInterval) {
		w.looked.Store(now.UnixNano())
		if before >= 0 && before != queued {
			w.since.CompareAndSwap(since, now.UnixNano()) // unless the write has ended
		}
	}
	if now.UnixNano()-w.looked.Load() < int64(unreadTimeout) {
		return time.Time{}
	}
	return time.Unix(0, since)
}
