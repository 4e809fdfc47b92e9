package admin

import (
	"cmp"
	"net/http"
	"slices"

	"multiproc/store"
)

// The chart shows the last 24 hours by half hours.
const (
	overviewIntervals = 48
	overviewMinutes   = 30
)

// overviewView is the first page.
type overviewView struct {
	Chart    chart
	Window   string // transactions modified in the last 24 hours
	All      string // transactions
	APIs     []shareView
	Statuses []shareView
	Recent   []entryView
	History  string
}

// shareView is the share of an API or a status in the transactions of the last 24 hours.
type shareView struct {
	Name  string
	N     int64
	Count string
	Share int // in % of the most frequent one, at least 1
	Part  string
}

func showOverview(r *request) error {
	return r.show(http.StatusOK, "overview", func(tx *store.Tx) (page, error) {
		view := overviewView{History: historyPath}
		window, err := tx.WindowCounts()
		if err != nil {
			return page{}, err
		}
		statuses, others := charted(window)
		line, err := tx.Timeline(overviewIntervals, overviewMinutes, statuses)
		if err != nil {
			return page{}, err
		}
		view.Chart = newChart(line, statuses, others)
		var inWindow int64
		view.APIs, view.Statuses, inWindow = shares(window)
		view.Window = number(inWindow)
		all, err := tx.CountTransactions(store.TransactionFilter{})
		if err != nil {
			return page{}, err
		}
		view.All = number(all)
		entries, err := tx.Entries(store.EntryQuery{Kinds: r.kinds(), Page: store.Page{Limit: 10}})
		if err != nil {
			return page{}, err
		}
		view.Recent, err = entryViews(tx, entries.Items)
		return page{Title: "Overview", Data: view}, err
	})
}

// sharesShown is the number of APIs and statuses that the page names.
const sharesShown = 10

// shares sums counts by API and by status, the most frequent first.
func shares(counts []store.Count) (apis, statuses []shareView, total int64) {
	byAPI, byStatus := map[string]int64{}, map[string]int64{}
	for _, c := range counts {
		byAPI[c.API] += c.N
		byStatus[c.Status] += c.N
		total += c.N
	}
	return sharesOf(byAPI, total), sharesOf(byStatus, total), total
}

func sharesOf(counts map[string]int64, total int64) []shareView {
	views := make([]shareView, 0, len(counts))
	for name, n := range counts {
		views = append(views, shareView{Name: name, N: n, Count: number(n), Part: percent(n, total)})
	}
	slices.SortFunc(views, func(a, b shareView) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	views = views[:min(len(views), sharesShown)]
	for i := range views {
		views[i].Share = int(max(1, views[i].N*100/views[0].N))
	}
	return views
}
