package main

import (
	"fmt"
	"strings"
	"testing"
)

// logIn logs in at the page of it.
func (b *browser) logIn(name, password string) {
	b.tb.Helper()
	b.fill("username", name)
	b.fill("password", password)
	b.press("Log in")
}

// TestAdminInBrowser does at the admin site what people do there, in a browser, and looks at the pages.
func TestAdminInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it drives a browser")
	}
	s := startAdmin(t, "processes = 2\n", "ada")
	if _, stderr, code := s.run("populate", "--ini", s.ini, "--transactions", "3000", "--seed", "7"); code != 0 {
		t.Fatalf("populate: %s", stderr)
	}
	b := startBrowser(t, s.url(""))
	defer b.checkFaults()

	b.open("/admin/apis?q=m")
	if path := b.path(); !strings.HasPrefix(path, "/admin/login") {
		t.Fatalf("without a login one is at %s", path)
	}
	b.look("login")
	b.logIn("ada", "wrong horse battery")
	if path := b.path(); !strings.HasPrefix(path, "/admin/login") {
		t.Fatalf("with a wrong password one is at %s", path)
	}
	b.look("login-wrong")
	b.logIn("ada", adminPassword)
	if path := b.path(); path != "/admin/apis?q=m" {
		t.Fatalf("after the login one is at %s", path)
	}
	b.look("apis")

	b.open("/admin/")
	b.want("Transactions by status", "3,000", "Processed", "Mpesa Express")
	b.look("overview")
	b.mark("details > summary")
	b.want("The same as a table")

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
	b.fill("params", `{"timeout": 60}`)
	b.press("Save")
	b.want("The API “Visa <b>” was added.", "ada added")
	b.look("api")

	b.open("/admin/transactions/add")
	b.look("transaction-add")
	b.choose("api", "Visa <b>")
	b.choose("status", "Pending")
	b.fill("amount", "12.34567")
	b.press("Save")
	b.want("Amount: has more than four decimal places")
	b.fill("amount", "12.50")
	b.press("Save")
	b.want("Transaction 3001 was added.", "12.50")
	b.look("transaction")

	b.open("/admin/transactions")
	b.want("3,001 transactions")
	b.look("transactions")
	b.choose("api", "Visa <b>")
	b.press("Filter")
	b.want("1 transaction", "3001")
	b.open("/admin/transactions?q=Pend")
	b.want("Pending")
	b.press("Next")
	b.press("← Previous")

	b.open("/admin/transactions?rows=20")
	for i := range 3 {
		b.mark(fmt.Sprintf("tbody tr:nth-child(%d) [name=id]", i+1))
	}
	b.choose("to", "Failed")
	b.press("Change status")
	b.want("Change the status of 3 transactions?", "Failed")
	b.look("bulk-status")
	b.press("Yes, change 3 transactions")
	b.want("Now “Failed”: 3 transactions.")
	b.open("/admin/transactions/3001")
	b.want("Failed", "Pending → Failed")
	b.look("transaction-history")

	b.open("/admin/transactions?rows=20")
	b.mark("input.all")
	b.press("Delete")
	b.want("Delete 20 transactions?")
	b.look("bulk-delete")
	b.press("Yes, delete 20 transactions")
	b.want("Deleted: 20 transactions.", "2,981 transactions")

	b.open("/admin/apis")
	b.press("Card")
	b.press("Delete")
	b.want("With it go all of its")
	b.look("api-delete")
	b.press("Yes, delete it and")
	b.want("The API “Card” was deleted with its transactions.")

	b.open("/admin/history")
	b.want("deleted API “Card”")
	b.look("history")
	b.open("/admin/workers")
	b.want("w1", "w2", "master")
	b.look("workers")
	value[bool](b, `document.querySelectorAll("details").forEach((d) => d.open = true), true`)
	b.look("workers-files")
	b.press("counter_w1")
	b.want("http_requests_total")
	b.look("metric-file")
	b.open("/admin/statuses")
	b.look("statuses")

	b.open("/admin/")
	b.press("Log out")
	b.open("/admin/")
	if path := b.path(); !strings.HasPrefix(path, "/admin/login") {
		t.Fatalf("after the logout one is at %s", path)
	}
}
