package fleet

import "time"

// Limits are the numbers of a generation that the master's decisions depend on.
type Limits struct {
	Workers  int // how many to keep, at least 1
	MinReady int // with fewer than this ready, readiness checks answer 503
	Starting int // how many may start at the same time in a reload; 0: all

	Notifies     bool          // workers say READY=1; if not, one that has lived for a second counts as ready
	StartTimeout time.Duration // until READY
	Heartbeat    time.Duration // longest silence of a worker that has once said that it is alive; 0: any

	ReloadMercy   time.Duration // how long a replaced worker may drain
	StopMercy     time.Duration // the same when the master stops
	ShutdownDelay time.Duration // between unreadiness and the stop

	MaxLifetime, MaxLifetimeDelta time.Duration // a worker is replaced at an age of the first and a random part of the second; 0: never
	MaxAnon                       uint64        // a worker with more bytes of anonymous memory is replaced; 0: never
}

const (
	// unnotifiedReady is the age at which a worker that does not notify counts as ready.
	unnotifiedReady = time.Second
	// servedWell is how long a worker must have served for its end not to count as a failed start.
	servedWell = time.Second
	// servedLong makes up for all failed starts of a slot before.
	servedLong = 10 * time.Second
	// dumpTime is what a worker has, between QUIT and KILL, to write down what its goroutines do.
	dumpTime = 500 * time.Millisecond
	// fastMercy is what workers have left when the stop is to be fast.
	fastMercy = time.Second
	// drainingPerWorker bounds the draining workers, as a multiple of the serving ones.
	drainingPerWorker = 2
)
