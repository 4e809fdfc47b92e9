package admin

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"multiproc/store"
)

// transactionFilter is the filter of a list of transactions, as a request has it and as the store takes it.
type transactionFilter struct {
	meant       store.TransactionFilter
	Search      string
	API, Status *field
	Last        *field
	From, Until *field
	Problem     string // what is wrong with the times
	Nothing     bool   // no transaction matches
}

// filterNames are the parameters of a filter.
var filterNames = [...]string{"q", "api", "api_name", "status", "status_name", "last", "from", "until"}

// lastTimes are the choices of recent transactions.
var lastTimes = [...]struct {
	name, label string
	d           time.Duration
}{
	{"15m", "the last 15 minutes", 15 * time.Minute},
	{"1h", "the last hour", time.Hour},
	{"24h", "the last 24 hours", 24 * time.Hour},
	{"7d", "the last 7 days", 7 * 24 * time.Hour},
	{"30d", "the last 30 days", 30 * 24 * time.Hour},
}

// filteredList returns the address of a list of transactions with a filter. An id beside an emptied name does not count.
func filteredList(path string, values url.Values) listURL {
	list := listAt(path, values, filterNames[:]...)
	for _, name := range []string{"api", "status"} {
		if values.Has(typedName(name)) && values.Get(typedName(name)) == "" {
			list.query.Del(name)
		}
	}
	return list
}

// readFilter reads the filter of a list. Recent times are relative to asked. In the address of the list, typed names are replaced
// by ids.
func readFilter(tx *store.Tx, list listURL, asked time.Time) (f transactionFilter, err error) {
	query := list.query
	f.Search = query.Get("q")
	f.meant.Search = f.Search
	var api, status store.Named
	if f.API, api, err = chosenIn(tx, apis(), query); err != nil {
		return f, err
	}
	if f.Status, status, err = chosenIn(tx, statuses(), query); err != nil {
		return f, err
	}
	f.meant.API, f.meant.Status = api.Name, status.Name
	f.Nothing = f.API.Problem != "" || f.Status.Problem != ""
	f.Last = &field{Name: "last", Label: "Modified in", Kind: "select", Value: query.Get("last"), Options: []option{{"", "any time"}}}
	for _, l := range lastTimes {
		f.Last.Options = append(f.Last.Options, option{l.name, l.label})
	}
	f.meant.From = f.since(asked)
	f.From = timeField("from", "From (UTC)", query.Get("from"))
	f.Until = timeField("until", "Until (UTC)", query.Get("until"))
	if from := f.From.time; from.After(f.meant.From) {
		f.meant.From = from
	}
	f.meant.Until = f.Until.time
	for _, field := range []*field{f.Last, f.From, f.Until} {
		if field.Problem != "" {
			f.Problem = field.Name + " " + field.Problem
		}
	}
	return f, nil
}

// chosenIn returns the API or status by which a list is filtered, and the field for it.
func chosenIn(tx *store.Tx, c collection, query url.Values) (*field, store.Named, error) {
	f, err := c.choice(tx, c.filter(), capital(c.one), "any")
	if err != nil {
		return nil, store.Named{}, err
	}
	chosen, err := c.choose(tx, f, query)
	if chosen.ID != 0 {
		query.Set(c.filter(), strconv.FormatInt(chosen.ID, 10))
		query.Del(typedName(c.filter()))
	}
	return f, chosen, err
}

// since returns the beginning of the recent time that was chosen.
func (f transactionFilter) since(asked time.Time) time.Time {
	if f.Last.Value == "" {
		return time.Time{}
	}
	names := make([]string, len(lastTimes))
	for i, l := range lastTimes {
		if l.name == f.Last.Value {
			return asked.Add(-l.d)
		}
		names[i] = l.name
	}
	f.Last.Problem = "must be one of " + strings.Join(names, ", ")
	return time.Time{}
}

// Timed reports whether the filter limits the time.
func (f transactionFilter) Timed() bool { return !f.meant.From.IsZero() || !f.meant.Until.IsZero() }

// sort returns the default order of a list with the filter: the newest first, or the last modified if the time is limited.
func (f transactionFilter) sort() store.Sort {
	if f.Timed() {
		return store.Sort{By: store.SortModified, Descending: true}
	}
	return store.Sort{By: store.SortID, Descending: true}
}

// Any reports whether the filter limits anything.
func (f transactionFilter) Any() bool {
	for _, field := range f.Fields() {
		if field.Value != "" || field.Typed != "" {
			return true
		}
	}
	return f.Search != ""
}

// Fields returns the fields after the search.
func (f transactionFilter) Fields() []*field {
	return []*field{f.API, f.Status, f.Last, f.From, f.Until}
}
