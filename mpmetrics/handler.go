package mpmetrics

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/common/expfmt"
)

// ServeHTTP answers a scrape. The format is negotiated by Accept, as in promhttp, and the compression, gzip or zstd, by
// Accept-Encoding. The query parameter name[], which can be repeated, selects families. If another Gatherer fails, its error
// is logged when it changes, and the rest is served.
//
// Requests share a page that was begun after all of them. The memory for pages is bounded: while clients do not read theirs, further
// requests wait for up to 5 s, or for half of X-Prometheus-Scrape-Timeout-Seconds, and are then answered with 503. To make room,
// clients that have read nothing for 5 s are cut off or, if there are none, those still reading the oldest page after 10 s.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed.", http.StatusMethodNotAllowed)
		return
	}
	key := pageKey{
		format:   expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...),
		encoding: negotiateEncoding(r),
	}
	if r.URL.RawQuery != "" {
		key.names = joinNames(r.URL.Query()["name[]"])
	}
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	header.Add("Vary", "Accept")
	p := c.pages.await(key, r)
	if p == nil {
		header.Set("Retry-After", retryAfter)
		http.Error(w, "Too many clients have not read their pages.", http.StatusServiceUnavailable)
		return
	}
	defer c.pages.release(p)
	if p.failure != nil {
		panic(p.failure)
	}
	if p.err != nil {
		http.Error(w, "Metrics could not be encoded.", http.StatusInternalServerError)
		return
	}
	header.Set("Content-Type", string(key.format))
	header.Set("Content-Length", strconv.Itoa(len(p.content)))
	if p.encoding != "" {
		header.Set("Content-Encoding", p.encoding)
	}
	c.pages.write(p, w) // the scraper may have gone
}

// render makes a page.
func (c *Collector) render(p *sharedPage) {
	buffer := c.buffer()
	text, gatherErr, err := c.appendPage((*buffer)[:0], p.key.format, splitNames(p.key.names))
	if err != nil {
		c.log.Error("encoding metrics failed", "error", err)
		p.err = err
		return
	}
	*buffer = text
	c.logError(gatherErr)
	if p.key.encoding == "" || len(text) < minCompressed {
		p.buffer, p.content = buffer, text
		return
	}
	p.encoding = p.key.encoding
	p.content = c.compressor.compress(text, p.encoding)
	c.buffers.Put(buffer)
}

func (c *Collector) buffer() *[]byte {
	if buffer, ok := c.buffers.Get().(*[]byte); ok {
		return buffer
	}
	return new([]byte)
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

// The names of a pageKey are one string, so that keys can be compared. Names that are not valid UTF-8 do not exist.

func joinNames(names []string) string { return strings.Join(names, "\xff") }

func splitNames(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, "\xff")
}
