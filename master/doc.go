// Package master is the supervisor of a pre-fork server: it opens the sockets, starts workers that share them, replaces the
// dead and those that have had their time, and reloads without losing a request.
//
// It knows no HTTP application, no database and no metric files: it must outlive what it supervises. What a worker is, is
// data that it is given (Plan); what happens, it tells by Hooks. What master and workers say to each other is package
// handoff's.
//
// New makes a Master, and Run is its life:
//
//	sockets := master.NewSockets(activation.Files(true))
//	m, err := master.New(master.Config{Plan: plan, Program: program, Sockets: sockets, Logger: log})
//	...
//	err = m.Run(ctx, master.Hooks{})
//
// # Reload
//
// The program of the next generation, found anew by its path, prints its settings (Config.Check), of which Config.Read makes a
// Plan. Its prelude runs, one worker must get ready, then the others; only then the old ones drain. Whatever fails before
// leaves the old ones as they were. A generation goes on with the program that it began with, which is held open.
//
// # Signals
//
// TERM and QUIT stop gracefully, INT or a second of them fast; HUP reloads; USR1 has the log reopened; TTIN and TTOU are one
// worker more and one fewer.
//
// # Limits
//
// It reaps all children of its process, so nothing else there may start any. It works on Linux.
package master
