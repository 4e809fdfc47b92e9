package inspect

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	urfave "github.com/urfave/cli/v2"

	"multiproc/internal/proctest"
)

// TestServe scrapes a directory that changes, in several formats, and stops the server by a signal to this process. It is not
// parallel: the signal also stops other commands.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	putFile := func(name string) {
		t.Helper()
		data, err := os.ReadFile("../../../testdata/conformance/h16/worker_ids/counter_w1.db")
		if err == nil {
			_ = os.Mkdir(dir, 0o700)
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		check(t, err)
	}
	putFile("counter_1.db")
	log, ended := &proctest.Log{}, make(chan struct{})
	go func() {
		defer close(ended)
		app := &urfave.App{ErrWriter: log, Commands: []*urfave.Command{Command()}}
		if err := app.RunContext(t.Context(), []string{"multiproc", "metrics", "serve", "--listen", "127.0.0.1:0", "--dir", dir}); err != nil {
			t.Error(err)
		}
	}()
	url := regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(log.Wait(t, ended, "url="))[1]
	scrape := func(query, name, value string) string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+query, nil)
		check(t, err)
		request.Header.Set("Accept-Encoding", "identity")
		request.Header.Set(name, value)
		response, err := http.DefaultClient.Do(request)
		check(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		check(t, err)
		return response.Status + " " + response.Header.Get("Content-Type") + "\n" + string(body)
	}
	mustHave := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("no %q in %q", part, got)
			}
		}
	}
	mustHave(scrape("", "Accept", "*/*"), "200 OK text/plain; version=0.0.4; charset=utf-8", "\nids_total 1.0\n")
	putFile("counter_2.db")
	mustHave(scrape("", "Accept", "*/*"), "\nids_total 2.0\n")
	check(t, os.RemoveAll(dir))
	mustHave(scrape("", "Accept", "*/*"), `multiproc_metric_files_faulty{reason="directory"} 1.0`)
	putFile("counter_2.db")
	if got := scrape("", "Accept", "*/*"); !strings.Contains(got, "\nids_total 1.0\n") || strings.Contains(got, "faulty") {
		t.Errorf("after the directory was created again: %s", got)
	}

	mustHave(scrape("", "Accept", "application/openmetrics-text;version=1.0.0"), "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n")
	mustHave(scrape("", "Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"), "application/vnd.google.protobuf")
	if got := scrape("?name[]=other", "Accept", "*/*"); strings.Contains(got, "ids_total") {
		t.Errorf("a family that was not requested: %s", got)
	}
	mustHave(scrape("/nothing", "Accept", "*/*"), "404 Not Found")

	proctest.Kill(t, os.Getpid(), syscall.SIGTERM)
	<-ended
	if n := log.Count("reason=directory"); n != 1 {
		t.Errorf("the missing directory was logged %d times:\n%s", n, log)
	}
}
