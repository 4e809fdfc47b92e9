package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// logIn logs in on the login page.
func (b *browser) logIn(name, password string) {
	b.tb.Helper()
	b.fill("username", name)
	b.fill("password", password)
	b.press("Log in")
}

// TestAdminInBrowser does in a browser what people do on the admin site, and checks every page's layout.
func TestAdminInBrowser(t *testing.T) {
	t.Parallel()
	proctest.Long(t) // it drives a browser
	s := startAdmin(t, "processes = 2\n", "ada")
	runIn(t, s.dir, "", "populate", "--ini", s.ini, "--transactions", "3000", "--seed", "7")
	b := startBrowser(t, s.url(""))
	defer b.checkFaults()

	b.open("/admin/apis?q=m")
	if path := b.path(); !strings.HasPrefix(path, "/admin/login") {
		t.Fatalf("without a login the page is %s", path)
	}
	b.logIn("ada", "wrong horse battery")
	if path := b.path(); !strings.HasPrefix(path, "/admin/login") {
		t.Fatalf("with a wrong password the page is %s", path)
	}
	b.look("login-wrong")
	b.walk("login-wrong")
	b.logIn("ada", adminPassword)
	if path := b.path(); path != "/admin/apis?q=m" {
		t.Fatalf("after the login the page is %s", path)
	}

	b.open("/admin/")
	b.want("Transactions by status", "3,000", "Processed", "Mpesa Express")
	b.look("overview")
	b.walk("overview")
	b.mark("details > summary")
	b.want("Show as a table")

	b.open("/admin/apis")
	b.press("Add")
	b.fill("name", "Visa <b>")
	b.fill("params", "{\n\"a\": 1,\n}")
	b.press("Save")
	b.want("Params: is not JSON: line 3, column 1")
	if got := value[string](b, `document.querySelector("[name=name]").value`); got != "Visa <b>" {
		t.Errorf("the name that was typed is %q now", got)
	}
	b.look("api-invalid")
	b.walk("api-invalid")
	b.fill("params", `{"timeout": 60}`)
	b.press("Save")
	b.want("The API “Visa <b>” was added.", "ada added")
	execOutside(t, filepath.Join(s.dir, "transactions.db"), `UPDATE apis SET description = 'of somebody else', params = '{"timeout": 59}' WHERE name = 'Visa <b>'`)
	b.fill("params", `{"timeout": 61}`)
	b.press("Save")
	b.want("this was changed meanwhile", `Current value: {"timeout": 59}`, "Current value: of somebody else")
	b.look("api-changed")
	b.press("Save")
	b.want("The API “Visa <b>” was changed.")

	b.open("/admin/transactions/add")
	b.choose("api", "Visa <b>")
	b.choose("status", "Pending")
	b.fill("amount", "12.34567")
	b.press("Save")
	b.want("Amount: has more than four decimal places")
	b.fill("amount", "12.50")
	b.press("Save")
	b.want("Transaction 3001 was added.", "12.50")
	b.look("transaction")

	b.open("/admin/transactions?q=Pend")
	b.want("Pending")
	b.press("Next")
	b.press("← Previous")
	b.open("/admin/transactions?rows=20")
	b.want("3,001 transactions")
	b.look("transactions")
	b.walk("transactions")
	b.press("Delete…")
	b.want("Select some transactions first. Nothing was changed.")
	b.open("/admin/transactions?rows=20")
	for i := range 3 {
		b.mark(fmt.Sprintf("tbody tr:nth-child(%d) [name=id]", i+1))
	}
	b.choose("to", "Failed")
	b.press("Change status")
	b.want("Change the status of 3 transactions?", "Failed")
	b.look("bulk-status")
	b.press("Yes, change 3 transactions")
	b.want("Changed 3 transactions to “Failed”.")
	b.open("/admin/transactions/3001")
	b.want("Failed", "Pending → Failed")

	b.open("/admin/transactions?rows=20")
	b.mark("input.all")
	b.press("Delete")
	b.want("Delete 20 transactions?")
	b.press("Yes, delete 20 transactions")
	b.want("Deleted 20 transactions.", "2,981 transactions")

	b.choose("status", "TimedOut")
	b.press("Filter")
	found := value[string](b, `document.querySelector("p.count").textContent`)
	b.mark("#id-all")
	b.choose("to", "Processed")
	b.press("Change status")
	b.want("Change the status of "+found+"?", "These are all transactions that match the filter now.")
	b.press("Yes, change " + found)
	b.want("Changed "+found+" to “Processed”.", "No transactions match this filter.")

	b.open("/admin/apis")
	b.press("Card")
	b.press("Delete")
	b.want("All of its")
	b.look("api-delete")
	b.press("Yes, delete it and")
	b.want("The API “Card” was deleted with its transactions.")

	b.open("/admin/history?rows=20")
	b.want("deleted API “Card”")
	b.look("history")
	b.open("/admin/workers")
	b.want("w1", "w2", "master")
	value[bool](b, `document.querySelectorAll("details").forEach((d) => d.open = true), true`)
	b.look("workers-files")
	b.walk("workers-files")
	b.press("histogram_w")
	b.want("http_request_duration_seconds")
	b.look("metric-file")
	b.open("/admin/users")
	b.press("Last login (UTC)")
	b.look("users")

	s.hostileNames()
	for name, path := range map[string]string{
		"overview": "/admin/", "apis": "/admin/apis?sort=-transactions&rows=20", "transactions": "/admin/transactions?rows=20",
		"api": "/admin/apis/1000", "delete": "/admin/apis/1000/delete", "history": "/admin/history?kind=api&rows=20",
	} {
		b.open(path)
		b.want("nobreakinit")
		b.look("hostile-" + name)
	}

	b.press("Log out")
	b.open("/admin/")
	if path := b.path(); !strings.HasPrefix(path, "/admin/login") {
		t.Fatalf("after the logout the page is %s", path)
	}
}

// hostileNames adds APIs and statuses, with ids from 1000, whose names strain a page's layout, and gives them the newest
// transactions.
func (s *testServer) hostileNames() {
	s.tb.Helper()
	exec := func(statement string, args ...any) {
		s.tb.Helper()
		execOutside(s.tb, filepath.Join(s.dir, "transactions.db"), statement, args...)
	}
	for i, name := range []string{
		strings.Repeat("nobreakinit", 18), "read \u202eright to left \u0627\u0644\u0639\u0631\u0628\u064a\u0629", "👩‍👩‍👧𝔘𝔫𝔦" + strings.Repeat("𝔘", 190),
		"<b>bold</b><script>alert(1)</script>", `"quotes' & </textarea>`, strings.Repeat("M", 200), "lines\n\n\nand tabs\t\t\t",
	} {
		id := 1000 + i
		exec("INSERT INTO apis (id, name, description, params) VALUES (?, ?, ?, json_object('name', ?))", id, name, name, name)
		exec("INSERT INTO transaction_statuses (id, name, description) VALUES (?, ?, ?)", id, name, name)
		exec(`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
			SELECT -999999999999999999, ?1, ?1, 1e6 * unixepoch(), 1e6 * unixepoch() FROM transactions LIMIT 400`, id)
		exec("INSERT INTO audit_log (time, actor, action, kind, object_id, object, changes) VALUES (1e6 * unixepoch(), ?2, 'change', 'api', ?1, ?2, json_object('name', json_array(?2, ?2)))", id, name)
	}
	// It is on the first page of every list.
	exec("INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified) VALUES (1, 1000, 1000, 1e6 * unixepoch(), 1e6 * unixepoch())")
}
