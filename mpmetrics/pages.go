package mpmetrics

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
)

const (
	// maxPageBytes bounds the memory for the pages of one Collector that are being read, minPages and maxPages their number.
	maxPageBytes       = 4 << 20
	minPages, maxPages = 8, 64
	// maxMaking bounds how many pages are made at a time; further requests share the next ones.
	maxMaking = 2
	// roomTimeout bounds the wait for a page to begin.
	roomTimeout = 5 * time.Second
	retryAfter  = "5" // in seconds
	// While requests wait, clients that have read nothing for unreadTimeout are cut off or, if there are none, those of the
	// oldest page once it is older than pageTimeout.
	unreadTimeout = 5 * time.Second
	pageTimeout   = 10 * time.Second
	// roomInterval is the interval at which room is looked for while requests wait.
	roomInterval = 50 * time.Millisecond
	// chunk is the size of a single write, in bytes. A client that reads less than this in unreadTimeout counts as reading nothing.
	chunk = 64 << 10
)

// pages shares pages among the requests that came before they were begun, and bounds the memory that unread ones take.
//
// Half of the pages can begin at any time. The others begin one after the other, at such an interval that there is always one left for
// a client that reads: by then, those before have been taken, or their clients are cut off.
type pages struct {
	render func(*sharedPage)
	free   func(buffer *[]byte)

	mu      sync.Mutex               // guards the rest
	pending map[pageKey]*sharedPage  // not begun
	waiting []*sharedPage            // pending, in the order of their latest requests
	begun   []*sharedPage            // not released by all, the oldest first
	size    int                      // of the largest page lately, in bytes
	latest  time.Time                // when the last page began
	making  int                      // pages being rendered
	seeking bool                     // seekRoom is running
	readers map[*pageReader]struct{} // being written to
}

// pageKey identifies pages that are the same if they are begun at the same time.
type pageKey struct {
	format   expfmt.Format
	encoding string // that the client prefers
	names    string // see joinNames
}

// sharedPage is a page for all requests that joined before it was begun.
type sharedPage struct {
	key   pageKey
	begin chan struct{} // closed when it is begun; nil: at once
	done  chan struct{} // closed when the rest is set

	began time.Time
	users int // guarded by pages.mu

	content  []byte
	buffer   *[]byte // of content; nil: it has none to free
	encoding string  // of content; empty: none
	err      error
	failure  any // the value of a panic
}

// pageReader is a client that a page is being written to.
type pageReader struct {
	page  *sharedPage
	w     http.ResponseWriter
	since time.Time // when it last took something
}

func newPages(render func(*sharedPage), free func(*[]byte)) *pages {
	return &pages{
		render:  render,
		free:    free,
		pending: map[pageKey]*sharedPage{},
		readers: map[*pageReader]struct{}{},
	}
}

// await returns a page that was begun after the call, or nil if there is no room for one or the client has gone. The caller must
// release it.
func (s *pages) await(key pageKey, r *http.Request) *sharedPage {
	s.mu.Lock()
	p := s.pending[key]
	if p == nil {
		p = &sharedPage{key: key, done: make(chan struct{})}
		if s.hasRoomLocked(time.Now()) {
			p.users = 1
			s.beginLocked(p)
			s.mu.Unlock()
			s.make(p)
			return p
		}
		p.begin = make(chan struct{})
		s.pending[key] = p
		if !s.seeking {
			s.seeking = true
			go s.seekRoom()
		}
	}
	p.users++
	s.forgetWaitingLocked(p)
	s.waiting = append(s.waiting, p)
	s.mu.Unlock()

	limit := time.NewTimer(patience(r))
	defer limit.Stop()
	select {
	case <-p.begin:
	case <-limit.C:
	case <-r.Context().Done():
	}
	if s.leave(p) {
		return nil
	}
	<-p.done
	return p
}

// patience returns how long a request waits for its page to begin.
func patience(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if half := time.Duration(seconds / 2 * float64(time.Second)); err == nil && half > 0 && half < roomTimeout {
		return half
	}
	return roomTimeout
}

// leave reports whether a page has not begun. Then the caller is no user of it any more.
func (s *pages) leave(p *sharedPage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.began.IsZero() {
		return false
	}
	if p.users--; p.users == 0 {
		delete(s.pending, p.key)
		s.forgetWaitingLocked(p)
	}
	return true
}

func (s *pages) forgetWaitingLocked(p *sharedPage) {
	s.waiting = slices.DeleteFunc(s.waiting, func(w *sharedPage) bool { return w == p })
}

// hasRoomLocked reports whether a page may begin.
func (s *pages) hasRoomLocked(now time.Time) bool {
	most := min(max(minPages, maxPageBytes/max(1, s.size)), maxPages)
	n, free := len(s.begun), most/2
	return s.making < maxMaking && (n < free || n < most && now.Sub(s.latest) >= pageTimeout/time.Duration(most-free))
}

func (s *pages) beginLocked(p *sharedPage) {
	p.began = time.Now()
	s.latest = p.began
	s.making++
	s.begun = append(s.begun, p)
}

// make makes a page that has begun.
func (s *pages) make(p *sharedPage) {
	defer func() {
		p.failure = recover()
		s.mu.Lock()
		s.making--
		s.size = max(cap(p.content), s.size-s.size/16)
		s.beginWaitingLocked()
		s.mu.Unlock()
		close(p.done)
	}()
	s.render(p)
}

// beginWaitingLocked begins pages while there is room, first the one with the latest request, which has the most time left.
func (s *pages) beginWaitingLocked() {
	for n := len(s.waiting); n > 0 && s.hasRoomLocked(time.Now()); n = len(s.waiting) {
		p := s.waiting[n-1]
		s.waiting = s.waiting[:n-1]
		delete(s.pending, p.key)
		s.beginLocked(p)
		close(p.begin)
		go s.make(p)
	}
}

// release ends the use of a page that has begun.
func (s *pages) release(p *sharedPage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.users--; p.users == 0 {
		s.begun = slices.DeleteFunc(s.begun, func(b *sharedPage) bool { return b == p })
		if p.buffer != nil {
			s.free(p.buffer)
		}
		s.beginWaitingLocked()
	}
}

// seekRoom makes room until nothing waits.
func (s *pages) seekRoom() {
	tick := time.NewTicker(roomInterval)
	defer tick.Stop()
	for range tick.C {
		if !s.makeRoom() {
			return
		}
	}
}

func (s *pages) makeRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginWaitingLocked()
	if len(s.waiting) == 0 {
		s.seeking = false
		return false
	}
	now, cut := time.Now(), 0
	for r := range s.readers {
		if now.Sub(r.since) >= unreadTimeout {
			r.cut()
			cut++
		}
	}
	if oldest := s.begun[0]; cut == 0 && now.Sub(oldest.began) >= pageTimeout {
		for r := range s.readers {
			if r.page == oldest {
				r.cut()
			}
		}
	}
	return true
}

// write writes a page to a client.
func (s *pages) write(p *sharedPage, w http.ResponseWriter) {
	r := &pageReader{page: p, w: w, since: time.Now()}
	s.mu.Lock()
	s.readers[r] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.readers, r) // it cannot be cut any more
	}()
	for part := range slices.Chunk(p.content, chunk) {
		if _, err := w.Write(part); err != nil {
			return
		}
		s.took(r)
	}
}

func (s *pages) took(r *pageReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.since = time.Now()
}

// cut makes the write that is in progress fail.
func (r *pageReader) cut() {
	_ = http.NewResponseController(r.w).SetWriteDeadline(time.Unix(1, 0)) // not supported: it stays
}
