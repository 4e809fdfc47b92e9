package worker

import (
	"math/rand/v2"
	"sync/atomic"
)

// recycle counts requests until the worker has served enough of them.
type recycle struct {
	started atomic.Int64
	limit   int64 // 0: none
}

// setLimit sets a limit between limit and limit+delta; 0 is none.
func (r *recycle) setLimit(limit, delta int) {
	if limit > 0 {
		r.limit = int64(limit) + rand.Int64N(int64(delta)+1)
	}
}

// count counts a request. It says once that the limit is reached.
func (r *recycle) count() (reached bool) { return r.started.Add(1) == r.limit }
