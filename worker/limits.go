package worker

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"syscall"
	"time"
)

// Limits bound what clients and requests may take. 0 never stands for a default: it means no limit or, for a time that the
// worker grants, no time at all. Start from DefaultLimits and change what differs.
type Limits struct {
	// MaxConnections is the maximum number of open connections on the main listeners together. Further ones wait in the
	// kernel's queue, and those whose clients say nothing make room for them, the longest silent first: without a whole head,
	// or, if there are none, without reading the answer for 5 s. The listeners of each name in Config.Named have places of their
	// own, as many but at least 8 and at most 1,024. All listeners together never have more connections than three
	// quarters of the descriptors that the process may still open, apart from one for each further listener.
	MaxConnections int
	// MaxHeader is the maximum size of a request's head in bytes, approximately. A longer one is answered with 431. At 0 only
	// the limit of net/http applies, 1 MiB.
	MaxHeader int
	// MaxBody is the maximum size of a request's body in bytes. A longer one is answered with 413, at once if the request
	// gives its length; otherwise the handler's read fails with *http.MaxBytesError.
	MaxBody int64

	// HTTPTimeout limits the time for the head of a request, and the time that a connection may be idle.
	HTTPTimeout time.Duration
	// SocketTimeout limits how long a client may take nothing of an answer, or send nothing of a body that the handler is
	// reading; then it is cut off, for an answer after up to twice this time. While all connections are taken, a client is also
	// cut off if it takes or sends less than 500 bytes per second on average over this time.
	SocketTimeout time.Duration
	// BodyTimeout limits the time for a request with a body, from the first byte of its head to the last one of its body, however
	// steadily that comes. A handler that has authenticated its client can replace it with LimitBody.
	BodyTimeout time.Duration

	// Harakiri limits the time for a request, see ExtendDeadline.
	Harakiri time.Duration
	// HarakiriGrace is the time that its handler then has to return before the worker requests a replacement. 0: it must have
	// returned when the client has its answer.
	HarakiriGrace time.Duration

	// MaxRequests is the number of requests after which the worker requests a replacement from its master.
	MaxRequests int
	// MaxRequestsDelta is the upper bound of a random number that is added to MaxRequests, so that workers that started
	// together are not replaced together.
	MaxRequestsDelta int

	// DrainIdle limits the time that a connection may be idle in the drain before it is closed. 0: a request that is not in the
	// kernel yet is lost.
	DrainIdle time.Duration
	// DrainTimeout limits the time for the drain. 0: requests are cut at once.
	DrainTimeout time.Duration
}

// DefaultLimits returns the default limits: 10,000 connections, heads of 64 KiB, an HTTPTimeout and a SocketTimeout of 60 s, a
// HarakiriGrace of 5 s, a DrainIdle of 5 s and a DrainTimeout of 60 s. The size of bodies, the time for a whole one, and the
// duration and number of requests are not limited.
func DefaultLimits() Limits {
	return Limits{
		MaxConnections: 10_000,
		MaxHeader:      64 << 10,
		HTTPTimeout:    time.Minute,
		SocketTimeout:  time.Minute,
		HarakiriGrace:  5 * time.Second,
		DrainIdle:      5 * time.Second,
		DrainTimeout:   time.Minute,
	}
}

// minDrainIdle is the time to read what the kernel has received.
const minDrainIdle = 10 * time.Millisecond

// validate returns an error for each negative field.
func (l *Limits) validate() error {
	var faults []error
	for field, value := range reflect.ValueOf(*l).Fields() {
		if value.Int() < 0 {
			faults = append(faults, fmt.Errorf("limit %s is negative", field.Name))
		}
	}
	return errors.Join(faults...)
}

// connections returns the maximum number of connections of the main listeners together, and of the listeners of each name.
func (l *Limits) connections(names, listeners int) (main, named int) {
	total := maxDescriptors(listeners)
	main = cmp.Or(l.MaxConnections, total)
	named = max(8, min(main, 1024, total/8))
	return min(main, max(1, total-names*named)), named
}

// maxDescriptors returns how many descriptors connections may use beside those of listeners. The rest is for everything else that a
// worker opens.
func maxDescriptors(listeners int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return max(1, (int(min(limit.Cur, math.MaxInt))-listeners)/4*3)
}
