package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// Versions of the peers, installed for the run and thrown away with it.
const (
	ageModule  = "filippo.io/age/cmd/age@v1.3.2"
	sopsModule = "github.com/getsops/sops/v3/cmd/sops@v3.13.3"
)

const secrets = 3

// bench is a temporary directory with the program and everything it is measured on.
type bench struct {
	dir     string
	out     io.Writer
	env     []string
	tacenda string
	hello   string
	peers   bool
}

func newBench(ctx context.Context, out io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp("", "tacenda-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, out: out}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "LC_ALL=C.UTF-8"}
	b.tacenda, b.hello = filepath.Join(dir, "tacenda"), filepath.Join(dir, "hello")
	main := filepath.Join(dir, "hello.go")
	if err := os.WriteFile(main, []byte("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n"), 0o600); err != nil {
		return nil, err
	}
	for target, source := range map[string]string{b.tacenda: ".", b.hello: main} {
		if err := b.build(ctx, target, source); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// build builds as a release is built.
func (b *bench) build(ctx context.Context, target, source string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", target, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", source, err, out)
	}
	return nil
}

// peer installs a program that others use; without it, its rows are skipped.
func (b *bench) peer(ctx context.Context, module string) (string, bool) {
	if !b.peers {
		return "", false
	}
	name := strings.TrimSuffix(filepath.Base(module), module[strings.Index(module, "@"):])
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-ldflags=-s -w", module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+b.dir, "GOFLAGS=-mod=mod")
	cmd.Dir = b.dir
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(b.out, "%s cannot be had here and is skipped\n", name)
		return "", false
	}
	return filepath.Join(b.dir, name), true
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// do runs the program once, as preparation.
func (b *bench) do(ctx context.Context, stdin string, args ...string) error {
	cmd := exec.CommandContext(ctx, b.tacenda, args...)
	cmd.Env = b.env
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tacenda %s: %w: %s", args[0], err, out)
	}
	return nil
}

// name of the i-th secret.
func name(i int) string { return fmt.Sprintf("SERVICE_%06d_TOKEN", i) }

// vault makes a vault of n secrets that opens with recipient, and with a
// passphrase when it is empty.
func (b *bench) vault(ctx context.Context, file, recipient string, n int) (string, error) {
	path := b.path(file)
	args := []string{"init", "--vault", path}
	unlock := []string{"--identity", b.path("identity")}
	if recipient != "" {
		args = append(args, "--recipient", recipient)
	} else {
		unlock = []string{"--passphrase-file", b.path("passphrase")}
		args = append(args, unlock...)
	}
	if strings.HasPrefix(recipient, "ssh-") {
		unlock = []string{"--identity", b.path("ssh")}
	}
	if err := b.do(ctx, "", args...); err != nil {
		return "", err
	}
	var env strings.Builder
	for i := range n {
		fmt.Fprintf(&env, "%s=sk-live-%040d\n", name(i), i)
	}
	return path, b.do(ctx, env.String(), append([]string{"import", "-", "--format", "env", "--vault", path}, unlock...)...)
}

// identities writes an age identity, an SSH key and a passphrase; it returns
// the recipients of the first two.
func (b *bench) identities(ctx context.Context) (x25519, ssh string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(b.path("identity"), []byte(id.String()+"\n"), 0o600); err != nil {
		return "", "", err
	}
	if err := os.WriteFile(b.path("passphrase"), []byte("correct horse battery staple\n"), 0o600); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(b.path("ssh")); err != nil {
		if ssh, err = newSSHKey(b.path("ssh")); err != nil {
			return "", "", err
		}
	}
	return id.Recipient().String(), ssh, nil
}

// template writes a small template that names three secrets.
func (b *bench) template() (string, error) {
	path := b.path("app.conf.tmpl")
	var t bytes.Buffer
	for i := range secrets {
		fmt.Fprintf(&t, "token_%d = \"{{%s}}\"\n", i, name(i))
	}
	t.WriteString(strings.Repeat("# a line that holds no placeholder\n", 20))
	return path, os.WriteFile(path, t.Bytes(), 0o600)
}

// large writes a template of n kilobytes with a placeholder in each.
func (b *bench) large(n int) (string, error) {
	path := b.path("large.tmpl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		line := fmt.Sprintf("key = {{%s}} ", name(i%secrets))
		fmt.Fprintf(w, "%s%s\n", line, strings.Repeat("x", 1023-len(line)))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	return path, f.Close()
}
