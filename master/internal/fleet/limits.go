package fleet

import (
	"time"

	"multiproc/worker/handoff"
)

// Limits are the numbers that the decisions about one generation depend on.
type Limits struct {
	Workers  int // wanted number, at least 1
	MinReady int // with fewer than this ready, readiness checks answer 503
	Starting int // how many may start at the same time in a reload; 0: all

	Notifies     bool          // workers send READY=1; if false, a worker counts as ready after a second
	StartTimeout time.Duration // until READY=1
	StartHint    string        // what to do about a worker that never sends READY=1; empty: nothing is known
	Heartbeat    time.Duration // longest silence of a worker that has sent a heartbeat once; 0: no limit

	ReloadMercy   time.Duration // how long a replaced worker may drain
	StopMercy     time.Duration // the same when the master stops
	ShutdownDelay time.Duration // from unreadiness to the drain when the master stops

	Exporter bool // there is an exporter beside the workers

	MaxLifetime, MaxLifetimeDelta time.Duration // a worker is replaced at an age of the first plus a random part of the second; 0: never
	MaxAnon                       uint64        // a worker with more bytes of anonymous memory is replaced; 0: never
}

const (
	// unnotifiedReady is the age at which a worker that does not notify counts as ready.
	unnotifiedReady = time.Second
	// servedWell is the time after which the death of a serving worker does not count as a failed start.
	servedWell = time.Second
	// servedLong is the time after which a serving worker makes up for all failed starts of its slot.
	servedLong = 10 * time.Second
	// dumpTime is the time for a goroutine dump, from QUIT to KILL.
	dumpTime = 500 * time.Millisecond
	// fastMercy bounds the drain in a fast stop.
	fastMercy = time.Second
	// drainingPerWorker bounds the number of draining workers, as a multiple of the wanted number of workers.
	drainingPerWorker = 2
)

// generation is the settings of a group of workers.
type generation struct {
	number handoff.Generation
	limits Limits
}

// explain returns a reason for messages, with the hint that belongs to it.
func (l Limits) explain(why Reason) string {
	if why == ReasonStartTimeout && l.StartHint != "" {
		return string(why) + ": " + l.StartHint
	}
	return string(why)
}
