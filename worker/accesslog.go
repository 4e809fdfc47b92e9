package worker

import (
	"log/slog"
	"time"
)

// logAccess logs a request without its query, which may hold what is nobody's business.
func logAccess(log *slog.Logger, x *exchange, pattern string, code int, took time.Duration) {
	log.LogAttrs(x.original.Context(), slog.LevelInfo, "request",
		slog.String("method", x.original.Method),
		slog.String("path", x.path),
		slog.String("route", route(pattern)),
		slog.Int("code", code),
		slog.Int64("bytes", x.bytes.Load()),
		slog.Float64("duration", took.Seconds()),
		slog.String("remote", x.original.RemoteAddr))
}
