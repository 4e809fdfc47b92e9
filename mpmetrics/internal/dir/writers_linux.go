package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// Writes reports whether a process can write to a file that it has open or mapped, given the base of the file's name. Processes that
// only read it do not count: scrapes do that. The pid alone proves nothing: it may have been reused, or be that of another machine
// or pid namespace. The error is fs.ErrNotExist if there is no such process, and fs.ErrPermission if this process may not look.
func Writes(pid int, base string, file osfile.ID) (bool, error) {
	if open, err := hasOpen(pid, base, file); open || err != nil {
		return open, err
	}
	found := false
	err := eachMapping(pid, func(m mapping) { found = found || m.is(file, base) })
	return found, err
}

func hasOpen(pid int, base string, file osfile.ID) (bool, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	links, err := dir.Readdirnames(-1)
	if err != nil {
		return false, err
	}
	for _, link := range links {
		// Links to files of other names are not followed: there may be thousands, some of them to a disk that does not answer.
		link = path + "/" + link
		if target, err := os.Readlink(link); err != nil || filepath.Base(target) != base {
			continue
		}
		info, err := os.Lstat(link) // its mode is that of the descriptor
		if err != nil || info.Mode()&0o200 == 0 {
			continue
		}
		if id, err := osfile.Identify(link); err == nil && id == file {
			return true, nil
		}
	}
	return false, nil
}

// mapping is a line of /proc/<pid>/maps. Its memory is reused.
type mapping struct {
	device, inode uint64
	path          []byte
}

// is reports whether the mapping is of a file. Some file systems show another device there than stat does, as btrfs.
func (m mapping) is(file osfile.ID, base string) bool {
	return m.inode == file.Inode && (m.device == file.Device || string(m.path[bytes.LastIndexByte(m.path, '/')+1:]) == base)
}

// eachMapping calls visit for each file that a process has mapped and writes to.
func eachMapping(pid int, visit func(mapping)) error {
	maps, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(maps) {
		// address perms offset major:minor inode path
		fields := bytes.SplitN(line, []byte(" "), 6)
		if len(fields) < 6 || string(fields[1]) != "rw-s" {
			continue
		}
		inode, err := strconv.ParseUint(string(fields[4]), 10, 64)
		major, minor, ok := bytes.Cut(fields[3], []byte(":"))
		if err != nil || inode == 0 || !ok {
			continue
		}
		x, _ := strconv.ParseUint(string(major), 16, 32)
		y, _ := strconv.ParseUint(string(minor), 16, 32)
		visit(mapping{unix.Mkdev(uint32(x), uint32(y)), inode, bytes.TrimSpace(fields[5])})
	}
	return nil
}

// Writers are the processes that have files mapped for writing, as far as this process can see.
type Writers struct {
	pids   map[osfile.ID][]int
	hidden map[uint32]bool // users with processes whose mappings this process may not read
	all    bool            // /proc shows the processes of all pid namespaces of the machine
}

// FindWriters looks through all processes for those that write to the files, which are given with the base of their names.
func FindWriters(files map[osfile.ID]string) Writers {
	h := Writers{pids: map[osfile.ID][]int{}, hidden: map[uint32]bool{}, all: seesAllProcesses()}
	byInode := map[uint64][]osfile.ID{}
	for id := range files {
		byInode[id.Inode] = append(byInode[id.Inode], id)
	}
	for _, pid := range processes() {
		seen := map[osfile.ID]bool{}
		err := eachMapping(pid, func(m mapping) {
			for _, id := range byInode[m.inode] {
				if !seen[id] && m.is(id, files[id]) {
					seen[id] = true
					h.pids[id] = append(h.pids[id], pid)
				}
			}
		})
		if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 { // only processes with more capabilities are hidden from root
			h.hidden[userOf(pid)] = true
		}
	}
	return h
}

// Of returns the processes that write to a file.
func (h Writers) Of(file osfile.ID) []int { return h.pids[file] }

// Shown reports whether all processes of a user were looked through: all of the machine, or of this pid namespace.
func (h Writers) Shown(owner uint32, namespace bool) bool {
	return (h.all || namespace) && !h.hidden[owner]
}

// WrittenByAny reports whether any process can write to a file that it has open or mapped, as far as this process may see.
func WrittenByAny(base string, file osfile.ID) bool {
	return slices.ContainsFunc(processes(), func(pid int) bool {
		writes, _ := Writes(pid, base, file)
		return writes
	})
}

// isUnwritten reports whether the kernel confirms that no process has a file open or mapped for writing, whether this process may see
// it or not: only then does it grant a lease on the file, which ends when the file is closed. It grants none to users who do not own
// the file.
func (d Dir) isUnwritten(name string) bool {
	fd, err := d.OpenFile(name, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	return err == nil
}

// processes returns the pids of all processes.
func processes() (pids []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// userOf returns the effective user of a process. The owner of its directory in /proc is root if it has changed its user.
func userOf(pid int) uint32 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, line, _ := bytes.Cut(status, []byte("\nUid:"))
	if fields := bytes.Fields(line); len(fields) > 1 {
		if uid, err := strconv.ParseUint(string(fields[1]), 10, 32); err == nil {
			return uint32(uid)
		}
	}
	return 0
}

// seesAllProcesses reports whether /proc shows the processes of the whole machine: those of the initial pid namespace, whose
// inode is a constant of the kernel's, and all others, which are below it.
func seesAllProcesses() bool {
	const initial = 0xEFFFFFFC // PROC_PID_INIT_INO
	_, err := os.Lstat("/proc/1")
	return err == nil && pidNamespace() == initial
}
