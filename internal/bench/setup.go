package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Versions of the peers, installed for the run and thrown away with it.
const (
	ageModule      = "filippo.io/age/cmd/age@v1.3.2"
	sopsModule     = "github.com/getsops/sops/v3/cmd/sops@v3.13.3"
	gomplateModule = "github.com/hairyhenderson/gomplate/v4/cmd/gomplate@v4.3.3"
)

const secrets = 3

// bench is a temporary directory with the program and everything it is measured on.
type bench struct {
	options options
	dir     string
	out     io.Writer
	env     []string
	tacenda string
	hello   string
	ends    []func() // what was started for a group
}

func newBench(ctx context.Context, out io.Writer, o options) (b *bench, err error) {
	dir, err := os.MkdirTemp("", "tacenda-bench-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	b = &bench{options: o, dir: dir, out: out}
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"),
		"LC_ALL=C.UTF-8", "TERM=xterm-256color", "GNUPGHOME=" + filepath.Join(dir, "gpg"), "PASSWORD_STORE_DIR=" + filepath.Join(dir, "pass"),
		"QT_QPA_PLATFORM=offscreen",
	}
	b.tacenda, b.hello = filepath.Join(dir, "tacenda"), filepath.Join(dir, "hello")
	for _, name := range []string{"run", "gpg"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
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

// later keeps what ends something that was started for a group.
func (b *bench) later(end func()) { b.ends = append(b.ends, end) }

// end ends what was started, the last first.
func (b *bench) end() {
	for len(b.ends) > 0 {
		last := b.ends[len(b.ends)-1]
		b.ends = b.ends[:len(b.ends)-1]
		last()
	}
}

func (b *bench) close() error {
	b.end()
	return os.RemoveAll(b.dir)
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

// peer finds a program that others use, or installs it if it is a module and
// -peers was given. Without it, its rows are skipped by name.
func (b *bench) peer(ctx context.Context, name, module string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	path := filepath.Join(b.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, true
	}
	if module == "" || !b.options.peers {
		b.skip(name, "not installed")
		return "", false
	}
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-ldflags=-s -w", module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+b.dir, "GOFLAGS=-mod=mod")
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		b.skip(name, lines[len(lines)-1])
		return "", false
	}
	return path, true
}

// skip says which rows are missing, and why.
func (b *bench) skip(name, why string) { fmt.Fprintf(b.out, "%s is skipped: %s\n", name, why) }

// tool runs another program once, as preparation.
func (b *bench) tool(ctx context.Context, stdin string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = b.env
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, bytes.TrimSpace(out))
	}
	return nil
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// do runs the program once, as preparation.
func (b *bench) do(ctx context.Context, stdin string, args ...string) error {
	return b.tool(ctx, stdin, append([]string{b.tacenda}, args...)...)
}
