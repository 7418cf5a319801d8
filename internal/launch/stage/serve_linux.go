package stage

import "syscall"

// maxFrame bounds what a frame may ask to be allocated: more than the longest
// argument that the system takes.
const maxFrame = 1 << 20

// failed is what a stage ends with that was not given all of its orders.
const failed = 125

// orders are what a stage was told.
type orders struct {
	fd      int
	passed  []int // descriptors not yet given away
	args    []string
	names   []string
	values  [][]byte
	streams [3]int
}

// serve is the life of a stage. It does not return.
func serve(fd int) {
	if fd < 0 || keep(fd, false) != nil {
		syscall.Exit(failed)
	}
	o := &orders{fd: fd}
	for {
		kind, payload := o.next()
		switch kind {
		case Terminal:
			o.watch()
		case Streams:
			o.streams = [3]int{o.take(), o.take(), o.take()}
		case File:
			o.names = append(o.names, string(payload))
			o.values = append(o.values, []byte("/proc/self/fd/"+text(place(o.take()))))
		case Close:
			_ = syscall.Close(decimal(string(payload)))
		case Argument:
			o.args = append(o.args, string(payload))
		case Variable:
			o.names = append(o.names, string(payload))
			o.values = append(o.values, nil)
		case Value:
			last := len(o.values) - 1
			if last < 0 {
				syscall.Exit(failed)
			}
			o.values[last] = append(o.values[last], payload...)
		case Execute:
			o.execute()
		default:
			syscall.Exit(failed)
		}
	}
}

// next reads a frame. The other side may think better of it, and end: so does
// the stage.
func (o *orders) next() (byte, []byte) {
	var header [HeaderSize]byte
	// Descriptors come with the first byte of a frame. 253 are the most that the
	// system passes at once.
	control := make([]byte, syscall.CmsgSpace(4*253))
	n, nc, _, _, err := recvmsg(o.fd, header[:1], control)
	if err != nil || n != 1 {
		syscall.Exit(failed)
	}
	o.read(header[1:])
	if nc > 0 {
		messages, err := syscall.ParseSocketControlMessage(control[:nc])
		if err != nil || len(messages) != 1 {
			syscall.Exit(failed)
		}
		if o.passed, err = syscall.ParseUnixRights(&messages[0]); err != nil {
			syscall.Exit(failed)
		}
	}
	length := getUint32(header[1:])
	if length > maxFrame {
		syscall.Exit(failed)
	}
	payload := make([]byte, length)
	o.read(payload)
	return header[0], payload
}

func recvmsg(fd int, p, control []byte) (int, int, int, syscall.Sockaddr, error) {
	for {
		n, nc, flags, from, err := syscall.Recvmsg(fd, p, control, syscall.MSG_CMSG_CLOEXEC)
		if err != syscall.EINTR {
			return n, nc, flags, from, err
		}
	}
}

func (o *orders) read(p []byte) {
	for len(p) > 0 {
		n, err := syscall.Read(o.fd, p)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			syscall.Exit(failed)
		}
		p = p[n:]
	}
}

// take is the next of the descriptors that were passed.
func (o *orders) take() int {
	if len(o.passed) == 0 {
		syscall.Exit(failed)
	}
	fd := o.passed[0]
	o.passed = o.passed[1:]
	return fd
}

// place gives a descriptor a number where no script keeps its own (3 to 9 by
// hand, 10 and up by shells, which look for free ones), if the limit allows it,
// and lets the command have it.
func place(fd int) int {
	for _, least := range []uintptr{64, 3} {
		n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD, least)
		if errno == 0 {
			_ = syscall.Close(fd)
			return int(n)
		}
	}
	syscall.Exit(failed)
	return -1
}

// execute turns the stage into the command, or says why that failed.
func (o *orders) execute() {
	for i, fd := range o.streams {
		if err := syscall.Dup3(fd, i, 0); err != nil && fd != i {
			o.fail(err)
		}
	}
	env := o.environment()
	o.fail(find(o.args, env))
}

func (o *orders) fail(err error) {
	errno, ok := err.(syscall.Errno) //nolint:errorlint // the system's own, wrapped by nobody; errors would be initialised too late
	if !ok {
		errno = syscall.EINVAL // a NUL in an argument, which no system takes
	}
	var p [4]byte
	putUint32(p[:], uint32(errno))
	_, _ = syscall.Write(o.fd, p[:])
	syscall.Exit(failed)
}

// environment is what the caller gave, without what is ours and what is given
// anew.
func (o *orders) environment() []string {
	given := make(map[string]bool, len(o.names))
	for _, n := range o.names {
		given[n] = true
	}
	var env []string
	for _, entry := range syscall.Environ() {
		n := variable(entry)
		if !given[n] && !ours(n) {
			env = append(env, entry)
		}
	}
	for i, n := range o.names {
		env = append(env, n+"="+string(o.values[i]))
	}
	return env
}

// ours tells whether a variable speaks to this program.
func ours(name string) bool { return len(name) >= len(prefix) && name[:len(prefix)] == prefix }

const prefix = "TACENDA_"

// variable is the name in NAME=value. One that begins with = is none, and stays.
func variable(entry string) string {
	for i := 1; i < len(entry); i++ {
		if entry[i] == '=' {
			return entry[:i]
		}
	}
	return entry
}

// watch makes this process lead a session on the terminal and watch over the
// command, which the next stage becomes. Without somebody in the session to
// watch, the system would not let ctrl+z stop the command.
func (o *orders) watch() {
	terminal, status := o.take(), o.take()
	if _, err := syscall.Setsid(); err != nil {
		giveUp(status, err)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(terminal), syscall.TIOCSCTTY, 0); errno != 0 {
		giveUp(status, errno)
	}
	pid, err := fork(o.fd, &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: terminal})
	if err != nil {
		giveUp(status, err)
	}
	_ = syscall.Close(o.fd)
	for fd := range 3 {
		_ = syscall.Dup3(terminal, fd, 0)
	}
	report(status, Started, uint32(pid))
	for {
		var s syscall.WaitStatus
		_, err := syscall.Wait4(pid, &s, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			giveUp(status, err)
		case s.Stopped():
			report(status, Stopped, uint32(s.StopSignal()))
		default:
			report(status, Ended, uint32(s))
			leave(status)
		}
	}
}

// leave ends the watcher when the other side has read all there was. Its end is
// that of the session: the terminal is then closed to whoever is left there.
func leave(status int) {
	var p [1]byte
	for {
		if n, err := syscall.Read(status, p[:]); err != syscall.EINTR && (err != nil || n <= 0) {
			syscall.Exit(0)
		}
	}
}

func giveUp(status int, err error) {
	errno, _ := err.(syscall.Errno) //nolint:errorlint // see fail
	report(status, Failed, uint32(errno))
	syscall.Exit(failed)
}

func report(status int, kind, number uint32) {
	var p [ReportSize]byte
	putUint32(p[:], kind)
	putUint32(p[4:], number)
	_, _ = syscall.Write(status, p[:]) // a watcher without listener watches on
}

// find executes the command as execvp does: a name without a slash is looked for
// in the PATH that the command will have, and what the system does not know as a
// program is read by sh.
func find(args, env []string) error {
	if len(args) == 0 || args[0] == "" {
		return syscall.ENOENT
	}
	file := args[0]
	for i := range len(file) {
		if file[i] == '/' {
			return try(file, args, env)
		}
	}
	path := "/usr/local/bin:/usr/bin:/bin" // without a PATH, as the C library does
	for _, entry := range env {
		if variable(entry) == "PATH" && len(entry) >= len("PATH=") {
			path = entry[len("PATH="):]
		}
	}
	var denied error
	for begin, i := 0, 0; i <= len(path); i++ {
		if i < len(path) && path[i] != ':' {
			continue
		}
		dir := path[begin:i]
		begin = i + 1
		if dir != "" { // empty means here
			dir += "/"
		}
		switch err := try(dir+file, args, env); err { //nolint:errorlint // see fail
		case syscall.ENOENT, syscall.ENOTDIR, syscall.ENODEV, syscall.ESTALE, syscall.ETIMEDOUT:
		case syscall.EACCES:
			denied = err // somewhere else there may be one
		default:
			return err
		}
	}
	if denied != nil {
		return denied
	}
	return syscall.ENOENT
}

func try(path string, args, env []string) error {
	err := syscall.Exec(path, args, env)
	if err != syscall.ENOEXEC {
		return err
	}
	return syscall.Exec("/bin/sh", append([]string{"sh", path}, args[1:]...), env)
}
