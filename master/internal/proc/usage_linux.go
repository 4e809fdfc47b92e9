package proc

import (
	"time"

	"github.com/prometheus/procfs"
)

// Usage is the memory and the CPU time that a process uses.
type Usage struct {
	State         string        // a letter of proc_pid_stat(5): T is stopped, Z has exited
	VirtualBytes  uint64        // address space
	ResidentBytes uint64        // memory, including memory that is shared with other processes
	AnonBytes     uint64        // resident memory without files: mapped metric files do not count
	CPU           time.Duration // user and kernel mode, all threads, including those that have ended
}

// ReadUsage returns what a process of this machine uses. A process that has exited and has not been reaped has no memory.
func ReadUsage(pid int) (Usage, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return Usage{}, err
	}
	status, err := p.NewStatus()
	if err != nil {
		return Usage{}, err
	}
	stat, err := p.Stat()
	if err != nil {
		return Usage{}, err
	}
	return Usage{
		State:         stat.State,
		VirtualBytes:  status.VmSize,
		ResidentBytes: status.VmRSS,
		AnonBytes:     status.RssAnon,
		CPU:           time.Duration(stat.CPUTime() * float64(time.Second)),
	}, nil
}
