package stage

import "syscall"

// name is the first argument of a stage, by which it knows itself.
const name = "tacenda-run-stage"

// self is the program that runs, also when its file was replaced meanwhile.
const self = "/proc/self/exe"

// A Process is a stage that waits for orders.
type Process struct {
	Pid    int
	Orders int  // the socket; whoever takes the process closes it
	Early  bool // nothing of this program had changed what it inherits
}

// prepared is made while packages are initialised; see the package's comment.
var prepared = begin()

// begin becomes the stage if this process was started as one, and starts one if
// this process will want it.
func begin() *Process {
	args := arguments()
	if len(args) == 2 && args[0] == name {
		serve(decimal(args[1]))
	}
	if !forRun(args) {
		return nil
	}
	p, err := start()
	if err != nil {
		return nil // Take tries again, and has somebody to tell
	}
	p.Early = true
	return p
}

// forRun tells whether the arguments may be those of run. It may be wrong for a
// project that is called run: then a stage is started that nobody gives orders.
func forRun(args []string) bool {
	run := false
	for i, arg := range args {
		if arg == "--" {
			return run
		}
		run = run || i > 0 && arg == "run"
	}
	return false
}

// Take hands the stage over. It starts one if there is none, which then has the
// limits that this process has by now.
func Take() (*Process, error) {
	if p := prepared; p != nil {
		prepared = nil
		return p, nil
	}
	return start()
}

func start() (*Process, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = syscall.Close(pair[1]) }()
	pid, err := fork(pair[1], nil)
	if err != nil {
		_ = syscall.Close(pair[0])
		return nil, err
	}
	return &Process{Pid: pid, Orders: pair[0]}, nil
}

// fork starts a stage that reads its orders from a descriptor. That keeps its
// number: those below may be the caller's, for the command.
func fork(orders int, attr *syscall.SysProcAttr) (int, error) {
	// run starts no other process, so nobody else can inherit it meanwhile.
	if err := keep(orders, true); err != nil {
		return 0, err
	}
	defer func() { _ = keep(orders, false) }()
	return syscall.ForkExec(self, []string{name, text(orders)}, &syscall.ProcAttr{
		Env: syscall.Environ(), Files: []uintptr{0, 1, 2}, Sys: attr,
	})
}

// keep says whether a descriptor outlives execution.
func keep(fd int, on bool) error {
	flag := syscall.FD_CLOEXEC
	if on {
		flag = 0
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, uintptr(flag))
	if errno != 0 {
		return errno
	}
	return nil
}

// arguments are those of this process. Package os, which has them, is not
// initialised yet.
func arguments() []string {
	fd, err := syscall.Open("/proc/self/cmdline", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }()
	var args []string
	var arg []byte
	buf := make([]byte, 4096)
	for {
		n, err := syscall.Read(fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return args
		}
		for _, b := range buf[:n] {
			if b != 0 {
				arg = append(arg, b)
				continue
			}
			args = append(args, string(arg))
			// What follows is the command's own, and may be long.
			if string(arg) == "--" {
				return args
			}
			arg = arg[:0]
		}
	}
}

// text is a small number in decimal.
func text(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return text(n/10) + text(n%10)
}

// decimal is the number that text wrote, or -1.
func decimal(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1<<20 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
