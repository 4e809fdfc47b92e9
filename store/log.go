package store

import (
	"time"

	"golang.org/x/sys/unix"
)

// What is done about a log that has become long. SQLite begins it anew when it has all been brought into the database and
// nobody reads, which is never where there is always somebody.
const (
	longLog      = 16 << 20    // bytes
	logLookAgain = time.Second // after which one is looked at again
	logPatience  = "250"       // ms, for which readers are waited for
)

// truncateLog makes a long log short, while the lock is held so that nobody adds to it. Readers who begin meanwhile are not
// in the way. Where it cannot be done, it is tried again later.
func (w *writer) truncateLog() {
	now := time.Now()
	if now.Before(w.lookAt) {
		return
	}
	w.lookAt = now.Add(logLookAgain)
	var stat unix.Stat_t
	if unix.Stat(w.file.path+"-wal", &stat) != nil || stat.Size < longLog {
		return
	}
	_ = w.exec("PRAGMA busy_timeout = " + logPatience + "; PRAGMA wal_checkpoint(TRUNCATE)")
	_ = w.exec("PRAGMA busy_timeout = " + foreignPatience) // also after an error, which the next commit has as well
}
