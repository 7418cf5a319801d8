package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"tacenda/store"
)

// TestMain lets scripts run this test binary as tacenda. It derives keys
// cheaply; the shipped program has no way to.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tacenda": func() {
			os.Exit(int(run(System{
				Args: os.Args[1:], Getenv: os.Getenv,
				Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			}, seams{cheapKDF: true})))
		},
	})
}

// TestScripts runs the transcripts in testdata/script: every command, every
// exit code, through the real file. See the head of each for what it shows.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setupScript,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "ssh":
				_, err := exec.LookPath("ssh")
				return err == nil, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exitsWith,
			"sh":        shell,
			"new-vault": newVault,
			"pty":       onTerminal,
			"hold":      hold,
			"size":      size,
			"flip":      flip,
			"flip-text": flipText,
			"flip-free": flipFree,
			"future":    future,
			"api":       startAPI,
			"agent-pid": agentPID,
			"ssh-key":   sshKey,
			"serve":     serveVault,
			"serve-end": serveEnd,
		},
	})
}

// setupScript gives each script a home directory of its own and an age key in
// $HOME/key.txt, with its recipient in $RECIPIENT.
func setupScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(env.WorkDir, 0o700); err != nil { // a vault's directory is nobody else's
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, "key.txt"), []byte(id.String()+"\n"), 0o600); err != nil {
		return err
	}
	runtime, err := agentDirectory(env)
	if err != nil {
		return err
	}
	env.Setenv("XDG_RUNTIME_DIR", runtime)
	env.Setenv("HOME", home)
	env.Setenv("RECIPIENT", id.Recipient().String())
	env.Setenv("TZ", "UTC")
	env.Setenv("LANG", "C.UTF-8")
	env.Setenv("VAULT", filepath.Join(home, ".local", "share", "tacenda", "vault.db"))
	return nil
}

// exitsWith runs a program and wants one exit code: exits 5 tacenda show NOPE.
// One that dies of a signal has the signal's number with a minus.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitStatus(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// sh runs a line of shell and wants one exit code, for pipes and descriptors:
// sh 0 'tacenda list | head -1'.
func shell(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sh code 'line'")
	}
	exitsWith(ts, false, []string{args[0], "sh", "-c", args[1]})
}

func exitStatus(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return -int(status.Signal())
		}
		return exit.ExitCode()
	}
	ts.Fatalf("running it: %v", err)
	return -1
}

// onTerminal runs a program with a terminal for everything and wants one exit
// code: pty 7 answers.txt tacenda resolve t.tmpl. Each line of the answers is
// typed when a question has been asked; ^C, ^D and ^Z are those keys, and !TERM
// is that signal. What the
// terminal showed is in the file ptyout.
func onTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: pty code answers program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"HOME", "PATH", "TZ", "LANG", "TERM", "NO_COLOR", "TACENDA_IDENTITY", "TACENDA_PASSPHRASE_FILE", "TACENDA_VAULT", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "KEY"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	ts.Check(err)
	defer terminal.Close()
	shown := make(chan []byte)
	go func() {
		shown <- converse(terminal, cmd.Process, strings.Split(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"), "\n"))
	}()
	got := exitStatus(ts, cmd.Wait())
	text := <-shown
	ts.Check(os.WriteFile(ts.MkAbs("ptyout"), text, 0o600))
	ts.Logf("[terminal]\n%s", text)
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// converse types the next answer whenever the terminal ends with a question, and
// returns all that it showed.
func converse(terminal *os.File, process *os.Process, answers []string) []byte {
	var shown []byte
	buf := make([]byte, 4096)
	for {
		n, err := terminal.Read(buf)
		shown = append(shown, buf[:n]...)
		// The end of a terminal is an error, which the exit code explains.
		if err != nil {
			return shown
		}
		if len(answers) == 0 || !bytes.HasSuffix(shown, []byte(": ")) && !bytes.HasSuffix(shown, []byte("] ")) {
			continue
		}
		answer := answers[0] + "\r"
		if key, ok := strings.CutPrefix(answers[0], "^"); ok {
			answer = string(key[0] - '@')
		}
		if answers[0] == "!TERM" {
			answer = ""
			_ = process.Signal(syscall.SIGTERM)
		}
		answers = answers[1:]
		_, _ = io.WriteString(terminal, answer)
	}
}

// hold keeps the vault locked, as a process in the middle of a write does, until
// the script ends.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold file")
	}
	engine, err := store.OpenBolt(ts.MkAbs(args[0]), store.BoltOptions{})
	ts.Check(err)
	locked, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- engine.Update(context.Background(), func(store.Tx) error {
			close(locked)
			<-release
			return nil
		})
	}()
	<-locked
	ts.Defer(func() {
		close(release)
		if err := errors.Join(<-ended, engine.Close()); err != nil {
			ts.Logf("holding the vault: %v", err)
		}
	})
}

// flip changes one byte of one sealed value in a vault.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip file")
	}
	// 10 project(16) prefix(8) kind(1) id(16), as docs/format.md draws it.
	alter(ts, args[0], []byte{0x10}, func(key, value []byte) bool {
		if len(key) != 42 || key[25] != 'v' {
			return false
		}
		value[len(value)-1] ^= 1
		return true
	})
}

// flipText changes one byte of one sealed instruction in a vault.
func flipText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip-text file")
	}
	alter(ts, args[0], []byte{0x10}, func(key, value []byte) bool {
		if len(key) != 42 || key[25] != 'i' {
			return false
		}
		value[len(value)-1] ^= 1
		return true
	})
}

// flipFree makes the list of free pages name one that is in use: no record is
// harmed, and the file is damaged all the same.
func flipFree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip-free file")
	}
	path := ts.MkAbs(args[0])
	raw, err := os.ReadFile(path)
	ts.Check(err)
	ne, meta := binary.NativeEndian, 16 // of the older commit, or of the newer one; store/bolt_page.go draws them
	if ne.Uint64(raw[4096+64:]) > ne.Uint64(raw[64:]) {
		meta += 4096
	}
	free := raw[4096*ne.Uint64(raw[meta+32:]):]
	if n := ne.Uint16(free[10:]); n == 0 || n == 0xffff {
		ts.Fatalf("%d free pages: the vault is not what this command is about", n)
	}
	copy(free[16:24], raw[meta+16:]) // the root of all records
	ts.Check(os.WriteFile(path, raw, 0o600))
}

// future makes a vault one of a version that this program does not know.
func future(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: future file")
	}
	// {1: magic, 2: version, 3: vault id}
	alter(ts, args[0], []byte{0x00}, func(_, value []byte) bool {
		value[bytes.IndexByte(value, 2)+1]++
		return true
	})
}

// alter changes the first record below prefix for which change returns true.
func alter(ts *testscript.TestScript, path string, prefix []byte, change func(key, value []byte) bool) {
	engine, err := store.OpenBolt(ts.MkAbs(path), store.BoltOptions{})
	ts.Check(err)
	defer engine.Close()
	ts.Check(engine.Update(context.Background(), func(tx store.Tx) error {
		var key, value []byte
		err := tx.Range(prefix, func(k, v []byte) error {
			if v = bytes.Clone(v); key == nil && change(k, v) {
				key, value = bytes.Clone(k), v
			}
			return nil
		})
		if err != nil || key == nil {
			return errors.Join(err, errors.New("found no record to alter"))
		}
		return tx.Put(key, value)
	}))
}

// size wants a file of so many bytes: size 1048576 value.
func size(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: size bytes file")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatInt(info.Size(), 10); got != args[0] {
		ts.Fatalf("%s has %s bytes, want %s", args[1], got, args[0])
	}
}

// newVault makes a vault at the default place for the key of the script, and
// lets TACENDA_IDENTITY open it: new-vault [NAME=VALUE...].
func newVault(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("new-vault cannot fail")
	}
	ts.Check(ts.Exec("tacenda", "init", "--recipient", ts.Getenv("RECIPIENT")))
	ts.Setenv("TACENDA_IDENTITY", filepath.Join(ts.Getenv("HOME"), "key.txt"))
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("new-vault: NAME=VALUE")
		}
		file := ts.MkAbs("." + name)
		ts.Check(os.WriteFile(file, []byte(value), 0o600))
		ts.Check(ts.Exec("tacenda", "create", name, "--value-file", file, "--exact"))
		ts.Check(os.Remove(file))
	}
}
