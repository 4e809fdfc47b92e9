package admin

import (
	"time"

	"multiproc/worker"
)

// progressTime is how long a request that does much may take for the next portion of it.
const progressTime = time.Minute

// goOn says of a request that does much in portions that it makes progress: its time is not to be up before that of the
// next portion is.
func (r *request) goOn() { worker.ExtendDeadline(r.Context(), progressTime) }
