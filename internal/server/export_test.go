package server

import "slices"

// Routes lists every route of the API, as METHOD and path.
func Routes() (routes []string) {
	for path, m := range (&server{}).routes() {
		for method := range m {
			routes = append(routes, method+" "+path)
		}
	}
	slices.Sort(routes)
	return routes
}
