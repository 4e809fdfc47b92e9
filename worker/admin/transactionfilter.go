package admin

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"multiproc/store"
)

// transactionFilter is the filter of a list of transactions as a request has it: in its parameters, which pages pass on, and
// as the store takes it.
type transactionFilter struct {
	store.TransactionFilter
	APIs, Statuses []option // to choose from, by id: a form cannot send every name
	API, Status    string   // the ids that are chosen
	Last           string
	From, Until    string // as they were typed
	Problem        string
	Nothing        bool // it means none
}

// filterNames are the parameters of a filter.
var filterNames = [...]string{"q", "api", "status", "last", "from", "until"}

// lastTimes are how far back lists go that are asked for what is new.
var lastTimes = []struct {
	name, label string
	d           time.Duration
}{
	{"15m", "the last 15 minutes", 15 * time.Minute},
	{"1h", "the last hour", time.Hour},
	{"24h", "the last 24 hours", 24 * time.Hour},
	{"7d", "the last 7 days", 7 * 24 * time.Hour},
	{"30d", "the last 30 days", 30 * 24 * time.Hour},
}

// LastTimes are the choices of Last.
func (f transactionFilter) LastTimes() []option {
	options := []option{{"", "any time"}}
	for _, l := range lastTimes {
		options = append(options, option{l.name, l.label})
	}
	return options
}

// readFilter reads the filter as it was asked for at a time, with what there is to choose from.
func readFilter(tx *store.Tx, query url.Values, asked time.Time) (f transactionFilter, err error) {
	f.Search = query.Get("q")
	f.API, f.Status, f.Last = query.Get("api"), query.Get("status"), query.Get("last")
	f.From, f.Until = query.Get("from"), query.Get("until")
	if f.APIs, f.TransactionFilter.API, err = choices(f.API, apis(), tx); err != nil {
		return f, err
	}
	if f.Statuses, f.TransactionFilter.Status, err = choices(f.Status, statuses(), tx); err != nil {
		return f, err
	}
	f.Nothing = f.API != "" && f.TransactionFilter.API == "" || f.Status != "" && f.TransactionFilter.Status == ""
	f.TransactionFilter.From = f.since(asked)
	if t, ok := f.time("from", f.From); ok && t.After(f.TransactionFilter.From) {
		f.TransactionFilter.From = t
	}
	if t, ok := f.time("until", f.Until); ok {
		f.TransactionFilter.Until = t
	}
	return f, nil
}

// choices are the names to choose from, by id, and the name of the one that is chosen; empty: there is no such one.
func choices(chosen string, c catalog, tx *store.Tx) (options []option, name string, err error) {
	const most = 1000
	slice, err := c.find(tx, store.NameQuery{Page: store.Page{Limit: most}})
	if err != nil {
		return nil, "", err
	}
	options = []option{{"", "any"}}
	for _, n := range slice.Items {
		id := strconv.FormatInt(n.ID, 10)
		options = append(options, option{id, n.Name})
		if id == chosen {
			name = n.Name
		}
	}
	if id, err := strconv.ParseInt(chosen, 10, 64); err == nil && name == "" { // one of those that are too many to choose from
		n, err := c.get(tx, id)
		if err != nil && !isNotFound(err) {
			return nil, "", err
		}
		if err == nil {
			name, options = n.Name, append(options, option{chosen, n.Name})
		}
	}
	return options, name, nil
}

// since is where the last time begins that was asked for.
func (f *transactionFilter) since(asked time.Time) time.Time {
	if f.Last == "" {
		return time.Time{}
	}
	names := make([]string, len(lastTimes))
	for i, l := range lastTimes {
		if l.name == f.Last {
			return asked.Add(-l.d)
		}
		names[i] = l.name
	}
	f.Problem = "last is none of " + strings.Join(names, ", ")
	return time.Time{}
}

// time reads what an input of dates and times sends: without a zone, which is UTC here.
func (f *transactionFilter) time(name, text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, false
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	f.Problem = name + " is not a date and time, as in 2026-03-01 12:30"
	return time.Time{}, false
}

// Timed reports whether it is of a time.
func (f transactionFilter) Timed() bool {
	return !f.TransactionFilter.From.IsZero() || !f.TransactionFilter.Until.IsZero()
}

// Any reports whether something is filtered.
func (f transactionFilter) Any() bool {
	return f.Search != "" || f.API != "" || f.Status != "" || f.Last != "" || f.From != "" || f.Until != ""
}
