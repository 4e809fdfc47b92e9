// Package requests defines the metrics of HTTP requests that package worker writes: their names, their labels, and Totals, what
// they add up to for each process, for the programs that read them.
package requests

// The metrics. Each worker counts under its own id; a scrape shows the sums.
const (
	// Total counts the requests that were answered, by method, route and code.
	Total = "http_requests_total"
	// Duration is a histogram of the seconds from a request's head to the end of its handler, by method and route.
	Duration = "http_request_duration_seconds"
	// InFlight is a gauge of the requests that are being handled.
	InFlight = "http_requests_in_flight"
	// Bytes counts the bytes of the bodies of answers.
	Bytes = "http_response_bytes_total"
	// Panics counts the requests whose handler panicked.
	Panics = "http_handler_panics_total"
	// Harakiri counts the requests that exceeded their time limit.
	Harakiri = "http_harakiri_total"
)

// The labels of these metrics.
const (
	// LabelMethod is the method of the request, or OtherMethod.
	LabelMethod = "method"
	// LabelRoute is the pattern that the request matched, without its method, or NoRoute.
	LabelRoute = "route"
	// LabelCode is the status code of the answer, in three digits.
	LabelCode = "code"
)

const (
	// OtherMethod is the label of a method that RFC 9110 does not define.
	OtherMethod = "other"
	// NoRoute is the label of a request that matched no pattern.
	NoRoute = "none"
)
