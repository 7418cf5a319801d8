package store

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// holder finds who has f locked in the kernel's table of locks. A process in
// another container shows as 0, or not at all.
func holder(f *os.File) (pid int, command string) {
	info, err := f.Stat()
	if err != nil {
		return 0, ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, ""
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0, ""
	}
	defer locks.Close()
	device := fmt.Sprintf("%02x:%02x:", unix.Major(st.Dev), unix.Minor(st.Dev))
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 29034 fe:00:1234 0 EOF
		// 1: -> FLOCK ... is one that waits
		field := strings.Fields(lines.Text())
		if len(field) < 6 || field[1] != "FLOCK" || !strings.HasSuffix(field[5], fmt.Sprintf(":%d", st.Ino)) {
			continue
		}
		pid, err := strconv.Atoi(field[4])
		if err != nil || pid <= 0 {
			continue
		}
		// btrfs and overlay show another device to stat than to the table: there
		// the process itself must have the file open.
		if strings.HasPrefix(field[5], device) || hasOpen(pid, info) {
			return pid, commandOf(pid)
		}
	}
	return 0, ""
}

func hasOpen(pid int, file os.FileInfo) bool {
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if info, err := os.Stat(fd); err == nil && os.SameFile(info, file) {
			return true
		}
	}
	return false
}

// isPlainWord tells whether s looks like a subcommand. Anything else that follows
// a program's name may be a secret, if the holder is not one of ours.
func isPlainWord(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == "" && s[0] != '-'
}

// commandOf names what a process runs: "tacenda edit".
func commandOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	args := bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0})
	name := printable(filepath.Base(string(args[0])))
	if len(args) > 1 && isPlainWord(string(args[1])) {
		name += " " + string(args[1])
	}
	return name
}

// printable makes a process's own name for itself safe to show: no control
// characters, nothing invisible, at most 40 characters.
func printable(s string) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	if len(r) > 40 {
		r = append(r[:39], '…')
	}
	for i := range r {
		if !strconv.IsPrint(r[i]) {
			r[i] = '?'
		}
	}
	return string(r)
}
