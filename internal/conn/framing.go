package conn

import "net/http"

// EndsAfter reports whether a connection must be closed after the answer to a request, because the end of the request is not
// certain (RFC 9112, sections 6.1 and 6.3): a body in chunks may have come with a length too, and one over HTTP/1.0 may have been
// in chunks. net/http does not show either.
func EndsAfter(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1)
}
