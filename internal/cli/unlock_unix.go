//go:build unix

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// agentEnviron is what the agent needs of the environment: where the user's
// files are, how to open the vault, and how to ask for a passphrase. Everything
// else is nobody's business for eight hours.
var agentEnviron = []string{
	"HOME", "USER", "LOGNAME", "TZ", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR", "ACCESSIBLE",
	"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS",
}

// startAgent starts this program again, as the process that becomes the agent,
// and waits until that listens. It is a child in the same session and with the
// same files until then, so that it can ask whoever is here.
func (a *app) startAgent(ctx context.Context) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting the unlock agent: %w", err)
	}
	defer r.Close()
	cmd, err := a.agentProcess(w)
	if err == nil {
		err = cmd.Start()
	}
	closeAll(append(cmd.ExtraFiles, w))
	if err != nil {
		return fmt.Errorf("starting the unlock agent: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	var said report
	const most = 64 << 10 // an error is a line
	err = json.NewDecoder(io.LimitReader(r, most)).Decode(&said)
	if err == nil && said.Error == "" && !said.Interrupted {
		return cmd.Process.Release() // it is on its own
	}
	// It puts the terminal back in order before it ends.
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return said.err()
	}
	return failf(exitFailure, "the unlock agent ended before it was ready: %v", ended)
}

// agentProcess is the command that becomes the agent. Descriptors that options
// name keep their numbers.
func (a *app) agentProcess(report *os.File) (*exec.Cmd, error) {
	path, err := thisProgram()
	if err != nil {
		return &exec.Cmd{}, err
	}
	cmd := &exec.Cmd{Path: path, Stdin: a.sys.Stdin, Stdout: a.sys.Stdout, Stderr: a.sys.Stderr, Env: a.agentEnv()}
	for _, option := range append(slices.Clone(a.globals.identities), a.globals.passphraseFile) {
		n, ok := descriptor(option)
		if !ok {
			continue
		}
		f, err := dupDescriptor(n, option)
		if err != nil {
			return cmd, err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, make([]*os.File, max(0, n-2-len(cmd.ExtraFiles)))...)
		if cmd.ExtraFiles[n-3] != nil {
			_ = f.Close() // named twice
			continue
		}
		cmd.ExtraFiles[n-3] = f
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, report)
	// The name by which it is called is its own, wherever its file lies.
	cmd.Args = append([]string{"tacenda", "--report-to=" + strconv.Itoa(2+len(cmd.ExtraFiles))}, a.sys.Args...)
	return cmd, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// agentEnv is the part of the environment that the agent gets.
func (a *app) agentEnv() []string {
	var env []string
	for _, line := range os.Environ() {
		name, _, _ := strings.Cut(line, "=")
		if slices.Contains(agentEnviron, name) || strings.HasPrefix(name, "TACENDA_") {
			env = append(env, line)
		}
	}
	return env
}

// detach takes this process out of the session, the directory and the files of
// whoever started it.
func (a *app) detach() error {
	if _, err := syscall.Setsid(); err != nil && !errors.Is(err, syscall.EPERM) { // EPERM: it leads a session already
		return fmt.Errorf("leaving the session: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("leaving the directory: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	inherited, err := inheritedFiles()
	if err != nil {
		return fmt.Errorf("looking for open files: %w", err)
	}
	for _, fd := range inherited {
		_ = unix.Close(fd)
	}
	for fd := range 3 {
		if err := unix.Dup2(int(null.Fd()), fd); err != nil {
			return fmt.Errorf("leaving the terminal: %w", err)
		}
	}
	_ = a.out.file.Close() // duplicates of what was just replaced
	_ = a.err.file.Close()
	a.out, a.err = newStream(os.Stdout), newStream(os.Stderr)
	return nil
}

// inheritedFiles are the descriptors that whoever started the program left open
// for it, and that it never asked for: what it opens itself is closed on exec.
func inheritedFiles() ([]int, error) {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}
