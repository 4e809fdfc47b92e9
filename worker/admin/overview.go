package admin

import "net/http"

func (a *Admin) overviewRoutes() []route {
	return []route{{method: "GET", path: home + "{$}", least: viewers, handle: showOverview, nav: "Overview"}}
}

func showOverview(r *request) error {
	return r.render(http.StatusOK, "overview", page{Title: "Overview"})
}
