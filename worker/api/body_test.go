package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/worker/api"
)

// TestBodies sends bodies that are not JSON, too deep, too large or of the wrong kind.
func TestBodies(t *testing.T) {
	s := startAPI(t)
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, body string
		status     int
		detail     string
	}{
		{"nothing", " ", 400, "the body is not JSON: at byte 1: unexpected end of JSON input"},
		{"half an object", `{"api": `, 400, "the body is not JSON: at byte 8: unexpected end of JSON input"},
		{"no quotes", `{api: 1}`, 400, "the body is not JSON: at byte 2: invalid character 'a' looking for beginning of object key string"},
		{"single quotes", `{'api': 1}`, 400, ""},
		{"a trailing comma", `{"api": "x",}`, 400, ""},
		{"two values", pending + pending, 400, ""},
		{"trailing text", pending + "x", 400, "the body is not JSON: at byte 65: invalid character 'x' after top-level value"},
		{"a comment", pending + "// x", 400, ""},
		{"a byte order mark", "\ufeff" + pending, 400, ""},
		{"NaN", `{"amount": NaN}`, 400, ""},
		{"a number with a plus", `{"amount": +1}`, 400, ""},
		{"a number with a leading zero", `{"amount": 01}`, 400, ""},
		{"a line break in a string", "{\"api\": \"a\nb\"}", 400, ""},
		{"a bad escape", `{"api": "\x"}`, 400, ""},
		{"not UTF-8", "{\"api\": \"\xff\"}", 400, "the body is not JSON: at byte 9: not UTF-8"},
		{"not UTF-8 in a name", "{\"a\xc3\": 1}", 400, "the body is not JSON: at byte 3: not UTF-8"},
		{"UTF-16", "\x00{\x00}", 400, ""},
		{"unpaired surrogate", `{"api": "x\ud83d"}`, 400, "the body is not JSON: at byte 10: unpaired surrogate"},
		{"the other half", `{"api": "\ude00\ud83d"}`, 400, "the body is not JSON: at byte 9: unpaired surrogate"},
		{"half a pair and an escape", `{"api": "\ud83d\n"}`, 400, "the body is not JSON: at byte 9: unpaired surrogate"},
		{"as deep as allowed", deep(api.MaxDepth), 422, ""},
		{"deeper", deep(api.MaxDepth + 1), 400, "the body is not JSON: at byte 128: more than 128 levels deep"},
		{"much deeper", deep(500_000), 400, ""},
		{"as large as allowed", strings.Repeat(" ", api.MaxBody-4) + "null", 422, ""},
		{"larger", strings.Repeat(" ", api.MaxBody-3) + "null", 413, "the body has more than 1048576 bytes"},
		{"null", "null", 422, "body at #: is null, not an object or an array"},
		{"a string", `"x"`, 422, "body at #: is a string, not an object or an array"},
		{"a number", `1`, 422, "body at #: is a number, not an object or an array"},
		{"true", ` true `, 422, "body at #: is a boolean, not an object or an array"},
	}
	for _, test := range tests {
		got := s.want(test.status, call{method: "POST", path: "/api/v1/transactions", body: test.body})
		if detail := decode[problem](t, got).Detail; test.detail != "" && detail != test.detail {
			t.Errorf("%s: %s", test.name, detail)
		}
		if got.last != (got.status == 413) {
			t.Errorf("%s: last: %t", test.name, got.last)
		}
	}
	if n := s.transactions(); n != 0 {
		t.Errorf("%d transactions", n)
	}
}

func TestContentTypes(t *testing.T) {
	s := startAPI(t)
	for contentType, status := range map[string]int{
		"application/json":                   201,
		"application/json; charset=utf-8":    201,
		"Application/JSON;charset=\"UTF-8\"": 201,
		"application/json; charset=latin1":   415,
		"application/json; charset":          415,
		"application/jsonx":                  415,
		"application/problem+json":           415,
		"text/json":                          415,
		"application/x-www-form-urlencoded":  415,
		"":                                   415,
	} {
		s.want(status, call{method: "POST", path: "/api/v1/transactions", body: pending, header: http.Header{"Content-Type": {contentType}}})
	}
	s.want(415, call{method: "POST", path: "/api/v1/transactions", body: pending, header: http.Header{"Content-Type": nil}})
	s.want(415, call{method: "POST", path: "/api/v1/transactions", body: pending, header: http.Header{"Content-Encoding": {"gzip"}}})
}

// TestFaults: all faults of a request are reported at once, with their places, and nothing is stored. The database checks only
// requests without faults of their own.
func TestFaults(t *testing.T) {
	s := startAPI(t)
	s.post("/api/v1/transactions", pending)
	const none = "no such name"
	const known = "is unknown; known fields are api, status, amount"
	tests := []struct {
		method, path, body string
		want               []fault
	}{
		{"POST", "transactions", `{}`, []fault{
			{"api", "#/api", "is missing"}, {"status", "#/status", "is missing"}, {"amount", "#/amount", "is missing"},
		}},
		{"POST", "transactions", `{"api": 1, "status": null, "amount": true}`, []fault{
			{"api", "#/api", "is a number, not a string"},
			{"status", "#/status", "is null, not a string"},
			{"amount", "#/amount", "is a boolean, not a number or a string"},
		}},
		{"POST", "transactions", `{"api": {}, "status": [], "amount": {"x": 1}}`, []fault{
			{"api", "#/api", "is an object, not a string"},
			{"status", "#/status", "is an array, not a string"},
			{"amount", "#/amount", "is an object, not a number or a string"},
		}},
		{"POST", "transactions", `{"api": "x", "status": "y", "amount": 1.00001}`, []fault{
			{"amount", "#/amount", "has more than four decimal places"},
		}},
		{"POST", "transactions", `{"api": "x", "status": "y", "amount": 1}`, []fault{{"api", "#/api", none}, {"status", "#/status", none}}},
		{"POST", "transactions", `{"api": "", "status": "pending", "amount": "1,5"}`, []fault{{"amount", "#/amount", "is not a number"}}},
		{"POST", "transactions", `{"api": "", "status": "pending", "amount": "1.5"}`, []fault{{"api", "#/api", none}, {"status", "#/status", none}}},
		{"POST", "transactions", `{"api": "Mpesa Express", "status": "Pending", "amount": 1e14}`, []fault{{"amount", "#/amount", "is not less than 10^14"}}},
		{"POST", "transactions", `{"api": "Mpesa Express", "status": "Pending", "amount": " 1"}`, []fault{{"amount", "#/amount", "is not a number"}}},
		{"POST", "transactions", `{"api": "Mpesa Express", "status": "Pending", "amount": ""}`, []fault{{"amount", "#/amount", "is not a number"}}},
		{"POST", "transactions", `{"api": "Mpesa Express", "status": "Pending", "amount": 1` + strings.Repeat("0", 100_000) + `}`, []fault{{"amount", "#/amount", "is not less than 10^14"}}},
		{"POST", "transactions", `{"api": "Mpesa Express", "status": "Pending", "amount": 1, "id": 7, "API": "x", "a/b~c d\u00e9": 0}`, []fault{
			{"id", "#/id", known}, {"API", "#/API", known}, {"a/b~c dé", "#/a~1b~0c%20d%C3%A9", known},
		}},
		{"POST", "transactions", `{"api": "Mpesa Express", "status": "Pending", "amount": 1, "amount": 2, "\u0061mount": 3}`, []fault{
			{"amount", "#/amount", "is given more than once"},
		}},
		{"POST", "transactions", `[]`, []fault{{"", "#", "has no elements"}}},
		{"POST", "transactions", `[1, [], "x"]`, []fault{
			{"", "#/0", "is a number, not an object"}, {"", "#/1", "is an array, not an object"}, {"", "#/2", "is a string, not an object"},
		}},
		{"POST", "transactions", "[" + pending + `, 1, {"api": "Mpesa Express", "status": "Pending", "amount": "x"}, ` + pending + `, {"api": "x", "status": "Pending", "amount": 1}]`, []fault{
			{"", "#/1", "is a number, not an object"}, {"amount", "#/2/amount", "is not a number"},
		}},
		{"POST", "transactions", "[" + pending + `, {"api": "x", "status": "Pending", "amount": 1}, ` + pending + `, {"api": "x", "status": "y", "amount": 1}]`, []fault{
			{"api", "#/1/api", none}, {"api", "#/3/api", none}, {"status", "#/3/status", none},
		}},
		{"POST", "transactions", "[" + strings.Repeat(pending+",", api.MaxTransactions) + pending + "]", []fault{{"", "#", "has more than 1000 elements"}}},
		{"POST", "transactions?api=x&dry=1", pending, []fault{{"api", "", "is unknown"}, {"dry", "", "is unknown"}}},
		{"PATCH", "transactions/1", `{}`, []fault{{"status", "#/status", "is missing"}}},
		{"PATCH", "transactions/1", `{"status": "x", "amount": 1}`, []fault{
			{"amount", "#/amount", "is unknown; known fields are status"},
		}},
		{"PATCH", "transactions/1", `{"status": "x"}`, []fault{{"status", "#/status", none}}},
		{"PATCH", "transactions/4711", `{"status": 1}`, []fault{{"status", "#/status", "is a number, not a string"}}},
		{"PATCH", "transactions/1", `[]`, []fault{{"", "#", "is an array, not an object"}}},
		{"POST", "apis", `{}`, []fault{{"name", "#/name", "is missing"}}},
		{"POST", "apis", `{"name": " ", "description": 1, "params": []}`, []fault{
			{"description", "#/description", "is a number, not a string"}, {"params", "#/params", "is an array, not an object"},
		}},
		{"POST", "apis", `{"name": " ", "params": null}`, []fault{{"params", "#/params", "is null, not an object"}}},
		{"POST", "apis", `{"name": " "}`, []fault{{"name", "#/name", "has no visible character"}}},
		{"POST", "apis", `{"name": "a\u0000b", "description": "\u0000"}`, []fault{
			{"name", "#/name", "contains U+0000, which is invisible"}, {"description", "#/description", "contains a NUL character"},
		}},
		{"POST", "apis", `{"name": "` + strings.Repeat("é", 201) + `", "params": {"x": "` + strings.Repeat("x", 64<<10) + `"}}`, []fault{
			{"name", "#/name", "has more than 200 characters"}, {"params", "#/params", "has more than 65536 bytes"},
		}},
		{"POST", "apis", `{"name": "x", "params": {"x": ` + strings.Repeat("[", 110) + strings.Repeat("]", 110) + `}}`, []fault{
			{"params", "#/params", "has more than 100 nested levels"},
		}},
		{"PATCH", "apis/1", `{"id": 1, "name": null}`, []fault{
			{"id", "#/id", "is unknown; known fields are name, description, params"}, {"name", "#/name", "is null, not a string"},
		}},
		{"PATCH", "apis/1", `{"name": ""}`, []fault{{"name", "#/name", "is empty"}}},
		{"POST", "statuses", `{"params": {}}`, []fault{
			{"params", "#/params", "is unknown; known fields are name, description"}, {"name", "#/name", "is missing"},
		}},
		{"PATCH", "statuses/1", `{"name": "x", "name": "y"}`, []fault{{"name", "#/name", "is given more than once"}}},
		{"DELETE", "apis/1?cascade=yes", "", []fault{{"cascade", "", "must be true or false"}}},
		{"DELETE", "apis/1?cascade=true&cascade=true", "", []fault{{"cascade", "", "is given more than once"}}},
		{"DELETE", "statuses/1?Cascade=true", "", []fault{{"Cascade", "", "is unknown; known parameters are cascade"}}},
		{"GET", "transactions/1?x", "", []fault{{"x", "", "is unknown"}}},
	}
	for _, test := range tests {
		got := decode[problem](t, s.want(422, call{method: test.method, path: "/api/v1/" + test.path, body: test.body}))
		if diff := cmp.Diff(test.want, got.Errors); diff != "" {
			t.Errorf("%s %s %.200s (-want +got):\n%s", test.method, test.path, test.body, diff)
		}
	}
	if n := s.transactions(); n != 1 {
		t.Errorf("%d transactions", n)
	}
	if apis := decode[page[named]](t, s.get("/api/v1/apis")); len(apis.Items) != 2 || apis.Items[1].Name != "Mpesa Express" {
		t.Errorf("%v", apis)
	}
}

// TestManyFaults: the number of reported faults is bounded.
func TestManyFaults(t *testing.T) {
	s := startAPI(t)
	many := strings.TrimSuffix(strings.Repeat(`{"api": "x", "status": "y", "amount": 1},`, api.MaxTransactions), ",")
	unknown := make([]string, 20_000)
	for i := range unknown {
		unknown[i] = fmt.Sprintf(`"f%d": 0`, i)
	}
	for _, body := range []string{"[" + many + "]", "{" + strings.Join(unknown, ",") + "}"} {
		got := decode[problem](t, s.want(422, call{method: "POST", path: "/api/v1/transactions", body: body}))
		if len(got.Errors) != api.MaxFaults || !strings.HasSuffix(got.Detail, ", and others, not all of which are listed") {
			t.Errorf("%d faults, %s", len(got.Errors), got.Detail)
		}
	}
}
