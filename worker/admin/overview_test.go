package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiproc/store"
)

// TestOverview: the chart, its table and the totals agree.
func TestOverview(t *testing.T) {
	s := startData(t)
	page := s.want(http.StatusOK, "/admin/")
	if texts := page.texts(t, "p"); !slices.Contains(texts, "No transaction was modified in the last 24 hours.") {
		t.Errorf("an empty one says %q", texts)
	}
	for i := range 12 {
		s.names(fmt.Sprintf("n%02d", i))
	}
	const n = 2000
	s.update(func(tx *store.Tx) error {
		for i := range n {
			name := fmt.Sprintf("n%02d", i%12)
			at := tx.Now().Add(-time.Duration(i) * 40 * time.Second)
			if _, err := tx.CreateTransaction(store.Transaction{API: name, Status: name, Created: at, Modified: at}); err != nil {
				return err
			}
		}
		for i := range 15 { // about the time that the window begins at
			at := tx.Now().Add(-24*time.Hour + time.Duration(i-2)*5*time.Second)
			if _, err := tx.CreateTransaction(store.Transaction{API: "n00", Status: "n00", Created: at, Modified: at}); err != nil {
				return err
			}
		}
		return nil
	})
	page = s.want(http.StatusOK, "/admin/")
	var heads []string
	for _, th := range page.elements(t, "th") {
		if th.attributes["scope"] == "col" {
			heads = append(heads, th.text)
		}
	}
	want := []string{"Half hour (UTC)", "n00", "n01", "n02", "n03", "n04", "n05", "n06", "5 others", "Total"}
	if len(heads) < len(want) || !slices.Equal(heads[:len(want)], want) {
		t.Errorf("the table has %q", heads)
	}
	// The height of each part of a bar is its share of the scale.
	height, total := 0, 0
	for _, rect := range page.elements(t, "rect") {
		if class := rect.attributes["class"]; strings.HasPrefix(class, "s") && rect.attributes["x"] != "" {
			h, err := strconv.Atoi(rect.attributes["height"])
			check(t, err)
			height += h
		}
	}
	for _, title := range page.texts(t, "title") {
		if _, after, ok := strings.Cut(title, " UTC: "); ok {
			count, _, _ := strings.Cut(after, "\n")
			k, err := strconv.Atoi(count)
			check(t, err)
			total += k
		}
	}
	shown, err := strconv.Atoi(strings.ReplaceAll(page.texts(t, "b")[0], ",", ""))
	check(t, err)
	if total != shown || total < n || total > n+13 {
		t.Errorf("the bars have %d, the total is %d, want them equal and at least %d", total, shown, n)
	}
	if want := total * 240 / 60; height < want*97/100 || height > want*103/100 { // 45 in a bar, or some more, of 60
		t.Errorf("the bars are %d high together, want about %d", height, want)
	}
	if texts := page.texts(t, "desc"); !slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(text, " transactions in 48 intervals of 30 minutes. ")
	}) {
		t.Errorf("the chart is described as %q", texts)
	}
}
