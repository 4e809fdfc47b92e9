// Package handoff is what a master and its workers say to each other. Both ends are here.
//
// Where systemd has a protocol it is used, so that a program in any language can be a worker:
//
//   - Sockets come as in socket activation, sd_listen_fds(3): descriptors from 3 on, LISTEN_FDS of them, named by
//     LISTEN_FDNAMES; LISTEN_PID is set by the process itself, which a parent cannot do.
//   - A worker of this module also gets, always after the sockets, the descriptors ConfigName (the settings of its
//     generation), LifelineName (see Lifeline), LogName (see Inherited.UseLog) and, where there are any, SecretsName.
//     Another program gets sockets only.
//   - From worker to master go the messages of sd_notify(3); see Notice.
//   - Who a worker is stands in its environment; see Identity.
//
// Signals to a worker: TERM asks it to drain and end, QUIT to end with a goroutine dump; others are ignored.
package handoff
