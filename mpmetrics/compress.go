package mpmetrics

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encoding is a Content-Encoding.
type encoding string

const (
	plain    encoding = "identity"
	gzipped  encoding = "gzip"
	zstdized encoding = "zstd"
)

// negotiateEncoding returns the encoding with the highest quality in an Accept-Encoding header, and of equal ones the first
// of identity, gzip and zstd, as promhttp does.
func negotiateEncoding(accept string) encoding {
	best, quality := plain, 0.0
	for _, offer := range []encoding{plain, gzipped, zstdized} {
		for spec := range strings.SplitSeq(accept, ",") {
			name, params, _ := strings.Cut(spec, ";")
			if name = strings.TrimSpace(name); name != string(offer) && name != "*" {
				continue
			}
			q := 1.0
			if value, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
				q, _ = strconv.ParseFloat(value, 64)
			}
			if q > quality {
				best, quality = offer, q
			}
		}
	}
	return best
}

// compressors keeps compressors between scrapes: they are large, and slow to make.
type compressors struct {
	gzip, zstd sync.Pool // of compressor
}

type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

func (c *compressors) write(w io.Writer, e encoding, page []byte) {
	pool, open := &c.gzip, newGzip
	if e == zstdized {
		pool, open = &c.zstd, newZstd
	}
	z, ok := pool.Get().(compressor)
	if !ok {
		var err error
		if z, err = open(); err != nil {
			panic(fmt.Sprintf("BUG: compressor %s: %v", e, err))
		}
	}
	z.Reset(w)
	if _, err := z.Write(page); err == nil {
		_ = z.Close() // the scraper may have gone
	}
	z.Reset(nil)
	pool.Put(z)
}

func newGzip() (compressor, error) { return gzip.NewWriterLevel(nil, gzip.BestSpeed) }

// newZstd makes a compressor that works in the caller's goroutine and in little memory.
func newZstd() (compressor, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<18), zstd.WithLowerEncoderMem(true))
}
