package bastion

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	gossh "golang.org/x/crypto/ssh"
)

// lockedBuffer collects a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A place is a running server, and a client's keys in a directory.
type place struct {
	*Server
	addr string
	dir  string
	log  *lockedBuffer
	key  gossh.Signer // ann's
}

// start serves handle to ann, whose key is the file ann; the file eve is the key
// of nobody.
func start(t *testing.T, handle func(context.Context, *Session) int, change func(*Config)) *place {
	t.Helper()
	p := &place{dir: t.TempDir(), log: &lockedBuffer{}}
	p.key = makeKey(t, filepath.Join(p.dir, "ann"))
	makeKey(t, filepath.Join(p.dir, "eve"))
	host, made, err := HostKey(filepath.Join(p.dir, "server", "host_key"))
	if err != nil || !made {
		t.Fatal(made, err)
	}
	ann := authorized(p.key.PublicKey())
	cfg := Config{
		Authenticate: func(key string) (Identity, bool) { return Identity{Member: "ann"}, key == ann },
		Handle:       handle, HostKey: host, Log: slog.New(slog.NewTextHandler(p.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	if p.Server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		p.Shutdown(ctx)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	known := fmt.Sprintf("[127.0.0.1]:%s %s\n", p.port(), authorized(host.PublicKey()))
	if err := os.WriteFile(filepath.Join(p.dir, "known_hosts"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) port() string { _, port, _ := net.SplitHostPort(p.addr); return port }

func makeKey(t *testing.T, path string) gossh.Signer {
	t.Helper()
	if err := makeHostKey(path); err != nil {
		t.Fatal(err)
	}
	key, err := readHostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// options are those of every OpenSSH client: nothing of the user's own.
func (p *place) options(key string) []string {
	return []string{
		"-F", "none", "-o", "UserKnownHostsFile=" + filepath.Join(p.dir, "known_hosts"), "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		"-o", "ControlPath=none", "-o", "LogLevel=ERROR", "-i", filepath.Join(p.dir, key), "-o", "Port=" + p.port(),
	}
}

// client is an OpenSSH program against the server.
func (p *place) client(t *testing.T, program, key string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("no %s on this machine", program)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, path, append(p.options(key), args...)...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "LANG=C.UTF-8"}
	return c
}

// say writes what a session is told to.
func say(_ context.Context, s *Session) int {
	in, _ := io.ReadAll(s.Stdin)
	fmt.Fprintf(s.Stdout, "%s|%s|%s", s.Member, s.Command, in)
	fmt.Fprint(s.Stderr, "note")
	return 7
}

func TestCommand(t *testing.T) {
	p := start(t, say, nil)
	c := p.client(t, "ssh", "ann", "someone@127.0.0.1", "resolve", "-")
	c.Stdin = strings.NewReader("text")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != 7 || out.String() != "ann|resolve -|text" || errs.String() != "note" {
		t.Fatalf("%v: %q %q", err, out.String(), errs.String())
	}
}

func TestBigInputAndOutput(t *testing.T) {
	p := start(t, func(_ context.Context, s *Session) int { _, _ = io.Copy(s.Stdout, s.Stdin); return 0 }, nil)
	c := p.client(t, "ssh", "ann", "127.0.0.1", "cat")
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	c.Stdin = bytes.NewReader(text)
	out, err := c.Output()
	if err != nil || !bytes.Equal(out, text) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
}

func TestStrangersStayOutside(t *testing.T) {
	p := start(t, say, nil)
	cases := map[string][]string{
		"another key":  {"-i", filepath.Join(p.dir, "eve")},
		"no key":       {"-o", "PubkeyAuthentication=no"},
		"password":     {"-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive"},
		"none":         {"-o", "PreferredAuthentications=none"},
		"host based":   {"-o", "PreferredAuthentications=hostbased", "-o", "HostbasedAuthentication=yes"},
		"member named": {"-i", filepath.Join(p.dir, "eve"), "-l", "ann"},
	}
	for name, args := range cases {
		key := "eve"
		c := p.client(t, "ssh", key, append(args, "127.0.0.1", "list")...)
		out, err := c.CombinedOutput()
		if err == nil || c.ProcessState.ExitCode() != 255 || bytes.Contains(out, []byte("ann|")) {
			t.Errorf("%s: exit %d, %q", name, c.ProcessState.ExitCode(), out)
		}
	}
	if p.Sessions() != 0 {
		t.Error("a session is under way")
	}
}

// A key that is offered is not a key that somebody has: the client offers ann's
// public key first and then proves to have another that is not let in.
func TestOfferedKeyIsNotIdentity(t *testing.T) {
	p := start(t, say, nil)
	eve, err := readHostKey(filepath.Join(p.dir, "eve"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := clientConfig(gossh.PublicKeysCallback(func() ([]gossh.Signer, error) {
		return []gossh.Signer{liar{p.key.PublicKey(), eve}, eve}, nil
	}))
	if c, err := gossh.Dial("tcp", p.addr, cfg); err == nil {
		_ = c.Close()
		t.Fatal("let in with a key that was only offered")
	}
}

// liar offers one key and signs with another.
type liar struct {
	public gossh.PublicKey
	by     gossh.Signer
}

func (l liar) PublicKey() gossh.PublicKey { return l.public }
func (l liar) Sign(rand io.Reader, data []byte) (*gossh.Signature, error) {
	return l.by.Sign(rand, data)
}

func clientConfig(auth ...gossh.AuthMethod) *gossh.ClientConfig {
	return &gossh.ClientConfig{
		User: "x", Auth: auth, Timeout: 5 * time.Second,
		HostKeyCallback: gossh.InsecureIgnoreHostKey(),
	}
}

func (p *place) dial(t *testing.T) *gossh.Client {
	t.Helper()
	c, err := gossh.Dial("tcp", p.addr, clientConfig(gossh.PublicKeys(p.key)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A certificate of ann's key is not ann's key: nobody here signs certificates.
func TestCertificatesAreRefused(t *testing.T) {
	p := start(t, say, nil)
	cert := &gossh.Certificate{Key: p.key.PublicKey(), CertType: gossh.UserCert, ValidBefore: gossh.CertTimeInfinity, ValidPrincipals: []string{"x"}}
	if err := cert.SignCert(zeros{}, p.key); err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewCertSigner(cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := gossh.Dial("tcp", p.addr, clientConfig(gossh.PublicKeys(signer))); err == nil {
		_ = c.Close()
		t.Fatal("let in with a certificate")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestOnlySessions(t *testing.T) {
	p := start(t, say, nil)
	c := p.dial(t)
	forward := struct {
		Host     string
		Port     uint32
		FromHost string
		FromPort uint32
	}{"127.0.0.1", 1, "127.0.0.1", 2}
	for _, kind := range []string{"direct-tcpip", "forwarded-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com", "odd"} {
		if ch, _, err := c.OpenChannel(kind, gossh.Marshal(forward)); err == nil {
			_ = ch.Close()
			t.Errorf("a channel %s was opened", kind)
		}
	}
	for _, kind := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "cancel-tcpip-forward"} {
		ok, _, err := c.SendRequest(kind, true, gossh.Marshal(struct {
			Host string
			Port uint32
		}{"127.0.0.1", 0}))
		if ok || err != nil {
			t.Errorf("%s: %v %v", kind, ok, err)
		}
	}
	ch, reqs, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	go gossh.DiscardRequests(reqs)
	for kind, payload := range map[string][]byte{
		"auth-agent-req@openssh.com": nil,
		"x11-req": gossh.Marshal(struct {
			Single           bool
			Protocol, Cookie string
			Screen           uint32
		}{false, "MIT-MAGIC-COOKIE-1", "00", 0}),
		"subsystem": gossh.Marshal(struct{ Name string }{"sftp"}),
		"exec":      gossh.Marshal(struct{ Command string }{" "}),
		"env":       gossh.Marshal(struct{ Name, Value string }{"LD_PRELOAD", "x"}),
		"odd":       nil,
	} {
		if ok, err := ch.SendRequest(kind, true, payload); ok || err != nil {
			t.Errorf("%s: %v %v", kind, ok, err)
		}
	}
}

func TestFileTransferIsRefused(t *testing.T) {
	p := start(t, func(context.Context, *Session) int { return 2 }, nil) // no command is called scp
	file := filepath.Join(p.dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := p.client(t, "sftp", "ann", "127.0.0.1").CombinedOutput(); err == nil {
		t.Errorf("sftp: %s", out)
	}
	for _, old := range []string{"-O", "-s"} {
		if out, err := p.client(t, "scp", "ann", old, file, "127.0.0.1:other").CombinedOutput(); err == nil {
			t.Errorf("scp %s: %s", old, out)
		}
	}
}

func TestForwardingByOpenSSH(t *testing.T) {
	p := start(t, say, nil)
	reached := make(chan struct{}, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			reached <- struct{}{}
			_ = c.Close()
		}
	}()
	c := p.client(t, "ssh", "ann", "-W", l.Addr().String(), "127.0.0.1")
	if out, err := c.CombinedOutput(); err == nil {
		t.Errorf("-W: %s", out)
	}
	c = p.client(t, "ssh", "ann", "-o", "ExitOnForwardFailure=yes", "-R", "0:"+l.Addr().String(), "127.0.0.1", "list")
	if out, err := c.CombinedOutput(); err == nil || c.ProcessState.ExitCode() != 255 {
		t.Errorf("-R: %s", out)
	}
	select {
	case <-reached:
		t.Error("somebody got through")
	default:
	}
}

func TestTerminal(t *testing.T) {
	p := start(t, func(ctx context.Context, s *Session) int {
		for {
			select {
			case size := <-s.Sizes:
				fmt.Fprintf(s.Stdout, "%d %d %v\n", size.Width, size.Height, s.Environ)
				if size.Width == 99 {
					return 0
				}
			case <-ctx.Done():
				return 1
			}
		}
	}, nil)
	c := p.client(t, "ssh", "ann", "-tt", "-o", "SendEnv=LANG LC_* FOO", "127.0.0.1")
	c.Env = append(c.Env, "TERM=xterm-256color", "FOO=bar")
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 30, Cols: 70})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got bytes.Buffer
	buf := make([]byte, 1024)
	for !strings.Contains(got.String(), "70 30") {
		n, err := f.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v: %q", err, got.String())
		}
	}
	if err := pty.Setsize(f, &pty.Winsize{Rows: 20, Cols: 99}); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(f)
	got.Write(rest)
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "70 30 [LANG=C.UTF-8 TERM=xterm-256color]\r\n99 20") {
		t.Fatalf("%q", got.String())
	}
}

// Protocols carry 0 and 2^32-1; a picture is made for neither.
func TestHostileTerminals(t *testing.T) {
	sizes := make(chan Size, 8)
	p := start(t, func(_ context.Context, s *Session) int { sizes <- <-s.Sizes; return 0 }, nil)
	c := p.dial(t)
	for _, x := range []struct {
		term          string
		width, height uint32
		ok            bool
	}{
		{"xterm", 0, 0, true},
		{"xterm", 1<<32 - 1, 1<<32 - 1, true},
		{strings.Repeat("x", 1000), 80, 24, false},
		{"xterm\x1b]0;owned\a", 80, 24, false},
		{"xterm\n", 80, 24, false},
	} {
		ch, reqs, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(reqs)
		ok, err := ch.SendRequest("pty-req", true, gossh.Marshal(struct {
			Term         string
			W, H, PX, PY uint32
			Modes        string
		}{x.term, x.width, x.height, 0, 0, ""}))
		if ok != x.ok || err != nil {
			t.Errorf("%q: %v %v", x.term, ok, err)
		}
		if ok {
			if ok, err := ch.SendRequest("shell", true, nil); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if s := <-sizes; s.Width < 0 || s.Height < 0 || s.Width > 1<<16 {
				t.Errorf("%v", s)
			}
		}
		_ = ch.Close()
	}
}

func TestPanicEndsOneSession(t *testing.T) {
	p := start(t, func(_ context.Context, s *Session) int {
		if s.Command == "panic" {
			panic("a value")
		}
		return 0
	}, nil)
	c := p.dial(t)
	for command, want := range map[string]bool{"panic": false, "fine": true} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(command); (err == nil) != want {
			t.Errorf("%s: %v", command, err)
		}
	}
	if strings.Contains(p.log.String(), "a value") {
		t.Error("what panicked was logged")
	}
}

// 300 connections that say nothing must not keep a member out.
func TestCrowdBeforeTheDoor(t *testing.T) {
	p := start(t, say, nil)
	for range 300 {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for range 5 {
		c := p.client(t, "ssh", "ann", "127.0.0.1", "list")
		if out, _ := c.Output(); string(out) != "ann|list|" {
			t.Fatalf("kept out: %q", out)
		}
	}
	p.door.mu.Lock()
	waiting := len(p.door.waiting)
	p.door.mu.Unlock()
	if waiting > 10 {
		t.Errorf("%d before the door", waiting)
	}
}

func TestLoginDeadline(t *testing.T) {
	p := start(t, say, func(c *Config) { c.Login = 200 * time.Millisecond })
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal("still open after the deadline:", err)
	}
}

func TestBackOff(t *testing.T) {
	p := start(t, say, nil)
	eve, err := readHostKey(filepath.Join(p.dir, "eve"))
	if err != nil {
		t.Fatal(err)
	}
	for range freeFailures {
		if _, err := gossh.Dial("tcp", p.addr, clientConfig(gossh.PublicKeys(eve))); err == nil {
			t.Fatal("let in")
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for !strings.Contains(p.log.String(), "too many refused keys") {
		if time.Now().After(deadline) {
			t.Fatal("no back-off:", p.log.String())
		}
		_, _ = gossh.Dial("tcp", p.addr, clientConfig(gossh.PublicKeys(eve)))
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	p := start(t, say, func(c *Config) { c.Connections, c.OfOneKey = 3, 3 })
	// A client hears that its key was good before the server counts, but has a
	// session only after that.
	inside := func(c *gossh.Client) error {
		s, err := c.NewSession()
		if err != nil {
			return err
		}
		return s.Close()
	}
	var open []*gossh.Client
	for range 3 {
		c := p.dial(t)
		if err := inside(c); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	enter := func() error {
		c, err := gossh.Dial("tcp", p.addr, clientConfig(gossh.PublicKeys(p.key)))
		if err != nil {
			return err
		}
		defer c.Close()
		return inside(c)
	}
	if err := enter(); err == nil {
		t.Fatal("a fourth was let in")
	}
	_ = open[0].Close()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := enter()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a place that became free is not given away:", err)
		}
	}
}

func TestSessionsOfOneConnectionAreBounded(t *testing.T) {
	p := start(t, func(ctx context.Context, _ *Session) int { <-ctx.Done(); return 0 }, nil)
	c := p.dial(t)
	for i := range maxSessions + 1 {
		s, err := c.NewSession()
		if err != nil {
			if i == maxSessions {
				return
			}
			t.Fatal(err)
		}
		if err := s.Start("wait"); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("one more than allowed")
}

func TestShutdownTellsSessions(t *testing.T) {
	began := make(chan struct{}, 1)
	p := start(t, func(ctx context.Context, _ *Session) int { began <- struct{}{}; <-ctx.Done(); return 0 }, nil)
	c := p.client(t, "ssh", "ann", "127.0.0.1", "wait")
	var out bytes.Buffer
	c.Stderr = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-began
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p.Shutdown(ctx)
	_ = c.Wait()
	if !strings.Contains(out.String(), "the server is stopping") {
		t.Fatalf("%q", out.String())
	}
	if ctx.Err() != nil {
		t.Error("it took until it was cut")
	}
}

// Clients that go away without a word leave nothing behind.
func TestNothingIsLeftBehind(t *testing.T) {
	p := start(t, func(ctx context.Context, s *Session) int { _, _ = io.ReadAll(s.Stdin); <-ctx.Done(); return 0 }, nil)
	before := runtime.NumGoroutine()
	for range 20 {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		c, chans, reqs, err := gossh.NewClientConn(conn, p.addr, clientConfig(gossh.PublicKeys(p.key)))
		if err != nil {
			t.Fatal(err)
		}
		client := gossh.NewClient(c, chans, reqs)
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start("wait"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close() // no goodbye
	}
	deadline := time.Now().Add(10 * time.Second)
	for p.Sessions() > 0 || runtime.NumGoroutine() > before+2 {
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions, %d goroutines of %d", p.Sessions(), runtime.NumGoroutine(), before)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestRefusesWithoutAWayIn(t *testing.T) {
	if _, err := New(Config{Handle: say}); err == nil {
		t.Fatal("started")
	}
}

func TestHostKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "host_key")
	first, made, err := HostKey(path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	if info, _ := os.Stat(path); info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	second, made, err := HostKey(path)
	if err != nil || made || !bytes.Equal(first.PublicKey().Marshal(), second.PublicKey().Marshal()) {
		t.Fatal(made, err)
	}
	if first.PublicKey().Type() != gossh.KeyAlgoED25519 {
		t.Error(first.PublicKey().Type())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := HostKey(path); err == nil {
		t.Error("a key that others can read was taken")
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := HostKey(path); err == nil {
		t.Error("garbage was taken, or replaced")
	}
}
