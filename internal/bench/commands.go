package main

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/ssh"

	"tacenda/store"
)

func coldCommands(ctx context.Context, b *bench) ([]command, error) {
	x25519, sshKey, err := b.identities(ctx)
	if err != nil {
		return nil, err
	}
	template, err := b.template()
	if err != nil {
		return nil, err
	}
	resolve := func(vault, identity string) []string {
		return []string{b.tacenda, "--vault", vault, "--identity", b.path(identity), "--resolve", template}
	}
	commands := []command{{"go hello world", []string{b.hello}, ""}}
	for _, v := range []struct {
		name, file, recipient, identity string
		n                               int
		goal                            string
	}{
		{"resolve, ssh-ed25519, 3 secrets", "ssh.db", sshKey, "ssh", secrets, "2.25"},
		{"resolve, age X25519, 3 secrets", "age.db", x25519, "identity", secrets, "2.25"},
		{"resolve, age X25519, 100,000", "large.db", x25519, "identity", 100_000, "row above + 10 %"},
	} {
		path, err := b.vault(ctx, v.file, v.recipient, v.n)
		if err != nil {
			return nil, err
		}
		commands = append(commands, command{v.name, resolve(path, v.identity), v.goal})
	}
	return append(commands, b.coldPeers(ctx, x25519)...), nil
}

// coldPeers decrypt one file each; sops holds the same three secrets.
func (b *bench) coldPeers(ctx context.Context, recipient string) []command {
	var out []command
	plain := b.path("plain.json")
	if err := os.WriteFile(plain, []byte(`{"A":"sk-live-1","B":"sk-live-2","C":"sk-live-3"}`), 0o600); err != nil {
		return nil
	}
	if age, ok := b.peer(ctx, ageModule); ok {
		sealed := b.path("plain.age")
		if exec.CommandContext(ctx, age, "-r", recipient, "-o", sealed, plain).Run() == nil {
			out = append(out, command{"age -d, one file", []string{age, "-d", "-i", b.path("identity"), sealed}, "slower than resolve"})
		}
	}
	if sops, ok := b.peer(ctx, sopsModule); ok {
		b.env = append(b.env, "SOPS_AGE_KEY_FILE="+b.path("identity"))
		sealed := b.path("sops.json")
		cmd := exec.CommandContext(ctx, sops, "encrypt", "--age", recipient, "--output", sealed, plain)
		cmd.Env = b.env
		if cmd.Run() == nil {
			out = append(out, command{"sops decrypt, three values", []string{sops, "decrypt", sealed}, "5 x resolve"})
		}
	}
	return out
}

// passphraseCommands compares an unlock by passphrase with a process that does
// nothing but the same Argon2id call.
func passphraseCommands(ctx context.Context, b *bench) ([]command, error) {
	if _, _, err := b.identities(ctx); err != nil {
		return nil, err
	}
	template, err := b.template()
	if err != nil {
		return nil, err
	}
	vault, err := b.vault(ctx, "passphrase.db", "", secrets)
	if err != nil {
		return nil, err
	}
	cost, err := b.cost(ctx, vault)
	if err != nil {
		return nil, err
	}
	bare := b.path("argon2id")
	if err := b.build(ctx, bare, "./internal/bench/argon2id"); err != nil {
		return nil, err
	}
	return []command{
		{"bare Argon2id, same parameters", append([]string{bare}, cost...), ""},
		{"resolve, passphrase, 3 secrets", []string{b.tacenda, "--vault", vault, "--passphrase-file", b.path("passphrase"), "--resolve", template}, "1.15"},
	}, nil
}

func streamCommands(ctx context.Context, b *bench) ([]command, error) {
	x25519, _, err := b.identities(ctx)
	if err != nil {
		return nil, err
	}
	vault, err := b.vault(ctx, "stream.db", x25519, secrets)
	if err != nil {
		return nil, err
	}
	large, err := b.large(1 << 20)
	if err != nil {
		return nil, err
	}
	tacenda := fmt.Sprintf("%s --vault %s --identity %s", b.tacenda, vault, b.path("identity"))
	shell := func(line string) []string { return []string{"sh", "-c", line} }
	return []command{
		{"cat FILE | cat", shell("cat " + large + " | cat >/dev/null"), ""},
		{"resolve FILE | cat", shell(tacenda + " resolve " + large + " | cat >/dev/null"), "1.6, in 16 MiB"},
		{"cat FILE | resolve - | cat", shell("cat " + large + " | " + tacenda + " resolve - | cat >/dev/null"), "spooled; reported"},
	}, nil
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

// cost reads the parameters of the vault's passphrase slot.
func (b *bench) cost(ctx context.Context, vault string) ([]string, error) {
	e, err := store.OpenBolt(vault, store.BoltOptions{})
	if err != nil {
		return nil, err
	}
	var out []string
	err = e.View(ctx, func(tx store.Tx) error {
		return tx.Range([]byte{0x02}, func(_, record []byte) error { // slots: docs/format.md
			var slot struct {
				Passes uint32 `cbor:"7,keyasint"`
				KiB    uint32 `cbor:"8,keyasint"`
				Lanes  uint32 `cbor:"9,keyasint"`
			}
			if err := cbor.Unmarshal(record, &slot); err != nil {
				return err
			}
			out = []string{fmt.Sprint(slot.Passes), fmt.Sprint(slot.KiB), fmt.Sprint(slot.Lanes)}
			return nil
		})
	})
	return out, err
}
