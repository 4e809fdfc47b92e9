package server

import (
	"context"
	"errors"
	"net/http"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/page"
	"multiproc/store"
	"multiproc/worker"
)

// exporterVerb is the name of ExporterCommand.
const exporterVerb = "exporter"

// ExporterCommand returns the verb with which a master starts the exporter. If the workers are another program, the exporter serves
// their metrics.
func ExporterCommand() *urfave.Command {
	return &urfave.Command{
		Name:            exporterVerb,
		Usage:           "serve the metrics of a program; started by a master only",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *urfave.Context) error {
			if c.Args().Present() {
				return cli.Usagef("exporter: unexpected argument %q", c.Args().First())
			}
			return runInherited(c, process.serveExporter)
		},
	}
}

// serveExporter serves the metrics of the program until the process must stop. It has no metrics of its own. It closes what was
// inherited.
func (p process) serveExporter(ctx context.Context) (err error) {
	var db *store.Store
	if p.cfg.Database != "" {
		options := storeOptions(p.cfg)
		options.Logger = p.log
		if db, err = store.Open(ctx, p.cfg.Database, options); err != nil {
			return errors.Join(err, p.inherited.Close())
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	collector := page.NewCollector(p.metricsDir, db, p.log)
	defer collector.Close()

	routes := &routes{cfg: p.cfg, metrics: requireToken(p.secrets.MetricsToken, collector)}
	conf := p.workerConfig()
	conf.Limits.Harakiri, conf.Limits.MaxRequests = 0, 0 // limits for the requests of users
	if conf.Named, conf.NamedTLS, err = routes.named(p.log); err != nil {
		return errors.Join(err, p.inherited.Close())
	}
	return worker.Run(ctx, conf, http.NotFoundHandler())
}
