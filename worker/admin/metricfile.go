package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"multiproc/mpmetrics"
)

// filePath returns the path of the page of a file.
func filePath(name string) string { return workersPath + "/files/" + url.PathEscape(name) }

// valuesOfPage is the number of values on a page.
const valuesOfPage = 100

// metricFileView is the page of a metric file.
type metricFileView struct {
	File   *mpmetrics.File
	Size   string
	Used   string
	Search string
	Values []valueView
	Found  int
	First  int // number of the first one on the page, from 1
	Last   int
	Pager  pager
	Read   time.Time
}

type valueView struct {
	Offset int
	Sample string
	Value  string
	Time   time.Time
	Fault  string
}

// showMetricFile shows a file of the metrics directory. It looks the name up in the list of files, and opens no path of the request.
func showMetricFile(r *request) error {
	inspector, in, err := r.inspect()
	if err != nil {
		return err
	}
	defer inspector.Close()
	name := r.PathValue("file")
	for _, f := range in.Files {
		if f.Name == name && f.Type != "" {
			return renderMetricFile(r, f, in.Time)
		}
	}
	return errNoPage
}

func renderMetricFile(r *request, f *mpmetrics.File, at time.Time) error {
	list := r.listURL(filePath(f.Name), "q")
	delete(list.query, "rows")
	view := metricFileView{File: f, Size: size(f.Size), Used: size(f.Used), Search: list.query.Get("q"), Read: at}
	first, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || first < 0 {
		first = 0
	}
	for _, e := range f.AppendEntries(nil) {
		sample := e.Sample.String()
		if !strings.Contains(strings.ToLower(sample), strings.ToLower(view.Search)) {
			continue
		}
		if view.Found++; view.Found <= first || len(view.Values) == valuesOfPage {
			continue
		}
		v := valueView{Offset: e.Offset, Sample: sample, Value: mpmetrics.FormatValue(e.Value), Time: e.Time}
		if err := e.Sample.Err(); err != nil {
			v.Fault = err.Error()
		}
		view.Values = append(view.Values, v)
	}
	view.First, view.Last = first+1, first+len(view.Values)
	if first > 0 {
		view.Pager.First = list.with()
		view.Pager.Previous = list.with("from", positive(first-valuesOfPage))
	}
	if view.Last < view.Found {
		view.Pager.Next = list.with("from", strconv.Itoa(view.Last))
	}
	return r.render(http.StatusOK, "metricfile", page{Title: f.Name, Crumbs: []crumb{{"Workers", workersPath}}, Data: view})
}

// positive returns a number as a parameter has it, empty if it is not positive.
func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
