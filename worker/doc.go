// Package worker is the runtime of a worker process: it serves an http.Handler on the sockets that a master, or systemd, has opened,
// counts the requests, reports its state to the master, and stops without losing a request.
//
// It is a library, so any Go program can be a worker:
//
//	func main() {
//		if err := worker.Run(context.Background(), worker.Config{}, http.HandlerFunc(hello)); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// # The drain
//
// To stop, a worker accepts the connections that the kernel has queued for it and closes its copy of the listeners; other
// processes go on with theirs. Each open connection gets one more answer, marked as the last one by Connection: close, unless
// it is idle for Limits.DrainIdle. Closing idle connections at once, as http.Server.Shutdown does, loses the requests that are
// on their way. Requests without an answer after Limits.DrainTimeout are cut. Meanwhile Readyz reports that the worker is not
// ready, unless its master runs and has not made it unready: then it is being replaced.
//
// # Time limits
//
// A request as a whole may take any time unless Limits.Harakiri is set, so that long uploads and streams work. Only silence is
// limited: a client that takes or sends nothing for Limits.SocketTimeout although it should is cut off, and while all
// connections are taken (Limits.MaxConnections) so is one that is slower than 500 bytes per second. A handler that sets its own
// deadlines (http.ResponseController) replaces these.
//
// At the harakiri deadline of a request its context is cancelled with the cause ErrHarakiri, and the client gets a 503, or the
// end of its connection if the answer had begun. A handler that does not return within Limits.HarakiriGrace cannot be stopped;
// the worker then requests a replacement from its master. A hijacked connection has no deadline.
//
// # Metrics
//
// With Config.Metrics, all workers count in
//
//	http_requests_total{method,route,code}        method: one of RFC 9110, or other
//	http_request_duration_seconds{method,route}   from the head of a request to the end of its handler
//	http_requests_in_flight
//	http_response_bytes_total                     bytes of the bodies of answers
//	http_handler_panics_total
//	http_harakiri_total                           requests that exceeded Limits.Harakiri
//	go_goroutines
//	go_memstats_heap_inuse_bytes
//	multiproc_build_info{version,revision,goversion}
//
// The route is the pattern of http.ServeMux that the request matched, without the method. It is none if there was no match, or if
// a handler in front of the ServeMux passed it a copy of the request. The route of a request that exceeded its time is looked up
// by the method Handler of *http.ServeMux, which handlers in front of a ServeMux should have, too. The code of a hijacked connection
// is 101, that of a panic is 500 unless the answer had begun, and that of a request that exceeded its time is 503. Package
// requests has the names.
//
// # Scope
//
// It serves HTTP/1, with or without TLS, on Linux.
package worker
