package config

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// prefixes lets go-cmp compare prefixes.
func prefixes() cmp.Option { return cmpopts.EquateComparable(netip.Prefix{}) }

// full returns a Config without zero fields.
func full(t *testing.T) *Config {
	t.Helper()
	c := new(Config)
	sys := testSystem(nil)
	for _, k := range Keys() {
		if err := k.bind(target{c, sys}).set(samples()[k.Name]); err != nil {
			t.Fatal(err)
		}
	}
	c.UserName, c.Master, c.Notify, c.Migrate, c.Strict = "exporter", true, true, true, true
	for i := range reflect.ValueOf(*c).NumField() {
		if reflect.ValueOf(*c).Field(i).IsZero() {
			t.Fatalf("%s is zero", reflect.TypeFor[Config]().Field(i).Name)
		}
	}
	return c
}

func TestSnapshot(t *testing.T) {
	c := full(t)
	data, err := c.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSnapshot(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, back, prefixes()); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
	for n := range data {
		if back, err := ParseSnapshot(data[:n]); err == nil {
			t.Errorf("cut at %d: %+v", n, back)
		}
	}

	// Any field may be missing, and a newer version may have added one.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	unset, err := ParseSnapshot([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range reflect.ValueOf(*c).NumField() {
		name := reflect.TypeFor[Config]().Field(i).Tag.Get("json")
		kept := fields[name]
		delete(fields, name)
		fields["new"] = json.RawMessage(`{"a":[1]}`)
		data, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseSnapshot(data)
		if err != nil {
			t.Fatalf("without %s: %v", name, err)
		}
		fields[name] = kept
		want := *c
		reflect.ValueOf(&want).Elem().Field(i).Set(reflect.ValueOf(*unset).Field(i))
		switch name {
		case "threads": // of all cores, divided by three workers
			want.Threads = back.Threads
		case "max-requests-delta":
			want.MaxRequestsDelta = c.MaxRequests / 10
		case "max-worker-lifetime-delta":
			want.MaxWorkerLifetimeDelta = c.MaxWorkerLifetime / 10
		}
		if diff := cmp.Diff(&want, back, prefixes()); diff != "" || back.Threads < 1 {
			t.Errorf("without %s: -want +got:\n%s", name, diff)
		}
	}
}

func TestSnapshotBad(t *testing.T) {
	for text, hint := range map[string]string{
		``:                                 "unexpected end",
		`[]`:                               "array",
		`{"processes":"4"}`:                "string",
		`{"processes":0}`:                  `processes: 0 is less than 1`,
		`{"harakiri":-5}`:                  "harakiri",
		`{"socket":["a.sock"]}`:            "absolute",
		`{"pidfile":"/a\u0000"}`:           "pidfile has a NUL byte",
		`{"uid":-1}`:                       "uid",
		`{"log-format":"xml"}`:             "log-format",
		`{"env":[{"name":"","value":""}]}`: "env",
		`{"trusted-proxies":["*"]}`:        "every client",
	} {
		if c, err := ParseSnapshot([]byte(text)); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %+v, %v; want an error with %q", text, c, err, hint)
		}
	}
}

func FuzzParseSnapshot(f *testing.F) {
	f.Add([]byte(`{"processes":0,"threads":null,"env":[{}],"socket":["@a"]}`))
	f.Add([]byte(`{"processes":-1,"threads":-1,"max-requests-delta":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseSnapshot(data)
		if err != nil {
			return
		}
		if c.Processes < 1 || c.Threads < 1 || c.MaxRequestsDelta < 0 || c.MaxWorkerLifetimeDelta < 0 {
			t.Errorf("%+v", c)
		}
		written, err := c.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseSnapshot(written); err != nil || !cmp.Equal(c, back) {
			t.Errorf("%v\n%s", err, cmp.Diff(c, back, prefixes()))
		}
	})
}

func TestUnchangeable(t *testing.T) {
	want := []string{
		"health", "stats", "stats-http", "reuse-port", "master", "metrics-dir", "database", "chdir", "pidfile", "control", "vacuum", "umask", "uid",
		"gid", "logto", "log-format",
	}
	var unset Config
	c := full(t)
	if got := c.Unchangeable(full(t)); got != nil {
		t.Errorf("nothing has changed, but %q", got)
	}
	if diff := cmp.Diff(want, c.Unchangeable(&unset)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	c.Processes, c.Sockets = 99, nil
	if got := c.Unchangeable(full(t)); got != nil {
		t.Errorf("what may change has changed, but %q", got)
	}
}
