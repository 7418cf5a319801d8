package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// variables sets the three secrets for one command of a shell.
func (b *bench) variables() string {
	var s strings.Builder
	for i := range secrets {
		fmt.Fprintf(&s, "%s=%s ", name(i), value(i))
	}
	return s.String()
}

// coldPeers do the same work: three values into a template. Where a program
// only decrypts, or only fills in, its row says so. One that cannot be set up
// is skipped by name.
func (b *bench) coldPeers(ctx context.Context, recipient string) ([]command, error) {
	plain := b.path("plain.json")
	var fields []string
	for i := range secrets {
		fields = append(fields, fmt.Sprintf("%q:%q", name(i), value(i)))
	}
	if err := os.WriteFile(plain, []byte("{"+strings.Join(fields, ",")+"}"), 0o600); err != nil {
		return nil, err
	}
	var t strings.Builder
	for i := range secrets {
		fmt.Fprintf(&t, "token_%d = \"${%s}\"\n", i, name(i))
	}
	template := b.path("app.conf.env")
	if err := os.WriteFile(template, []byte(t.String()+strings.Repeat("# a line that holds no placeholder\n", 20)), 0o600); err != nil {
		return nil, err
	}
	envsubst, haveEnvsubst := b.peer(ctx, "envsubst", "")
	if !haveEnvsubst {
		envsubst = "cat"
	}
	var out []command
	for _, p := range []struct {
		name  string
		setUp func(context.Context, coldSetup) ([]command, error)
	}{
		{"age", b.agePeer}, {"sops", b.sopsPeer}, {"gpg and pass", b.passPeer}, {"keepassxc-cli", b.keepassPeer}, {"gomplate", b.gomplatePeer},
	} {
		commands, err := p.setUp(ctx, coldSetup{recipient: recipient, plain: plain, template: template, envsubst: envsubst})
		if err != nil {
			b.skip(p.name, err.Error())
			continue
		}
		out = append(out, commands...)
	}
	if haveEnvsubst {
		out = append(out, shell("envsubst, values in its environment", b.variables()+"exec "+envsubst+" <"+template, "reported"))
	}
	return out, nil
}

// coldSetup is what a peer is set up with.
type coldSetup struct {
	recipient string // age1…
	plain     string // a JSON file of the three values
	template  string // a template of ${NAME}
	envsubst  string
}

func (b *bench) agePeer(ctx context.Context, s coldSetup) ([]command, error) {
	age, ok := b.peer(ctx, "age", ageModule)
	if !ok {
		return nil, nil
	}
	sealed := b.path("plain.age")
	err := b.tool(ctx, "", age, "-r", s.recipient, "-o", sealed, s.plain)
	return []command{{name: "age -d, one file", argv: []string{age, "-d", "-i", b.path("identity"), sealed}, goal: "slower than resolve"}}, err
}

func (b *bench) sopsPeer(ctx context.Context, s coldSetup) ([]command, error) {
	sops, ok := b.peer(ctx, "sops", sopsModule)
	if !ok {
		return nil, nil
	}
	b.env = append(b.env, "SOPS_AGE_KEY_FILE="+b.path("identity"))
	sealed := b.path("sops.json")
	err := b.tool(ctx, "", sops, "encrypt", "--age", s.recipient, "--output", sealed, s.plain)
	return []command{
		{name: "sops decrypt, three values", argv: []string{sops, "decrypt", sealed}, goal: "5 x resolve"},
		{name: "sops exec-env, envsubst", argv: []string{sops, "exec-env", sealed, s.envsubst + " <" + s.template}, goal: "5 x resolve"},
	}, err
}

// passPeer has a key without a passphrase, so that nobody is asked, and an
// agent of its own that is warm.
func (b *bench) passPeer(ctx context.Context, s coldSetup) ([]command, error) {
	gpg, ok := b.peer(ctx, "gpg", "")
	if !ok {
		return nil, nil
	}
	b.later(func() { // nothing is left to do where it fails
		_ = b.tool(context.WithoutCancel(ctx), "", "gpgconf", "--kill", "gpg-agent")
	})
	const user = "bench@localhost"
	if err := b.tool(ctx, "", gpg, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", user, "future-default", "default", "never"); err != nil {
		return nil, err
	}
	sealed := b.path("plain.gpg")
	if err := b.tool(ctx, "", gpg, "--batch", "--quiet", "--trust-model", "always", "-r", user, "-o", sealed, "-e", s.plain); err != nil {
		return nil, err
	}
	out := []command{{name: "gpg -d, one file, agent warm", argv: []string{gpg, "--batch", "--quiet", "-d", sealed}, goal: "slower than resolve"}}
	pass, ok := b.peer(ctx, "pass", "")
	if !ok {
		return out, nil
	}
	if err := b.tool(ctx, "", pass, "init", user); err != nil {
		return out, err
	}
	var line strings.Builder
	for i := range secrets {
		if err := b.tool(ctx, value(i)+"\n", pass, "insert", "--multiline", name(i)); err != nil {
			return out, err
		}
		line.WriteString(fmt.Sprintf("%s=$(%s show %s) ", name(i), pass, name(i)))
	}
	return append(out,
		command{name: "pass show, one value", argv: []string{pass, "show", name(0)}, goal: "reported"},
		shell("pass show three times, envsubst", line.String()+s.envsubst+" <"+s.template, "5 x resolve")), nil
}

// keepassPeer has the cheapest key derivation that it offers, 100 ms, and a key
// file instead of a password.
func (b *bench) keepassPeer(ctx context.Context, s coldSetup) ([]command, error) {
	keepass, ok := b.peer(ctx, "keepassxc-cli", "")
	if !ok {
		return nil, nil
	}
	db, key := b.path("keepass.kdbx"), b.path("keepass.key")
	if _, err := os.Stat(db); err != nil {
		if err := b.tool(ctx, "", keepass, "db-create", "--quiet", "--set-key-file", key, "-t", "100", db); err != nil {
			return nil, err
		}
	}
	var line strings.Builder
	for i := range secrets {
		if err := b.tool(ctx, value(i)+"\n", keepass, "add", "--quiet", "--no-password", "-k", key, "-p", db, name(i)); err != nil {
			return nil, err
		}
		line.WriteString(fmt.Sprintf("%s=$(%s show -q --no-password -k %s -s -a Password %s %s) ", name(i), keepass, key, db, name(i)))
	}
	return []command{shell("keepassxc-cli three times, envsubst", line.String()+s.envsubst+" <"+s.template, "5 x resolve")}, nil
}

func (b *bench) gomplatePeer(ctx context.Context, _ coldSetup) ([]command, error) {
	gomplate, ok := b.peer(ctx, "gomplate", gomplateModule)
	if !ok {
		return nil, nil
	}
	template := b.path("app.conf.gomplate")
	var t strings.Builder
	for i := range secrets {
		fmt.Fprintf(&t, "token_%d = \"{{.Env.%s}}\"\n", i, name(i))
	}
	err := os.WriteFile(template, []byte(t.String()), 0o600)
	return []command{shell("gomplate, values in its environment", b.variables()+"exec "+gomplate+" -f "+template, "reported")}, err
}

// found is a program of the system that lies outside of PATH for most, too.
func found(name string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	path := filepath.Join("/usr/sbin", name)
	_, err := os.Stat(path)
	return path, err == nil
}
