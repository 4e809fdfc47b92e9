// Package config turns ini files and the command line into a typed Config, or into all faults at once. It knows no
// sockets and no processes: it validates text.
//
// The dialect is uWSGI's, but loud where uWSGI is silent:
//
//	; a comment, as is a line that begins with #
//	[multiproc]                  or [uwsgi], which is not read where both are there
//	socket = 127.0.0.1:8000      the first = splits, spaces around it do not count
//	socket = /run/app.sock       a repeatable key is a list; of another one the last line wins
//	vacuum                       a boolean key alone is true
//	include = common.ini         or ini; relative to this file's directory; FILE:SECTION reads another section,
//	                             and :SECTION one of this file
//	set = base = /srv            the same as base = /srv
//	base = /srv                  an unknown key is a fault, unless a %(base) uses it
//	pidfile = %(base)/%n.pid     the value of a key that stands above, and a part of this file's path
//	processes = $(CORES:-auto)   a variable of the environment, or else the text after :-
//	env = SECRET=@(secret.txt)   the text of a file, relative to this file's directory
//
// Sizes are in bytes or have a suffix: 64k, 256M, 1G. Durations are in seconds or have units: 1m30s, 500ms. Relative
// paths of other files than these are resolved against the working directory at the start, before any chdir; only
// metrics-dir and database are relative to chdir.
//
// What the command line sets replaces what the files set, and is what %(key) gives in them; only env and unenv add to
// it. Keys that are uWSGI's alone are noted and ignored; those whose loss would make another server of it are faults.
//
// Differences to uWSGI: paths of included files are relative to the including one, not to the working directory;
// %(key) needs the key above it, gives the last value and not the first, and does no arithmetic; there are no
// conditions and loops; and no variable of the environment is a key.
package config
