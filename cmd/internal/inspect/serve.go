package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

// shutdownGrace is how long a scrape in flight may go on when the server is to stop.
const shutdownGrace = 5 * time.Second

func metricsServeCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "serve",
		Usage: "answer scrapes of the directory, beside an application in any language",
		Flags: dirFlags(
			&urfave.StringFlag{Name: "listen", Usage: "`ADDR` to listen on, as HOST:PORT", Value: "127.0.0.1:9394"},
		),
		Before: noDirectory,
		Action: serveMetrics,
	}
}

func serveMetrics(c *urfave.Context) error {
	dir, err := metricsDir(c)
	if err != nil {
		return err
	}
	log := cli.NewLogger("text", c.App.ErrWriter)
	collector := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Logger: log})
	defer collector.Close()
	routes := http.NewServeMux()
	routes.Handle("/metrics", collector)
	routes.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `<!doctype html><title>multiproc</title><a href="/metrics">Metrics</a>`)
	})

	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.String("listen"))
	if err != nil {
		return err
	}
	log.Info("serving metrics", "url", fmt.Sprintf("http://%s/metrics", listener.Addr()), "directory", dir)
	return serveUntil(ctx, listener, routes, log)
}

// serveUntil serves until the context is done, and then lets what is in flight come to its end.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving %s: %w", listener.Addr(), err), server.Close())
	}
	return nil
}
