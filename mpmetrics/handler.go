package mpmetrics

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/common/expfmt"
)

// ServeHTTP answers a scrape. The format is negotiated by Accept and the compression, gzip or zstd, by Accept-Encoding, both
// as in promhttp. The query parameter name[], which can be repeated, selects families. If another Gatherer fails, its error
// is logged when it changes, and the rest is served.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
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

	header := w.Header()
	header.Set("Content-Type", string(format))
	header.Add("Vary", "Accept, Accept-Encoding")
	encoding := negotiateEncoding(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	if encoding == plain {
		header.Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = w.Write(page) // the scraper may have gone
		return
	}
	header.Set("Content-Encoding", string(encoding))
	if r.Method == http.MethodGet {
		c.compressors.write(w, encoding, page)
	}
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
