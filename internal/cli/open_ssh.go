package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"tacenda/internal/agent"
)

// An sshPlace is a vault behind a server elsewhere, ssh://[user@]host[:port].
type sshPlace struct{ user, host, port string }

const sshScheme = "ssh://"

// parseSSH reads a place; nil when it is none of ssh.
func parseSSH(where string) (*sshPlace, error) {
	rest, ok := strings.CutPrefix(where, sshScheme)
	if !ok {
		return nil, nil //nolint:nilnil // another kind of place
	}
	p := &sshPlace{}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if at == 0 {
			return nil, usagef("%q names no user before the @", where)
		}
		p.user, rest = rest[:at], rest[at+1:]
	}
	p.host = strings.TrimSuffix(rest, "/")
	if i := strings.LastIndexByte(p.host, ':'); i >= 0 && !strings.HasSuffix(p.host, "]") {
		p.host, p.port = p.host[:i], p.host[i+1:]
	}
	if !p.plain() {
		return nil, hinted(usagef("%q is not a place of the form ssh://[user@]host[:port]", where), "the vault behind a server is the one that it serves: no path is given")
	}
	return p, nil
}

// plain tells whether ssh, or a command in somebody's configuration of it, could
// take nothing here for an option or for a piece of shell.
func (p *sshPlace) plain() bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
	only := func(text, chars string) bool { return strings.Trim(text, chars) == "" && !strings.HasPrefix(text, "-") }
	host, bracketed := strings.CutPrefix(p.host, "[")
	if bracketed { // an IPv6 address
		var closed bool
		if host, closed = strings.CutSuffix(host, "]"); !closed || !only(host, letters+":.%") {
			return false
		}
	} else if !only(host, letters+".-") {
		return false
	}
	return host != "" && only(p.user, letters+".@+-") && (p.port == "" || only(p.port, "0123456789") && isPort(p.port))
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// args are ssh's, to run the server's gate.
func (p *sshPlace) args(ask bool, identities []string) []string {
	args := []string{"-T", "-a", "-x", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no"}
	if !ask {
		args = append(args, "-o", "BatchMode=yes")
	}
	args = append(args, identities...)
	if p.user != "" {
		args = append(args, "-l", p.user)
	}
	if p.port != "" {
		args = append(args, "-p", p.port)
	}
	return append(args, "--", strings.Trim(p.host, "[]"), gateCommand)
}

// sshPatience is how long ssh may take until the server answers: people answer
// its questions meanwhile.
const sshPatience = 2 * time.Minute

// sshGoodbye is how long ssh may take to end when the connection has.
const sshGoodbye = 2 * time.Second

// An sshGate is a vault behind a server, and the ssh that leads there.
type sshGate struct {
	*agent.Client
	end func()
}

// Close ends the connection and waits for ssh.
func (g *sshGate) Close() {
	g.Client.Close()
	g.end()
}

// sshIdentities are ssh's options for the keys that were given: an SSH key is as
// good there as with a file. Where there is one ssh offers no other key of its
// agent, which it would do first, and whoever asked for less would come in as
// somebody who may do more.
func (a *app) sshIdentities(ctx context.Context) ([]string, error) {
	var options []string
	named := false
	for _, path := range a.globals.identities {
		if _, passed := descriptor(path); passed || isStdin(path) {
			a.warn("--identity " + path + ": ssh reads keys from files alone, and offers its own")
			continue
		}
		options = append(options, "-i", path)
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			continue // reading would use it up
		}
		f, err := a.openInput(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("--identity: %w", err)
		}
		start := make([]byte, len("-----BEGIN")) // no part of a key
		n, _ := io.ReadFull(f, start)
		_ = f.Close()
		named = named || string(start[:n]) == "-----BEGIN" || strings.HasPrefix(string(start[:n]), "ssh-")
	}
	if named {
		options = append(options, "-o", "IdentitiesOnly=yes")
	}
	return options, nil
}

// openSSH reaches the vault behind a server through the system's ssh.
func (a *app) openSSH(ctx context.Context, p *sshPlace, where string) (gate, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, hinted(fmt.Errorf("opening %s: there is no ssh on this machine", where), "install an OpenSSH client")
	}
	options, err := a.sshIdentities(ctx)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", where, err)
	}
	said := &lastLine{}
	c := exec.Command(path, p.args(!a.inInterface && !a.unattended, options)...)
	c.Stdin, c.Stdout, c.Stderr = theirs, theirs, said
	c.WaitDelay = sshGoodbye // what ssh started, a proxy or a shared connection, may hold on to its standard error
	err = c.Start()
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("opening %s: %w", where, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait()
		_ = ours.SetReadDeadline(time.Now()) // nobody is there who could answer
	}()
	end := sync.OnceFunc(func() {
		select {
		case <-ended:
		case <-time.After(sshGoodbye):
			_ = c.Process.Kill()
			<-ended
		}
	})
	client, err := agent.Over(ctx, ours, agent.Options{Owner: a.globals.owner, LockTimeout: a.globals.lockTimeout, Note: a.note}, sshPatience)
	if err != nil {
		_ = ours.Close()
		end()
		return nil, sshFailure(where, err, said.text(), c.ProcessState.ExitCode())
	}
	return &sshGate{client, end}, nil
}

// openRemote opens a vault behind a server, if whoever named it may.
func (a *app) openRemote(ctx context.Context, at place) (gate, error) {
	if at.file && a.knownPlace(at) == "" {
		if err := a.confirmPlace(ctx, at); err != nil { // before anything goes there
			return nil, err
		}
	}
	g, err := a.openSSH(ctx, at.remote, at.path)
	if err != nil {
		return nil, err
	}
	if err := a.settle(at, g.ID()); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// sshFailure makes one error of what ssh said and how it ended.
func sshFailure(where string, err error, said string, code int) error {
	const lostConnection = 255 // ssh's own failures
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case strings.Contains(said, "Permission denied"):
		return hinted(failf(exitLocked, "opening %s: %s", where, said), "the key that ssh offers must be that of a member: an owner adds it with tacenda member add")
	case said != "" && code == lostConnection:
		return fmt.Errorf("opening %s: %s", where, said)
	case errors.Is(err, agent.ErrCut) && said == "":
		return hinted(fmt.Errorf("opening %s: %w", where, err), "tacenda serve must run there, with a place for one more")
	case said != "":
		return hinted(fmt.Errorf("opening %s: %s", where, said), "tacenda serve must run there")
	}
	return fmt.Errorf("opening %s: %w", where, err)
}

// lastLine keeps the last line that was written to it.
type lastLine struct {
	mu   sync.Mutex
	line []byte
}

func (l *lastLine) Write(p []byte) (int, error) {
	const most = 4096
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = append(l.line, p...)
	if whole := bytes.TrimRight(l.line, "\r\n"); bytes.IndexByte(whole, '\n') >= 0 {
		l.line = append(l.line[:0], l.line[bytes.LastIndexByte(whole, '\n')+1:]...)
	}
	l.line = l.line[:min(len(l.line), most)]
	return len(p), nil
}

func (l *lastLine) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimPrefix(string(bytes.TrimSpace(l.line)), "tacenda: ")
}

var _ io.Writer = (*lastLine)(nil)

// errNeedsFile is what commands say that work on the file itself.
func errNeedsFile(at place) error {
	return hinted(usagef("this needs the vault's file, and %s is behind a server", at.path), "run it on the machine that has the file, with --vault FILE")
}
