package mpmetrics

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/common/expfmt"
)

// ServeHTTP answers a scrape. The format is negotiated by Accept, as in promhttp, and the compression, gzip or zstd, by
// Accept-Encoding. The query parameter name[], which can be repeated, selects families. If another Gatherer fails, its error
// is logged when it changes, and the rest is served.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// compressed returns a handler that compresses the response of another one, as fast as possible and in little memory.
func compressed(h http.HandlerFunc) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.PreferZstd(false),
		gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.ZstdCompressionLevel(int(zstd.SpeedFastest)))
	if err != nil {
		panic(fmt.Sprintf("BUG: options of the compressor: %v", err))
	}
	return wrap(h)
}

func (c *Collector) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed.", http.StatusMethodNotAllowed)
		return
	}
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	buffer, _ := c.pages.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer c.pages.Put(buffer)
	page, gatherErr, err := c.appendPage((*buffer)[:0], format, r.URL.Query()["name[]"])
	if err != nil {
		c.log.Error("encoding metrics failed", "error", err)
		http.Error(w, "Metrics could not be encoded.", http.StatusInternalServerError)
		return
	}
	*buffer = page
	c.logError(gatherErr)
	w.Header().Set("Content-Type", string(format))
	w.Header().Add("Vary", "Accept")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	_, _ = w.Write(page) // the scraper may have gone
}

func (c *Collector) logError(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if text != c.loggedError && text != "" {
		c.log.Error("gathering metrics failed", "error", err)
	}
	c.loggedError = text
}
