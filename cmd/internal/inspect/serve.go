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

	"github.com/prometheus/common/expfmt"
	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/conn"
	"multiproc/mpmetrics"
)

func dumpCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "dump",
		Usage:           "print what a scrape returns: the merged metrics of all processes",
		ArgsUsage:       "[FILE[:SECTION]]",
		Description:     "Faults are logged. Exits with 1 if there are any, or no metric files.",
		Flags:           dirFlags(&urfave.StringFlag{Name: "format", Usage: "output `FORMAT`, text or openmetrics", Value: "text"}),
		SkipFlagParsing: true,
		Action:          dirAction(0, dump),
	}
}

func dump(c *urfave.Context, dir string, _ []string) error {
	formats := map[string]expfmt.Format{"text": expfmt.FmtText, "openmetrics": expfmt.FmtOpenMetrics_1_0_0}
	format, ok := formats[c.String("format")]
	if !ok {
		return cli.Usagef("flag --format: %q is neither text nor openmetrics", c.String("format"))
	}
	collector := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Logger: cli.NewLogger("text", c.App.ErrWriter)})
	defer collector.Close()
	err := collector.Write(c.App.Writer, format)
	if err != nil {
		return err
	}
	if n := len(collector.Faults()); n > 0 { // which the collector has logged
		err = fmt.Errorf("dump %s: faults: %d", dir, n)
	}
	return errors.Join(err, checkHasFiles(dir))
}

func serveCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "serve",
		Usage:           "serve the merged metrics to Prometheus, for an application in any language",
		ArgsUsage:       "[FILE[:SECTION]]",
		Flags:           dirFlags(&urfave.StringFlag{Name: "listen", Usage: "`ADDR` to listen on, as HOST:PORT", Value: "127.0.0.1:9394"}),
		SkipFlagParsing: true,
		Action:          dirAction(0, serve),
	}
}

func serve(c *urfave.Context, dir string, _ []string) error {
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
	if err := checkHasFiles(dir); err != nil {
		log.Warn("nothing to serve yet", "error", err)
	}
	log.Info("serving metrics", "url", fmt.Sprintf("http://%s/metrics", listener.Addr()), "directory", dir)
	return serveUntil(ctx, listener, routes, log)
}

// shutdownTimeout bounds how long requests in flight may go on after the context is done.
const shutdownTimeout = 5 * time.Second

// maxConnections is the maximum number of connections of metrics serve. Silent ones make room for others.
const maxConnections = 64

// serveUntil serves until the context is done and then shuts down gracefully.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if conn.EndsAfter(r) {
				w.Header().Set("Connection", "close")
			}
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- conn.Serve(server, listener, maxConnections) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down %s: %w", listener.Addr(), err), server.Close())
	}
	return nil
}
