package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/worker/api"
)

// operation returns the description of a method of a path, and that of the path.
func (d description) operation(method, path string) (operation, item map[string]any) {
	mux := http.NewServeMux()
	for pattern := range d["paths"].(map[string]any) {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	u, err := url.Parse(path)
	if err != nil {
		panic(err)
	}
	_, pattern := mux.Handler(&http.Request{Method: method, URL: u})
	if pattern == "" {
		return nil, nil
	}
	switch method {
	case "HEAD":
		method = "GET"
	case strings.ToLower(method): // another method
		method = ""
	}
	item = d.resolve(d["paths"].(map[string]any)[pattern])
	return d.resolve(item[strings.ToLower(method)]), item
}

// parameters returns the parameters of an operation in the path, the query or the headers, by name.
func (d description) parameters(operation, item map[string]any, in string) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, list := range []any{item["parameters"], operation["parameters"]} {
		list, _ := list.([]any)
		for _, p := range list {
			if p := d.resolve(p); p["in"] == in {
				all[p["name"].(string)] = p
			}
		}
	}
	return all
}

// check compares an answer with the description, and the request too if it succeeded.
func (d description) check(c call, got response) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for name, value := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got.header.Get(name) != value {
			fault("%s: %q", name, got.header.Get(name))
		}
	}
	if got.status != http.StatusNoContent && c.method != "HEAD" && got.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
		fault("Content-Length: %q", got.header.Get("Content-Length"))
	}
	response := d.response(c, got.status)
	if response == nil {
		fault("%d is not described", got.status)
		return faults
	}
	for name, header := range response["headers"].(map[string]any) {
		if value := got.header.Get(name); value != "" {
			if err := d.valid(d.resolve(header)["schema"], value); err != nil {
				fault("%s: %v", name, err)
			}
		} else if got.status >= 400 {
			fault("no %s", name)
		}
	}
	for _, name := range []string{"Link", "Location", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate"} {
		if got.header.Get(name) != "" && response["headers"].(map[string]any)[name] == nil {
			fault("%s is not described", name)
		}
	}
	content, _ := response["content"].(map[string]any)
	switch media, _ := content[got.header.Get("Content-Type")].(map[string]any); {
	case content == nil && len(got.body) == 0 || c.method == "HEAD" && len(got.body) == 0:
	case media == nil:
		fault("Content-Type %q", got.header.Get("Content-Type"))
	default:
		if err := d.validJSON(media["schema"], got.body); err != nil {
			fault("%v", err)
		}
	}
	if got.status < 300 {
		faults = append(faults, d.checkAsked(c)...)
	}
	return faults
}

// response returns the description of an answer.
func (d description) response(c call, status int) map[string]any {
	operation, _ := d.operation(c.method, c.path)
	var response map[string]any
	switch {
	case operation == nil && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed):
		response = d.resolve(map[string]any{"$ref": "#/components/responses/Failed"})
	case operation == nil:
		return nil
	default:
		responses := operation["responses"].(map[string]any)
		response = d.resolve(responses[strconv.Itoa(status)])
		if response == nil && status >= 500 {
			response = d.resolve(responses["default"])
		}
	}
	if response != nil && response["headers"] == nil {
		response = maps.Clone(response)
		response["headers"] = map[string]any{}
	}
	return response
}

// checkAsked compares a request that succeeded with the description.
func (d description) checkAsked(c call) (faults []string) {
	operation, item := d.operation(c.method, c.path)
	if body := d.resolve(operation["requestBody"]); body != nil {
		schema := body["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
		if err := d.validJSON(schema, []byte(c.body)); err != nil {
			faults = append(faults, fmt.Sprintf("accepted: %v", err))
		}
	}
	u, _ := url.Parse(c.path)
	parameters := d.parameters(operation, item, "query")
	for name, values := range u.Query() {
		if parameters[name] == nil {
			faults = append(faults, "parameter "+name+" is not described")
			continue
		}
		schema := d.resolve(parameters[name]["schema"])
		err := d.valid(schema, values[0])
		if schema["type"] != "string" {
			err = d.validJSON(schema, []byte(values[0]))
		}
		if err != nil {
			faults = append(faults, fmt.Sprintf("parameter %s was accepted: %v", name, err))
		}
	}
	return faults
}

// TestDescription: the file is served, and describes all routes, their parameters and the access to them.
func TestDescription(t *testing.T) {
	s := startAPI(t)
	file, err := os.ReadFile("openapi.json")
	check(t, err)
	if got := s.want(http.StatusOK, call{method: "GET", path: "/api/v1/openapi.json", header: http.Header{"Authorization": nil}}); string(got.body) != string(file) {
		t.Errorf("%s", got.body)
	}
	type route struct {
		Query  []string
		ID     bool
		Public bool
		Key    bool
	}
	routes, documented := map[string]route{}, map[string]route{}
	for _, r := range api.Routes() {
		query := slices.Sorted(slices.Values(r.Query))
		routes[r.Method+" "+r.Path] = route{query, strings.Contains(r.Path, "{id}"), r.Public, r.Write}
	}
	operations := map[string]bool{}
	for path, item := range described["paths"].(map[string]any) {
		item := described.resolve(item)
		for method, operation := range item {
			if method == "parameters" {
				continue
			}
			operation := operation.(map[string]any)
			security, given := operation["security"].([]any)
			documented[strings.ToUpper(method)+" "+path] = route{
				Query:  slices.Sorted(maps.Keys(described.parameters(operation, item, "query"))),
				ID:     described.parameters(operation, item, "path")["id"] != nil,
				Public: given && len(security) == 0,
				Key:    described.parameters(operation, item, "header")["Idempotency-Key"] != nil,
			}
			operations[operation["operationId"].(string)] = true
		}
	}
	if diff := cmp.Diff(routes, documented); diff != "" {
		t.Errorf("-routes +description:\n%s", diff)
	}
	if len(operations) != len(documented) {
		t.Errorf("%d operations have %d names", len(documented), len(operations))
	}
}

// TestReferences: each component of the description is used.
func TestReferences(t *testing.T) {
	file, err := os.ReadFile("openapi.json")
	check(t, err)
	for kind, components := range described["components"].(map[string]any) {
		for name := range components.(map[string]any) {
			if kind != "securitySchemes" && !strings.Contains(string(file), fmt.Sprintf(`"#/components/%s/%s"`, kind, name)) {
				t.Errorf("%s %s is not used", kind, name)
			}
		}
	}
}

// TestEachDescribedAnswer gets every described answer of every operation, and no other.
func TestEachDescribedAnswer(t *testing.T) {
	for _, r := range api.Routes() {
		t.Run(r.Method+" "+r.Path, func(t *testing.T) {
			s := startAPI(t)
			s.post("/api/v1/transactions", pending)
			calls := variants(r, s.reader)
			seen := map[string]bool{}
			for _, c := range calls {
				seen[strconv.Itoa(s.do(c).status)] = true
			}
			if !r.Public {
				if err := s.store.Close(); err != nil {
					t.Error(err)
				}
				s.want(http.StatusServiceUnavailable, calls[0])
				seen["503"] = true
			}
			operation, _ := described.operation(r.Method, r.Path)
			want := slices.Sorted(maps.Keys(operation["responses"].(map[string]any)))
			want = slices.DeleteFunc(want, func(code string) bool { return code == "default" })
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(seen))); diff != "" {
				t.Errorf("-described +seen:\n%s", diff)
			}
		})
	}
}

// variants returns calls of a route with different outcomes. The first one succeeds unless other objects refer to its object.
func variants(r api.Route, reader string) []call {
	good := call{method: r.Method, path: strings.Replace(r.Path, "{id}", "1", 1)}
	calls := []call{good}
	add := func(change func(*call)) {
		c := good
		c.header = http.Header{}
		change(&c)
		calls = append(calls, c)
	}
	if r.Public {
		return calls
	}
	switch bodies := map[string]string{"POST": `{"name": "new"}`, "PATCH": `{"name": "newer"}`}; {
	case r.Path == "/api/v1/transactions" && r.Method == "POST":
		good.body = pending
	case r.Path == "/api/v1/transactions/{id}" && r.Method == "PATCH":
		good.body = `{"status": "Processed"}`
	case strings.Contains(r.Path, "transactions"):
	default:
		good.body = bodies[r.Method]
		for _, name := range []string{"Mpesa B2C", "Processed"} { // taken by another object
			if good.body != "" {
				add(func(c *call) { c.body = `{"name": "` + name + `"}` })
			}
		}
		if r.Method == "DELETE" {
			add(func(c *call) { c.path += "?cascade=true" })
		}
	}
	calls[0] = good
	if good.body != "" {
		add(func(c *call) { c.header.Set("Content-Type", "text/plain") })
		add(func(c *call) { c.body = strings.Repeat(" ", api.MaxBody) + good.body })
	}
	if strings.Contains(r.Path, "{id}") {
		add(func(c *call) { c.path = strings.Replace(r.Path, "{id}", "4711", 1) })
	}
	add(func(c *call) { c.token = "nonsense" })
	add(func(c *call) { c.path += "?%zz" })
	add(func(c *call) { c.path += "?nonsense=1" })
	if r.Write {
		add(func(c *call) { c.token = reader })
	}
	return calls
}
