package proc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"
)

// Usage is the memory and the CPU time that a process uses.
type Usage struct {
	State         string        // a letter of proc_pid_status(5): T is stopped, Z has exited
	VirtualBytes  uint64        // address space
	ResidentBytes uint64        // memory, including memory that is shared with other processes
	AnonBytes     uint64        // resident memory without files: mapped metric files do not count
	CPU           time.Duration // user and kernel mode, all threads, including those that have ended
}

// ReadUsage returns what a process of this machine uses. A process that has exited and has not been reaped has no memory.
func ReadUsage(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Usage{}, err
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, err
	}
	u, err := parseStatus(status)
	if err != nil {
		return Usage{}, fmt.Errorf("read %s/status: %w", dir, err)
	}
	if u.CPU, err = parseStat(stat); err != nil {
		return Usage{}, fmt.Errorf("read %s/stat: %w", dir, err)
	}
	return u, nil
}

// parseStatus parses /proc/PID/status; see proc_pid_status(5). A field that is missing is 0.
func parseStatus(status []byte) (u Usage, err error) {
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "State":
			letter := bytes.TrimSpace(value)
			u.State = string(letter[:min(1, len(letter))])
		case "VmSize":
			u.VirtualBytes, err = parseKilobytes(value)
		case "VmRSS":
			u.ResidentBytes, err = parseKilobytes(value)
		case "RssAnon":
			u.AnonBytes, err = parseKilobytes(value)
		}
		if err != nil {
			return Usage{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return u, nil
}

// parseKilobytes parses "  1234 kB", in units of 1024 bytes.
func parseKilobytes(value []byte) (uint64, error) {
	digits, ok := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
	if !ok {
		return 0, fmt.Errorf("%q is not a number of kB", value)
	}
	n, err := strconv.ParseUint(string(digits), 10, 64-10)
	return n << 10, err
}

// clockTick is the unit of CPU time in /proc, on all architectures that Go supports.
const clockTick = time.Second / 100

// parseStat parses the CPU time in /proc/PID/stat; see proc_pid_stat(5). The second field is the name of the program in
// parentheses, which may contain anything, parentheses and spaces included.
func parseStat(stat []byte) (time.Duration, error) {
	const user, system = 14 - 3, 15 - 3 // fields are counted from 1, and the third is the first after the name
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("no program name")
	}
	fields := bytes.Fields(stat[end+1:])
	if len(fields) <= system {
		return 0, fmt.Errorf("only %d fields", len(fields)+2)
	}
	var ticks uint64
	for _, field := range fields[user : system+1] {
		n, err := strconv.ParseUint(string(field), 10, 63)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	if ticks > math.MaxInt64/uint64(clockTick) {
		return 0, fmt.Errorf("%d ticks of CPU time", ticks)
	}
	return time.Duration(ticks) * clockTick, nil
}
