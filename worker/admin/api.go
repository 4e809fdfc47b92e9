package admin

import "multiproc/store"

const apisPath = home + "apis"

func apis() catalog {
	return catalog{
		kind: store.KindAPI, one: "API", several: "APIs", path: apisPath, nav: "APIs", params: true, filter: "api",
	}
}
