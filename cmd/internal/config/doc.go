// Package config turns ini files and the command line into a typed Config, or into a list of all their faults. It does not open
// sockets or start processes: it validates text.
//
// The dialect is uWSGI's, with errors where uWSGI is silent:
//
//	; a comment, like a line that begins with #
//	[multiproc]                  or [uwsgi], which is not read if both exist
//	socket = 127.0.0.1:8000      split at the first =, spaces around it are stripped
//	socket = /run/app.sock       a repeatable key is a list; of other keys the last line wins
//	vacuum                       a boolean key without a value is true
//	include = common.ini         or ini; relative to this file's directory; FILE:SECTION reads another section,
//	                             and :SECTION one of this file
//	set = base = /srv            the same as base = /srv
//	base = /srv                  an unknown key is a fault, unless a %(base) uses it
//	pidfile = %(base)/%n.pid     the value of a key set above, and a part of this file's path
//	logto = %d%n.log             the directory of this file, with its slash
//	processes = $(CORES:-auto)   an environment variable, or else the text after :-
//	env = SECRET=@(secret.txt)   the text of a file, relative to this file's directory
//
// Sizes are in bytes or have a suffix: 64k, 256M, 1G. Durations are in seconds or have units: 1m30s, 500ms. Relative paths in a
// file are resolved against the working directory at the start, before any chdir; only metrics-dir and database are relative to
// chdir.
//
// The command line replaces values of the files and of %(key) in them; only env and unenv add to them. Keys that only uWSGI
// has are reported and ignored; those that would change what the server does are faults.
//
// Differences from uWSGI: paths of included files are relative to the including file, not to the working directory; %(key)
// needs the key above it, is the last value and not the first, and does no arithmetic; there are no conditions and loops; and
// environment variables do not set keys. Values in [uwsgi] that uWSGI reads differently are noted.
package config
