package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
)

// name of the i-th secret.
func name(i int) string { return fmt.Sprintf("SERVICE_%06d_TOKEN", i) }

// vault makes a vault of n secrets that opens with recipient, and with a
// passphrase when it is empty.
func (b *bench) vault(ctx context.Context, file, recipient string, n int) (string, error) {
	path := b.path(file)
	if _, err := os.Stat(path); err == nil { // another group made it
		return path, nil
	}
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
		fmt.Fprintf(&env, "%s=%s\n", name(i), value(i))
	}
	return path, b.do(ctx, env.String(), append([]string{"import", "-", "--format", "env", "--vault", path}, unlock...)...)
}

// identities writes an age identity, an SSH key and a passphrase, once; it
// returns the recipients of the first two.
func (b *bench) identities() (x25519, ssh string, err error) {
	if known, err := os.ReadFile(b.path("recipients")); err == nil {
		x25519, ssh, _ = strings.Cut(string(known), "\n")
		return x25519, ssh, nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	if ssh, err = newSSHKey(b.path("ssh")); err != nil {
		return "", "", err
	}
	x25519 = id.Recipient().String()
	for name, text := range map[string]string{
		"identity": id.String() + "\n", "passphrase": "correct horse battery staple\n", "recipients": x25519 + "\n" + ssh,
	} {
		if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
			return "", "", err
		}
	}
	return x25519, ssh, nil
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

// value is what the i-th secret holds.
func value(i int) string { return fmt.Sprintf("sk-live-%040d", i) }

// log writes n times 64 KiB of lines as servers write them, a value in each.
func (b *bench) log(n int) (string, error) {
	path := b.path("server.log")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var lines bytes.Buffer
	for i := 0; lines.Len() < 64<<10-100; i++ {
		fmt.Fprintf(&lines, `2026-03-%02dT12:%02d:%02d.%03dZ INFO request id=%08x method=GET path="/v1/items/%d?page=%d" status=200 bytes=%d`+"\n",
			i%28+1, i%60, i*7%60, i%1000, uint32(i)*2654435761, i*31%9973, i%17, i*397%65536)
	}
	for i := range n {
		if _, err := fmt.Fprintf(f, "%sauthorization: Bearer %s\n", lines.Bytes(), value(i%secrets)); err != nil {
			return "", err
		}
	}
	return path, f.Close()
}

// large writes a template of n kilobytes with a placeholder in each, in the
// form that its reader knows.
func (b *bench) large(file, placeholder string, n int) (string, error) {
	path := b.path(file)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		w.Write(kilobyte(placeholder, i)) //nolint:errcheck // Flush tells
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	return path, f.Close()
}

// kilobyte is one line of a template, 1,024 bytes long.
func kilobyte(placeholder string, i int) []byte {
	line := "key = " + fmt.Sprintf(placeholder, name(i%secrets)) + " "
	return []byte(line + strings.Repeat("x", 1023-len(line)) + "\n")
}

// newSSHKey writes an ed25519 key without a passphrase and returns its public line.
func newSSHKey(path string) (string, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "bench")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}
