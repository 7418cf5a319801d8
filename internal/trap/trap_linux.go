package trap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// env tells a process started by Run which descriptor leads back to it, and which
// calls are asked for.
const env = "TACENDA_TEST_TRAP"

// ErrUnavailable: the kernel, or what the process runs in, does not allow it.
var ErrUnavailable = errors.New("system calls cannot be trapped here")

// A Call is a system call that has not happened yet. Arguments that are no use to
// a test are left out.
type Call struct {
	Name   string
	FD     int    // of the file, or -1
	Path   string // of the file: by its descriptor, or by name; empty when the process cannot be looked into
	To     string // of a rename
	Flags  int    // of an open
	Offset int64  // of a write or a new length
	Length int    // of a write
	tid    int
	data   uint64
}

// Data is what a write is to write.
func (c *Call) Data() ([]byte, error) { return peek(c.tid, c.data, c.Length) }

// Kill, returned for a call, kills the process before the call happens.
const Kill = syscall.Errno(0xffff)

// Run runs cmd, whose program must call Child first thing or be run by one that
// does: this test binary runs itself, and then cmd. Each of the calls named waits
// for handle, which returns 0 to let it happen or the error that it is to fail
// with. The result is cmd.Wait's, or ErrUnavailable.
func Run(cmd *exec.Cmd, calls []string, handle func(*Call) syscall.Errno) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(pair[1]), "trap")
	defer unix.Close(pair[0])
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Args = append([]string{self, cmd.Path}, cmd.Args...)
	cmd.Path = self
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d,%s", env, 3+len(cmd.ExtraFiles), strings.Join(calls, ",")))
	cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	if err := cmd.Start(); err != nil {
		theirs.Close()
		return err
	}
	theirs.Close()
	listener, err := receive(pair[0])
	if err != nil {
		return errors.Join(err, cmd.Wait())
	}
	err = serve(cmd.Process.Pid, listener, handle)
	unix.Close(listener) // calls that still wait fail, so that nothing waits for ever
	return errors.Join(cmd.Wait(), err)
}

// receive gets the filter's descriptor from the child.
func receive(fd int) (int, error) {
	buf, oob := make([]byte, 200), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if oobn == 0 {
		return -1, fmt.Errorf("%w: %s", ErrUnavailable, buf[:n])
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// notification and answer are the kernel's struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type answer struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

// serve answers until the last process that has the filter is gone.
func serve(pid, listener int, handle func(*Call) syscall.Errno) error {
	names := map[int32]string{}
	for name, nr := range numbers {
		names[int32(nr)] = name
	}
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return err
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return nil
		}
		var n notification
		if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil {
			if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) { // it died meanwhile
				continue
			}
			return err
		}
		c := describe(names[n.nr], int(n.pid), n.args)
		a := answer{id: n.id}
		switch errno := handle(c); errno {
		case 0:
			a.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		case Kill:
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return err
			}
			continue
		default:
			a.err = -int32(errno)
		}
		if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// numbers are the calls that can be asked for: those that change files, by the
// numbers that they have on every architecture which Go supports.
var numbers = map[string]uintptr{
	"openat": unix.SYS_OPENAT, "write": unix.SYS_WRITE, "pwrite64": unix.SYS_PWRITE64,
	"ftruncate": unix.SYS_FTRUNCATE, "fallocate": unix.SYS_FALLOCATE, "fsync": unix.SYS_FSYNC, "fdatasync": unix.SYS_FDATASYNC,
	"renameat": unix.SYS_RENAMEAT, "renameat2": unix.SYS_RENAMEAT2, "unlinkat": unix.SYS_UNLINKAT,
	"linkat": unix.SYS_LINKAT, "mkdirat": unix.SYS_MKDIRAT,
}

func describe(name string, tid int, args [6]uint64) *Call {
	c := &Call{Name: name, FD: -1, tid: tid}
	switch name {
	case "openat":
		c.Path, c.Flags = at(tid, args[0], args[1]), int(args[2])
	case "unlinkat", "mkdirat":
		c.Path = at(tid, args[0], args[1])
	case "renameat", "renameat2", "linkat":
		c.Path, c.To = at(tid, args[0], args[1]), at(tid, args[2], args[3])
	default:
		c.FD = int(int32(args[0]))
		c.Path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, c.FD))
		switch name {
		case "write":
			c.data, c.Length, c.Offset = args[1], int(args[2]), -1
		case "pwrite64":
			c.data, c.Length, c.Offset = args[1], int(args[2]), int64(args[3])
		case "ftruncate":
			c.Offset = int64(args[1])
		}
	}
	return c
}

// at is the path that a directory's descriptor and a name in the process stand for.
func at(tid int, dir, name uint64) string {
	text, err := peek(tid, name, 4096)
	if err != nil {
		return ""
	}
	path, _, _ := strings.Cut(string(text), "\x00")
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	base := "cwd"
	if int32(dir) != unix.AT_FDCWD {
		base = "fd/" + strconv.Itoa(int(int32(dir)))
	}
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", tid, base))
	if err != nil {
		return ""
	}
	return filepath.Join(at, path)
}

// peek reads up to n bytes of the process's memory; they may end at the end of a page.
func peek(tid int, address uint64, n int) ([]byte, error) {
	buf := make([]byte, n)
	done := 0
	for done < n {
		page := os.Getpagesize()
		want := min(n-done, page-int(address+uint64(done))%page) // the next page may be nobody's
		local := []unix.Iovec{{Base: &buf[done]}}
		local[0].SetLen(want)
		got, err := unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(address) + uintptr(done), Len: want}}, 0)
		if err != nil {
			if done > 0 {
				break
			}
			return nil, err
		}
		done += got
	}
	return buf[:done], nil
}

// Child must be the first thing that a test binary does which starts itself with
// Run. In any other process it returns at once.
func Child() {
	what, found := os.LookupEnv(env)
	if !found {
		return
	}
	fd, calls, _ := strings.Cut(what, ",")
	back, err := strconv.Atoi(fd)
	if err == nil {
		err = install(back, strings.Split(calls, ","))
	}
	if err != nil {
		_, _ = unix.Write(back, []byte(err.Error()))
	} else {
		os.Unsetenv(env)
		err = syscall.Exec(os.Args[1], os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "trap:", err)
	os.Exit(125)
}

// install puts the filter on this thread, from which the program that is executed
// inherits it, and hands its descriptor back.
func install(back int, calls []string) error {
	runtime.LockOSThread()
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the call's number
	for _, name := range calls {
		nr, ok := numbers[name]
		if !ok {
			return fmt.Errorf("no call %q", name)
		}
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// Signals, which Go's runtime sends itself, must not make a call happen twice.
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	// From here on this thread must not make a call that waits for who waits for the descriptor.
	rights := unix.UnixRights(0)
	listener, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	binary.NativeEndian.PutUint32(rights[unix.CmsgLen(0):], uint32(listener))
	if err := unix.Sendmsg(back, []byte("ok"), rights, nil, 0); err != nil {
		return err
	}
	unix.CloseOnExec(int(listener))
	unix.CloseOnExec(back)
	return nil
}
