//go:build unix

package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// A testBastion is a server in this process, with a vault that its owner has
// open as well. Each member's name says what they were granted in the projects
// own and copy; the project other is granted to nobody, not even to the server.
type testBastion struct {
	t     *testing.T
	dir   string
	addr  string
	owner *vault.Vault
	log   *serverSays
	stop  func() error
	keys  map[string]gossh.Signer
}

// testGrants are what each member was granted.
var testGrants = []struct {
	member     string
	words      string // in own and copy; none for nothing
	serverOnly bool
}{
	{"bastion", "secrets:use secrets:manage", false}, // the server itself
	{"none", "", false},
	{"read", "secrets:read", false},
	{"use", "secrets:use", false},
	{"manage", "secrets:manage", false},
	{"all", "secrets:use secrets:manage", false},
	{"far-manage", "secrets:manage", true},
	{"far-all", "secrets:use secrets:manage", true},
}

// serverSays collects what a server writes to standard error.
type serverSays struct {
	mu        sync.Mutex
	text      bytes.Buffer
	listening chan string
}

func (s *serverSays) read(r io.Reader) {
	dec := json.NewDecoder(io.TeeReader(r, s))
	for {
		var line struct{ Msg, Address string }
		if dec.Decode(&line) != nil {
			return
		}
		if line.Msg == "listening" {
			s.listening <- line.Address
		}
	}
}

func (s *serverSays) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *serverSays) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// newSSHKey makes a key and its files.
func newSSHKey(path string) (gossh.Signer, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	block, err := gossh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	signer, err := gossh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	public := gossh.MarshalAuthorizedKey(signer.PublicKey())
	return signer, errors.Join(os.WriteFile(path, pem.EncodeToMemory(block), 0o600), os.WriteFile(path+".pub", public, 0o600))
}

func appFor(dir string, stderr *os.File) *app {
	a := &app{
		sys: System{Getenv: func(name string) string { return map[string]string{"HOME": dir}[name] }, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: stderr},
		out: &stream{file: os.Stdout}, err: &stream{file: stderr}, seams: seams{cheapKDF: true}, local: &localSettings{}, asks: new(bool), unattended: true,
	}
	a.globals.vault, a.globals.vaultFrom = filepath.Join(dir, "vault.db"), "--vault"
	a.globals.lockTimeout, a.globals.quiet = defaultLockTimeout, true
	return a
}

// startBastion makes the vault and serves it.
func startBastion(t *testing.T, change func(*serveFlags)) *testBastion {
	t.Helper()
	b := &testBastion{t: t, dir: t.TempDir(), keys: map[string]gossh.Signer{}}
	if err := os.Chmod(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.makeVault()
	b.serve(change)
	return b
}

func (b *testBastion) makeVault() {
	t, ctx := b.t, b.t.Context()
	t.Helper()
	need := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a := appFor(b.dir, os.Stderr)
	at, err := a.vaultPlace()
	need(err)
	newKey := func(name string) {
		t.Helper()
		b.keys[name], err = newSSHKey(filepath.Join(b.dir, name))
		need(err)
	}
	newKey("owner")
	newKey("eve")
	b.owner, err = a.createVault(ctx, at, nil, []string{publicLine(b.keys["owner"])}, "own")
	need(err)
	t.Cleanup(b.owner.Close)
	need(b.owner.CreateProject(ctx, "copy"))
	need(b.owner.CreateProject(ctx, "other"))
	for _, p := range []string{"own", "copy", "other"} {
		b.create(p, "A", "value-of-A-0123456789")
	}
	for _, g := range testGrants {
		newKey(g.member)
		_, err := b.owner.AddMember(ctx, g.member, publicLine(b.keys[g.member]))
		need(err)
		if g.words == "" {
			continue
		}
		may, err := vault.ParsePermission(strings.Fields(g.words))
		need(err)
		for _, p := range []string{"own", "copy"} {
			_, err := b.owner.Grant(ctx, g.member, p, may, g.serverOnly, nil)
			need(err)
		}
	}
}

func publicLine(key gossh.Signer) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key.PublicKey())))
}

func (b *testBastion) create(project, name, value string) {
	b.t.Helper()
	held, err := secret.Move([]byte(value))
	if err != nil {
		b.t.Fatal(err)
	}
	defer held.Destroy()
	if _, err := b.owner.CreateSecret(b.t.Context(), project, vault.Draft{Name: name, Value: held}); err != nil {
		b.t.Fatal(err)
	}
}

// serve starts the server; stop ends it as a signal does.
func (b *testBastion) serve(change func(*serveFlags)) {
	t := b.t
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b.log = &serverSays{listening: make(chan string, 1)}
	f := serveFlags{listen: "127.0.0.1:0", idle: time.Minute, max: time.Hour}
	if change != nil {
		change(&f)
	}
	a := appFor(b.dir, w)
	a.globals.identities = []string{filepath.Join(b.dir, "bastion")}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- a.serve(ctx, f)
		_ = w.Close()
	}()
	go b.log.read(r)
	b.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		_ = r.Close()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Errorf("the server ended with %v: %s", err, b.log)
		}
	})
	select {
	case b.addr = <-b.log.listening:
	case err := <-ended:
		ended <- err
		t.Fatalf("the server did not start: %v", err)
	}
}

// dial comes in with somebody's key.
func (b *testBastion) dial(who string) *gossh.Client {
	b.t.Helper()
	c, err := gossh.Dial("tcp", b.addr, &gossh.ClientConfig{
		User: "x", Auth: []gossh.AuthMethod{gossh.PublicKeys(b.keys[who])}, Timeout: 20 * time.Second,
		HostKeyCallback: gossh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		b.t.Fatalf("%s: %v", who, err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// An answer is what came of a command.
type answer struct {
	code     int
	out, err string
}

// ask runs a command in a session of its own.
func ask(t *testing.T, c *gossh.Client, command, stdin string, prepare ...func(*gossh.Session)) answer {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, f := range prepare {
		f(s)
	}
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &out, &errs
	err = s.Run(command)
	var exit *gossh.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		return answer{exit.ExitStatus(), out.String(), errs.String()}
	default:
		t.Fatalf("%q: %v", command, err)
	}
	return answer{0, out.String(), errs.String()}
}

// offered is a command that the server may run for somebody. N is a number of
// its own in each line.
type offered struct {
	line  string
	needs string // of permissions: "read", "use", "manage", "both"; "" for nothing
	code  exitCode
	stdin string
}

var offeredCommands = []offered{
	{"list -p P", "read", exitDone, ""},
	{"list -p P --json", "read", exitDone, ""},
	{"list --names 'A*' -p P", "read", exitDone, ""},
	{"show A -p P", "read", exitDone, ""},
	{"show NOPE -p P", "read", exitNotFound, ""},
	{"refs A -p P", "read", exitDone, ""},
	{"check - -p P", "read", exitFindings, "{{NOPE}}"},
	{"audit -p P", "read", exitDone, ""},
	{"audit --head -p P", "read", exitDone, ""},
	{"audit --verify -p P", "read", exitDone, ""},
	{"tool list -p P", "read", exitDone, ""},
	{"call t -p P --dry-run", "read", exitDone, ""},
	{"call t -p P", "use", exitFailure, ""}, // 127.0.0.1 is no public address
	{"call nope -p P", "read", exitNotFound, ""},
	{"resolve - -p P", "use", exitDone, "key={{A}}"},
	{"resolve -e '{{NOPE}}' -p P", "use", exitUnresolved, ""},
	{"resolve - --preview -p P", "read", exitDone, "key={{A}}"},
	{"redact - -p P", "use", exitDone, "value-of-A-0123456789"},
	{"create NEW_N -p P --value-file -", "manage", exitDone, "new-value"},
	{"create NEW_N -p P --value-file -", "manage", exitExists, "new-value"}, // each again
	{"edit A -p P -d about-N", "manage", exitDone, ""},
	{"create SAFE_N -p P --generate --llm-safe", "both", exitDone, ""},
	{"edit B -p P --allow-host xn.example.com", "both", exitDone, ""},
	{"clone A --to copy --overwrite -p P", "manage", exitDone, ""},
	{"delete OLD_N -p P --yes", "manage", exitDone, ""},
	{"delete A -p P", "manage", exitUsage, ""}, // nobody is asked
	{"project list", "", exitDone, ""},
	{"version", "", exitDone, ""},
	{"help list", "", exitDone, ""},
	{"tacenda version", "", exitDone, ""},
}

// mayDo tells whether a member's name is that of somebody who may.
func mayDo(member, needs string) bool {
	name := strings.TrimPrefix(member, "far-")
	switch needs {
	case "":
		return true
	case "read":
		return name != "none"
	case "both":
		return name == "all"
	}
	return name == "all" || name == needs
}

// TestServePermissions tries every command with every set of permissions, in the
// member's own project and in one that does not exist for them.
func TestServePermissions(t *testing.T) {
	b := startBastion(t, nil)
	for _, p := range []string{"own", "copy"} {
		tool := "method: GET\nurl: http://127.0.0.1:9/\nallow_plain: true\nheaders: {X-Key: \"{{A}}\"}\n"
		if _, err := b.owner.SetText(t.Context(), p, vault.Tool, "t", tool, 0); err != nil {
			t.Fatal(err)
		}
	}
	b.create("own", "B", "value-of-B-0123456789")
	for n, g := range testGrants[1:] {
		c := b.dial(g.member)
		b.create("own", "OLD_"+string(rune('A'+n)), "old")
		for _, o := range offeredCommands {
			each := string(rune('A' + n))
			line := strings.NewReplacer("_N", "_"+each, "xn.", strings.ToLower(each)+".").Replace(o.line)
			for _, project := range []string{"own", "other"} {
				want, says := o.code, ""
				switch {
				case o.needs == "":
				case project == "other" || g.words == "":
					want, says = exitNotFound, "tacenda: project "+project+": not found\n"
				case !mayDo(g.member, o.needs):
					want, says = exitDenied, "permission denied: project own needs secrets:"
				}
				got := ask(t, c, strings.ReplaceAll(line, "-p P", "-p "+project), o.stdin)
				usage := o.code == exitUsage && got.code == int(exitUsage) // before the vault is asked
				if got.code != int(want) && !usage || !usage && !strings.Contains(got.err, says) {
					t.Errorf("%s: %s in %s: exit %d, want %d: %s%s", g.member, line, project, got.code, want, got.out, got.err)
				}
				if strings.Contains(got.out, "value-of-A") && (o.needs != "use" || !mayDo(g.member, "use") || project != "own") {
					t.Errorf("%s: %s shows the value", g.member, line)
				}
			}
		}
		if got := ask(t, c, "list -p own -q --json", ""); g.words != "" && !json.Valid([]byte(got.out)) {
			t.Errorf("%s: no JSON: %q", g.member, got.out)
		}
	}
	c := b.dial("owner")
	if got := ask(t, c, "list -p other", ""); got.code != 0 && got.code != int(exitNotFound) {
		t.Errorf("an owner, where the server has no key: %+v", got)
	}
	if got := ask(t, c, "resolve -e '{{A}}' -p own", ""); got.code != 0 || got.out != "value-of-A-0123456789" {
		t.Errorf("an owner: %+v", got)
	}
}
