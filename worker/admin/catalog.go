package admin

import (
	"fmt"

	"multiproc/store"
)

type named = store.Named

// catalog is all that there is of a kind, APIs or statuses, and what the store can do with them.
type catalog struct {
	kind         store.Kind
	one, several string // as people call it
	path, nav    string
	params       bool   // it has some
	filter       string // the parameter by which transactions are filtered
}

func (c catalog) routes() []route {
	one := c.path + "/{id}"
	return []route{
		{method: "GET", path: c.path, least: viewers, handle: c.showList, nav: c.nav},
		{method: "GET", path: c.path + ".csv", least: viewers, handle: c.export},
		{method: "GET", path: c.path + "/add", least: staff, handle: c.showAdd},
		{method: "POST", path: c.path + "/add", least: staff, handle: c.add},
		{method: "GET", path: one, least: viewers, handle: c.show},
		{method: "POST", path: one, least: staff, handle: c.change},
		{method: "GET", path: one + "/delete", least: staff, handle: c.showDelete},
		{method: "POST", path: one + "/delete", least: staff, handle: c.delete},
	}
}

// listOf is the address of the transactions of one.
func (c catalog) listOf(id int64) string {
	return fmt.Sprintf("%s?%s=%d", transactionsPath, c.filter, id)
}

func (c catalog) crumbs(more ...crumb) []crumb {
	return append([]crumb{{c.nav, c.path}}, more...)
}
