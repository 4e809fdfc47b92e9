// Package worker is the runtime of a worker process: it serves an http.Handler on the sockets that a master, or
// systemd, opened for it, counts the requests, tells its master how it is, and ends without losing a request.
//
// It is a library, so that any Go program can be a worker:
//
//	func main() {
//		if err := worker.Run(context.Background(), worker.Config{}, http.HandlerFunc(hello)); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// # The drain
//
// Told to stop, a worker accepts what the kernel has queued for it and closes its copy of the
// listeners, while other processes go on with theirs. Each open connection gets one more answer, which says that it
// is the last one (Connection: close), unless it is silent for Config.DrainIdle: closing idle connections at once, as
// http.Server.Shutdown does, loses the requests that are on their way. What is not answered at Config.DrainTimeout
// is cut. Readyz answers that it is unready, unless its master lives and has not said so: then it is being replaced.
//
// # Time limits
//
// A request as a whole may take as long as it likes unless Config.Harakiri says otherwise, so that long uploads and
// streams work. What is limited is silence: a client that neither takes nor sends anything for Config.SocketTimeout
// while it should is cut, and one that sends its body or takes its answer at a drip when all connections are taken
// (Config.MaxConnections). A handler that sets deadlines of its own (http.ResponseController) has them instead.
//
// At a request's harakiri deadline its context is cancelled with the cause ErrHarakiri, and the client gets a 503, or
// the end of its connection when the answer had begun. A handler that does not return for Config.HarakiriGrace more
// cannot be stopped; the worker says so to its master, which replaces it. A hijacked connection has no deadline.
//
// # Metrics
//
// With a Config.Metrics all workers count in
//
//	http_requests_total{method,route,code}        method: those of RFC 9110, or other
//	http_request_duration_seconds{method,route}   from a request's head to the end of its handler
//	http_requests_in_flight
//	http_response_bytes_total                     bytes of the bodies of answers
//	http_handler_panics_total
//	http_harakiri_total                           requests that took too long
//	go_goroutines
//	go_memstats_heap_inuse_bytes
//	multiproc_build_info{version,revision,goversion}
//
// The route is the pattern of http.ServeMux that the request matched, without the method, and none where it matched none or
// a handler before the ServeMux gave it a copy of the request. That of a request whose time was up is asked for: a handler
// before the ServeMux should have its method Handler. The code of a hijacked connection is 101, that of a panic 500 unless
// the answer had begun, that of a request whose time was up 503.
//
// # Limits
//
// It speaks HTTP/1. It works on Linux.
package worker
