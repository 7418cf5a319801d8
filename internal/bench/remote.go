package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// sameExchange is the key exchange in the group ssh. What a client and a server
// prefer differs by their versions, and costs more than the rest.
const sameExchange = "curve25519-sha256"

// sshCommands compares a one-shot resolve on a bastion with what the system's
// own server needs for a command that does nothing. The client is the same.
func sshCommands(ctx context.Context, b *bench) ([]command, error) {
	ssh, ok := b.peer(ctx, "ssh", "")
	if !ok {
		return nil, errors.New("there is no ssh to measure with")
	}
	template, err := b.template()
	if err != nil {
		return nil, err
	}
	bastion, _, err := b.bastion(ctx, secrets)
	if err != nil {
		return nil, err
	}
	client := func(address, exchange string, command ...string) ([]string, error) {
		_, port, err := net.SplitHostPort(address)
		return append([]string{
			ssh, "-o", "KexAlgorithms=" + exchange, "-F", "none", "-i", b.path("ann"), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-p", port, "127.0.0.1",
		}, command...), err
	}
	var commands []command
	system, err := b.sshd(ctx)
	if err != nil {
		b.skip("sshd", err.Error())
	} else {
		argv, err := client(system, sameExchange, "true")
		if err != nil {
			return nil, err
		}
		preferred, err := client(system, "+"+sameExchange, "true")
		if err != nil {
			return nil, err
		}
		commands = append(commands,
			command{name: "sshd, ssh host true", argv: argv},
			command{name: "sshd, ssh host true, key exchange that both prefer", argv: preferred, goal: "reported"})
	}
	for _, c := range []struct {
		name, stdin string
		argv        []string
	}{
		{"tacenda serve, ssh host version", "", []string{"version"}},
		{"tacenda serve, ssh host resolve -", template, []string{"resolve", "-"}},
	} {
		argv, err := client(bastion, sameExchange, c.argv...)
		if err != nil {
			return nil, err
		}
		commands = append(commands, command{name: c.name, argv: argv, stdin: c.stdin, goal: "reported"})
	}
	return commands, nil
}

// member makes ann's key, and a vault of n secrets that she may use.
func (b *bench) member(ctx context.Context, n int) (string, error) {
	_, sshKey, err := b.identities()
	if err != nil {
		return "", err
	}
	path := b.path(fmt.Sprintf("served%d.db", n))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if _, err := b.vault(ctx, fmt.Sprintf("served%d.db", n), sshKey, n); err != nil {
		return "", err
	}
	public, err := os.ReadFile(b.path("ann.pub"))
	if err != nil {
		line, err := newSSHKey(b.path("ann"))
		if err != nil {
			return "", err
		}
		public = []byte(line + "\n")
		if err := os.WriteFile(b.path("ann.pub"), public, 0o600); err != nil {
			return "", err
		}
	}
	at := []string{"--vault", path, "--identity", b.path("ssh")}
	if err := b.do(ctx, "", append(at, "member", "add", "ann", "--recipient", strings.TrimSpace(string(public)))...); err != nil {
		return "", err
	}
	return path, b.do(ctx, "", append(at, "grant", "ann", "secrets:use", "-p", "default")...)
}

// bastion serves a vault of n secrets on 127.0.0.1 until the group ends.
func (b *bench) bastion(ctx context.Context, n int) (address string, pid int, err error) {
	vault, err := b.member(ctx, n)
	if err != nil {
		return "", 0, err
	}
	said, err := b.serve(b.tacenda, "serve", "--listen", "127.0.0.1:0", "--vault", vault, "--identity", b.path("ssh"))
	if err != nil {
		return "", 0, err
	}
	address, err = said.address()
	return address, said.pid, err
}

// sshd starts the system's server with a configuration of its own.
func (b *bench) sshd(ctx context.Context) (string, error) {
	path, ok := found("sshd")
	if !ok {
		return "", errors.New("not installed")
	}
	if _, err := newSSHKey(b.path("sshd_key")); err != nil {
		return "", err
	}
	var lc net.ListenConfig
	free, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := free.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err := errors.Join(err, free.Close()); err != nil {
		return "", err
	}
	config := strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + b.path("sshd_key"), "AuthorizedKeysFile " + b.path("ann.pub"), "PidFile none",
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
		"PermitUserRC no", "SetEnv HOME=" + b.dir, "", // a shell would read what its user has set up, which is no part of ssh
	}, "\n")
	if err := os.WriteFile(b.path("sshd_config"), []byte(config), 0o600); err != nil {
		return "", err
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it locks itself in
			return "", err
		}
	}
	if _, err := b.serve(path, "-D", "-e", "-f", b.path("sshd_config")); err != nil {
		return "", err
	}
	return address, waitFor(address)
}

// waitFor waits until somebody listens.
func waitFor(address string) error {
	var err error
	for range 100 {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", address, time.Second); err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// A served is a server that was started.
type served struct {
	pid int
	log io.Reader
}

// serve starts a server, which the end of the group ends.
func (b *bench) serve(argv ...string) (served, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = b.env
	log, err := os.CreateTemp(b.dir, "server-")
	if err != nil {
		return served{}, err
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return served{}, err
	}
	b.later(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // where it is gone already
		_ = cmd.Wait()                          // it says that it was ended
		_ = log.Close()
	})
	f, err := os.Open(log.Name())
	if err != nil {
		return served{}, err
	}
	b.later(func() { _ = f.Close() })
	return served{cmd.Process.Pid, f}, nil
}

// address waits for the line in which serve says where it listens.
func (s served) address() (string, error) {
	var text strings.Builder
	for range 200 {
		if _, err := io.Copy(&text, s.log); err != nil {
			return "", err
		}
		for line := range strings.Lines(text.String()) {
			var said struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "listening" {
				return said.Address, nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", fmt.Errorf("the server does not listen: %s", text.String())
}
