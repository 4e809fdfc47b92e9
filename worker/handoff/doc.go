// Package handoff is the protocol between a master and its workers. Both ends are here.
//
// It uses systemd's protocols where they exist, so that a program in any language can be a worker:
//
//   - Sockets are passed as in socket activation, sd_listen_fds(3): LISTEN_FDS descriptors from 3 on, with the names in
//     LISTEN_FDNAMES. The process itself sets LISTEN_PID, since its parent cannot know its pid.
//   - After the sockets, a worker of this module also gets the descriptors ConfigName (the settings of its generation),
//     LifelineName (see Lifeline), LogName (see Inherited.UseLog) and, if there are any, SecretsName. Another program gets sockets
//     only.
//   - A worker sends the messages of sd_notify(3) to its master; see Notice.
//   - The environment contains the identity of the worker; see Identity.
//
// Signals to a worker: TERM asks it to drain and exit, QUIT to exit with a goroutine dump; it ignores others.
package handoff
