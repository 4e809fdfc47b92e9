// Package handoff is the protocol between a master and its workers. Both ends are here.
//
// It uses systemd's protocols where they exist, so that a program in any language can be a worker:
//
//   - Sockets are passed as in socket activation, sd_listen_fds(3): LISTEN_FDS descriptors from 3 on, with the names in
//     LISTEN_FDNAMES. LISTEN_PID is the pid of the worker. The sockets are non-blocking, and other workers share this flag: a program
//     must not clear it, and its calls to accept can fail with EAGAIN. The descriptors are inherited by the worker's children unless
//     it sets FD_CLOEXEC.
//   - A worker sends the messages of sd_notify(3) to NOTIFY_SOCKET, an abstract unix socket (its address begins with @): one datagram
//     per message, lines separated by newlines; unknown lines are ignored, and so are messages of other users than the master's. See
//     Notice for the lines that are understood. A worker that has sent WATCHDOG=1 once must repeat it within WATCHDOG_USEC, or it is
//     replaced.
//   - The environment contains the identity of the worker; see Identity.
//   - After the sockets, a worker of this module also gets the descriptors ConfigName (the settings of its generation),
//     LifelineName (see Lifeline), LogName (see Inherited.UseLog) and, if there are any, SecretsName. Another program gets sockets
//     only.
//
// Signals to a worker: TERM asks it to finish its requests and exit; QUIT precedes KILL by a moment, for a dump of its
// goroutines or the like. The master does not send INT, HUP, USR1 or USR2.
package handoff
