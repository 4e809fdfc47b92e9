package admin

import "multiproc/store"

const statusesPath = home + "statuses"

func statuses() catalog {
	return catalog{
		kind: store.KindStatus, one: "status", several: "statuses", path: statusesPath, nav: "Statuses", filter: "status",
	}
}
