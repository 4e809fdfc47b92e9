package admin

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

const workersPath = home + "workers"

// workersView is the page of the workers, as their metric files describe them.
type workersView struct {
	Processes []processView
	Faulty    []*mpmetrics.File // of no process
	Dir       string
}

// processView is a process with files in the metrics directory.
type processView struct {
	*mpmetrics.Process
	Age      string
	Memory   string // resident
	Requests string
	InFlight string
	Errors   string
	Files    []fileView
}

type fileView struct {
	*mpmetrics.File
	Path string
	Size string
	Used string
}

func showWorkers(r *request) error {
	inspector, in, err := r.inspect()
	if err != nil {
		return err
	}
	defer inspector.Close()
	view := workersView{Dir: r.admin.metricsDir}
	loads, memory := new(requests.Reader).Read(in.Files), residentMemory(in)
	files := map[*mpmetrics.Process][]fileView{}
	for _, f := range in.Files {
		v := fileView{f, filePath(f.Name), size(f.Size), size(f.Used)}
		if f.Process == nil {
			view.Faulty = append(view.Faulty, f)
			continue
		}
		files[f.Process] = append(files[f.Process], v)
	}
	for _, p := range in.Processes {
		v := processView{Process: p, Files: files[p]}
		if !p.Start.IsZero() && p.Liveness == mpmetrics.Alive {
			v.Age = span(in.Time.Sub(p.Start))
		}
		if load := loads[p.ID]; load.Known {
			v.Requests, v.Errors = number(int64(load.Requests)), number(int64(load.Errors))
			if p.Liveness == mpmetrics.Alive {
				v.InFlight = number(int64(load.InFlight))
			}
		}
		if bytes, ok := memory[p.Slot]; ok && p.Slot > 0 && p.Liveness == mpmetrics.Alive {
			v.Memory = size(int64(bytes))
		}
		view.Processes = append(view.Processes, v)
	}
	return r.render(http.StatusOK, "workers", page{Title: "Workers", Data: view})
}

// inspect reads the metrics directory. The caller closes the inspector.
func (r *request) inspect() (*mpmetrics.Inspector, *mpmetrics.Inspection, error) {
	if r.admin.metricsDir == "" {
		return nil, nil, &failure{status: http.StatusNotFound, detail: "No metrics directory is configured."}
	}
	inspector := mpmetrics.NewInspector(r.admin.metricsDir, mpmetrics.InspectorOptions{})
	in, err := inspector.Look()
	if err != nil {
		inspector.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, &failure{status: http.StatusNotFound, detail: "The metrics directory does not exist."}
		}
		return nil, nil, err
	}
	return inspector, in, nil
}

// residentMemory returns the resident memory of the worker in each slot, in bytes. The master measures and writes it.
func residentMemory(in *mpmetrics.Inspection) map[int]float64 {
	memory := map[int]float64{}
	var entries []mpmetrics.Entry
	for _, f := range in.Files {
		if f.Process == nil || f.Type != "gauge" {
			continue
		}
		entries = f.AppendEntries(entries[:0])
		for _, e := range entries {
			if e.Sample.Err() != nil || e.Sample.Name() != "multiproc_worker_resident_memory_bytes" {
				continue
			}
			if slot, err := strconv.Atoi(e.Sample.Label("slot")); err == nil {
				memory[slot] = e.Value
			}
		}
	}
	return memory
}

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
		view.Pager.First, view.Pager.Previous = list.with(), list.with()
		if first > valuesOfPage {
			view.Pager.Previous = list.with("from", strconv.Itoa(first-valuesOfPage))
		}
	}
	if view.Last < view.Found {
		view.Pager.Next = list.with("from", strconv.Itoa(view.Last))
	}
	return r.render(http.StatusOK, "metricfile", page{Title: f.Name, Crumbs: []crumb{{"Workers", workersPath}}, Data: view})
}
