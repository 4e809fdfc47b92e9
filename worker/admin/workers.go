package admin

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"

	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

const workersPath = home + "workers"

func (a *Admin) workerRoutes() []route {
	return []route{
		{method: "GET", path: workersPath, least: staff, handle: showWorkers, nav: "Workers"},
		{method: "GET", path: workersPath + "/files/{file}", least: staff, handle: showMetricFile},
	}
}

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
