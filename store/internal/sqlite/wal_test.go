package sqlite

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLogIsTruncated: a long log is truncated even if there is a reader at every moment.
func TestLogIsTruncated(t *testing.T) {
	db := openDB(t, Options{Synchronous: "normal"})
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for ctx.Err() == nil {
				_ = db.View(ctx, func(tx Tx) error {
					var n int64
					return tx.queryRow("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000) SELECT max(i) + (SELECT COUNT(*) FROM names) FROM n").Scan(&n)
				})
			}
		})
	}
	size := func() int64 {
		info, err := os.Stat(db.writer.file.path + "-wal")
		check(t, err)
		return info.Size()
	}
	text := strings.Repeat("x", 100_000)
	longest := int64(0)
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; ; i++ {
		before := size()
		update(t, db, func(tx Tx) error {
			_, err := tx.exec("INSERT OR REPLACE INTO names VALUES (1, ?)", text)
			return err
		})
		longest = max(longest, before)
		if now := size(); before > longWAL && now < longWAL {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log has grown to %d bytes and was not truncated", longest)
		}
	}
	cancel()
	reading.Wait()
	t.Logf("the log was %d bytes long at most", longest)
}
