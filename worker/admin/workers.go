package admin

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"multiproc/mpmetrics"
)

const workersPath = home + "workers"

func (a *Admin) workerRoutes() []route {
	return []route{
		{method: "GET", path: workersPath, least: staff, handle: showWorkers, nav: "Workers"},
		{method: "GET", path: workersPath + "/files/{file}", least: staff, handle: showMetricFile},
	}
}

// workersView is who serves, as their metric files say.
type workersView struct {
	Processes []processView
	Faulty    []*mpmetrics.File // of nobody
	Dir       string
}

// processView is a process that has files in the metrics directory.
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
	loads, memory := readLoads(in)
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
		if !p.Start.IsZero() && p.Life == mpmetrics.Alive {
			v.Age = span(in.Time.Sub(p.Start))
		}
		if load, ok := loads[p.ID]; ok && load.known {
			v.Requests, v.Errors = number(int64(load.requests)), number(int64(load.errors))
			if p.Life == mpmetrics.Alive {
				v.InFlight = number(int64(load.inFlight))
			}
		}
		if bytes, ok := memory[p.Slot]; ok && p.Slot > 0 && p.Life == mpmetrics.Alive {
			v.Memory = size(int64(bytes))
		}
		view.Processes = append(view.Processes, v)
	}
	return r.render(http.StatusOK, "workers", page{Title: "Workers", Data: view})
}

// inspect looks into the metrics directory. The caller closes the inspector.
func (r *request) inspect() (*mpmetrics.Inspector, *mpmetrics.Inspection, error) {
	if r.admin.metricsDir == "" {
		return nil, nil, &failure{status: http.StatusNotFound, detail: "There is no metrics directory."}
	}
	inspector := mpmetrics.NewInspector(r.admin.metricsDir, mpmetrics.InspectorOptions{})
	in, err := inspector.Look()
	if err != nil {
		inspector.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, &failure{status: http.StatusNotFound, detail: "The metrics directory is gone."}
		}
		return nil, nil, err
	}
	return inspector, in, nil
}

// load is what a process's metrics say of its requests.
type load struct {
	known                      bool
	requests, errors, inFlight float64
}

// readLoads reads the requests of each process, by its id, and the resident memory of each slot, which the master knows.
func readLoads(in *mpmetrics.Inspection) (loads map[string]load, memory map[int]float64) {
	loads, memory = map[string]load{}, map[int]float64{}
	var entries []mpmetrics.Entry
	for _, f := range in.Files {
		if f.Process == nil || f.Type != "counter" && f.Type != "gauge" {
			continue
		}
		l := loads[f.Process.ID]
		entries = f.AppendEntries(entries[:0])
		for _, e := range entries {
			if e.Sample.Err() != nil {
				continue
			}
			switch e.Sample.Name() {
			case "http_requests_total":
				l.known = true
				l.requests += e.Value
				if strings.HasPrefix(e.Sample.Label("code"), "5") {
					l.errors += e.Value
				}
			case "http_requests_in_flight":
				l.known = true
				l.inFlight += e.Value
			case "multiproc_worker_resident_memory_bytes":
				if slot, err := strconv.Atoi(e.Sample.Label("slot")); err == nil {
					memory[slot] = e.Value
				}
			}
		}
		loads[f.Process.ID] = l
	}
	return loads, memory
}
