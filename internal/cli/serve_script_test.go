//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	gossh "golang.org/x/crypto/ssh"
)

// sshKey makes the SSH keys NAME and NAME.pub in $WORK: ssh-key ann bob.
func sshKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: ssh-key name...")
	}
	for _, name := range args {
		signer, err := newSSHKey(ts.MkAbs(name))
		ts.Check(err)
		ts.Setenv(strings.ToUpper(name), strings.TrimSpace(string(gossh.MarshalAuthorizedKey(signer.PublicKey()))))
	}
}

// serveVault starts a server for the rest of the script, as another process:
// serve [options...]. It is ssh://vault for the ssh that the script has from then
// on: the system's, with a configuration that knows nothing but this server, and
// the key that $KEY names. What the server says is in the file serverlog, and
// its process in $SERVER.
func serveVault(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot fail")
	}
	ssh, err := exec.LookPath("ssh")
	ts.Check(err)
	path, err := exec.LookPath("tacenda")
	ts.Check(err)
	log := ts.MkAbs("serverlog")
	out, err := os.Create(log)
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir, cmd.Stderr, cmd.Stdout = ts.Getenv("WORK"), out, out
	for _, name := range []string{"HOME", "PATH", "TZ", "LANG", "TACENDA_VAULT", "XDG_STATE_HOME"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	ts.Check(cmd.Start())
	ts.Check(out.Close())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		text, _ := os.ReadFile(log)
		ts.Logf("[server]\n%s", text)
	})
	address := ""
	for end := time.Now().Add(30 * time.Second); address == ""; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(log)
		ts.Check(err)
		if _, after, ok := bytes.Cut(text, []byte(`"msg":"listening","address":"`)); ok {
			found, _, _ := bytes.Cut(after, []byte(`"`))
			address = string(found)
		}
		select {
		case <-ended:
			ts.Fatalf("the server ended: %s", text)
		default:
		}
		if time.Now().After(end) {
			ts.Fatalf("the server does not listen: %s", text)
		}
	}
	ts.Setenv("SERVER", fmt.Sprint(cmd.Process.Pid))
	ts.Check(sshFor(ts, ssh, address))
}

// sshFor writes the ssh of a script.
func sshFor(ts *testscript.TestScript, ssh, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(ts.Getenv("HOME"), ".local/state/tacenda/server/host_key"))
	if err != nil {
		return err
	}
	key, err := gossh.ParsePrivateKey(text)
	if err != nil {
		return err
	}
	dir := ts.MkAbs("ssh")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	known := "vault " + string(gossh.MarshalAuthorizedKey(key.PublicKey()))
	config := fmt.Sprintf("Host vault\nHostName %s\nPort %s\nHostKeyAlias vault\nHost *\nUserKnownHostsFile %s/known\nGlobalKnownHostsFile none\n"+
		"StrictHostKeyChecking yes\nIdentitiesOnly yes\nIdentityAgent none\nIdentityFile ${KEY}\nControlPath none\nConnectTimeout 10\nLogLevel ERROR\n", host, port, dir)
	script := fmt.Sprintf("#!/bin/sh\nexec %s -F %s/config \"$@\"\n", ssh, dir)
	for name, file := range map[string]string{"known": known, "config": config, "ssh": script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(file), 0o700); err != nil {
			return err
		}
	}
	if !strings.HasPrefix(ts.Getenv("PATH"), dir) {
		ts.Setenv("PATH", dir+string(os.PathListSeparator)+ts.Getenv("PATH"))
	}
	return nil
}

// serveEnd ends the server by a signal, and waits until it is gone: another one
// does not start beside it. serve-end KILL.
func serveEnd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve-end signal")
	}
	exitsWith(ts, false, []string{"0", "sh", "-c", "kill -" + args[0] + " " + ts.Getenv("SERVER")})
	pid, err := strconv.Atoi(ts.Getenv("SERVER"))
	ts.Check(err)
	for end := time.Now().Add(30 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("the server does not end")
		}
	}
}
