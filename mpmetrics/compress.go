package mpmetrics

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCompressed is the size from which on a page is compressed, in bytes: less would not save a packet.
const minCompressed = 1024

// negotiateEncoding returns the encoding that a client prefers, gzip or zstd, or "" for none.
func negotiateEncoding(r *http.Request) string {
	accepted := r.Header.Get("Accept-Encoding")
	if accepted == "" || r.Method == http.MethodHead {
		return ""
	}
	best, encoding := 0.0, ""
	for _, known := range []string{"gzip", "zstd"} {
		if q := quality(accepted, known); q > best {
			best, encoding = q, known
		}
	}
	return encoding
}

// quality returns the weight that an Accept-Encoding gives to an encoding.
func quality(accepted, encoding string) float64 {
	for part := range strings.SplitSeq(accepted, ",") {
		name, parameters, weighted := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		if !weighted {
			return 1
		}
		_, value, _ := strings.Cut(parameters, "=")
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0
		}
		return q
	}
	return 0
}

// compressor compresses pages, one at a time, as fast as possible and in little memory.
type compressor struct {
	mu   sync.Mutex // guards the rest
	out  []byte     // kept for the next page
	gzip *gzip.Writer
	zstd *zstd.Encoder
}

// compress returns content in an encoding.
func (c *compressor) compress(content []byte, encoding string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if encoding == "zstd" {
		if c.zstd == nil {
			var err error
			if c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
				zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10)); err != nil {
				panic(fmt.Sprintf("BUG: options of the compressor: %v", err))
			}
		}
		c.out = c.zstd.EncodeAll(content, c.out[:0])
		return bytes.Clone(c.out)
	}
	if c.gzip == nil {
		var err error
		if c.gzip, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			panic(fmt.Sprintf("BUG: options of the compressor: %v", err))
		}
	}
	out := bytes.NewBuffer(c.out[:0])
	c.gzip.Reset(out)
	_, _ = c.gzip.Write(content) // into memory, which does not fail
	_ = c.gzip.Close()
	c.out = out.Bytes()
	return bytes.Clone(c.out)
}
