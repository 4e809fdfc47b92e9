package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"multiproc/store"
)

// TestHistoryFilter filters the history by actor, time and object.
func TestHistoryFilter(t *testing.T) {
	s := startData(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, actor := range []string{"ada", "grace", "ada", "ada"} {
		s.update(func(tx *store.Tx) error {
			return tx.Record(store.Entry{Actor: actor, Action: store.ActionChange, Kind: "api", ObjectID: int64(i%2 + 1), Object: fmt.Sprint("object ", i)})
		})
	}
	s.exec("UPDATE audit_log SET time = ? + (id - 1) * 3600000000", at.UnixMicro())
	for query, want := range map[string][]string{
		"":                        {"object 3", "object 2", "object 1", "object 0"},
		"?actor=ada":              {"object 3", "object 2", "object 0"},
		"?actor=nobody":           nil,
		"?from=2026-03-01T13:00":  {"object 3", "object 2", "object 1"},
		"?until=2026-03-01+14:00": {"object 1", "object 0"},
		"?actor=ada&from=2026-03-01T13:00&until=2026-03-01T15:00": {"object 2"},
		"?kind=api&object=1&actor=ada":                            {"object 2", "object 0"},
		"?kind=status&actor=ada":                                  nil,
		"?from=soon":                                              nil,
	} {
		page := s.want(http.StatusOK, "/admin/history"+query)
		var got []string
		for _, text := range page.texts(t, "p") {
			if _, object, ok := strings.Cut(text, "“object"); ok {
				got = append(got, "object"+strings.TrimSuffix(object, "”"))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if strings.Contains(query, "object=") && (page.input(t, "object") != "1" || page.input(t, "kind") != "api") {
			t.Errorf("%s: the form forgets the object", query)
		}
	}
	if page := s.want(http.StatusOK, "/admin/history?actor=ada&from=2026-03-01T15:00"); !slices.Contains(page.texts(t, "time"), "2026-03-01 15:00:00 UTC") {
		t.Errorf("the times are %q", page.texts(t, "time"))
	}
}
