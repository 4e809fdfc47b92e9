// Package master is the supervisor of a pre-fork server: it opens the sockets, starts workers that share them, replaces
// workers that die or reach a limit, and reloads without losing a request.
//
// It depends on no HTTP application, database or metric files, so that it outlives the workers that do. A worker is described
// by data (Plan); events are reported through Hooks. The protocol between master and workers is in package handoff, the
// decisions are in internal/fleet, processes in internal/proc, sockets in internal/listen.
//
//	files, err := listen.PassedFiles()
//	...
//	m, err := master.New(master.Config{Plan: plan, Program: program, Sockets: listen.NewSockets(files), Logger: log})
//	...
//	err = m.Run(ctx, master.Hooks{})
//
// # Reload
//
// The program of the next generation, found again by its path, prints its settings (Config.Check), and Config.Read makes a Plan
// of them. Its prestart command runs, one worker must become ready, then the others; only then the old workers drain. A failure
// before that leaves the old workers as they were. A generation keeps the program that it started with, which is held open.
//
// # Exporter
//
// Workers that are another program may have an exporter beside them (Plan.Exporter), which serves their metrics. It is supervised
// like a worker, but does not count as one: readiness and reloads do not depend on it, and in a stop it ends last.
//
// # Signals
//
// TERM and QUIT stop gracefully, INT or a second TERM or QUIT stop fast; HUP reloads; USR1 reopens the log; TTIN and TTOU add
// and remove one worker.
//
// # Limits
//
// The master reaps all children of its process, so nothing else in the process may start any. It works on Linux only.
package master
