package master

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"multiproc/internal/conn"
)

// serverConnections is how many clients the control socket and each health address answer at a time. Others wait.
const serverConnections = 64

// serverPatience bounds how long the control and health servers wait for a client's request.
const serverPatience = 10 * time.Second

// serve answers on the control socket and the health addresses until the returned function is called, which lets
// those who wait have their answers.
func (m *Master) serve() func() {
	var servers []*http.Server
	var serving sync.WaitGroup
	start := func(l net.Listener, server *http.Server) {
		server.ReadTimeout, server.MaxHeaderBytes = serverPatience, 16<<10
		server.ErrorLog = slog.NewLogLogger(m.log.Handler(), slog.LevelWarn)
		server.SetKeepAlivesEnabled(false)
		servers = append(servers, server)
		// It ends when it is shut down. The master needs descriptors for more than those who ask how it is.
		serving.Go(func() { _ = server.Serve(conn.Listen(l, serverConnections)) })
	}
	if m.config.Control != nil {
		start(m.config.Control, &http.Server{Handler: m.control()}) // a reload takes its time
	}
	for _, l := range m.config.Health {
		start(l, &http.Server{Handler: m.probes(), WriteTimeout: serverPatience})
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, server := range servers {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		}
		serving.Wait()
	}
}
