package main

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"tacenda/store"
)

// resolveFile is the command line that resolves one file with an identity.
func (b *bench) resolveFile(vault, identity, template string) []string {
	return []string{b.tacenda, "--vault", vault, "--identity", b.path(identity), "--resolve", template}
}

func coldCommands(ctx context.Context, b *bench) ([]command, error) {
	x25519, sshKey, err := b.identities()
	if err != nil {
		return nil, err
	}
	template, err := b.template()
	if err != nil {
		return nil, err
	}
	commands := []command{
		{name: "Go hello world", argv: []string{b.hello}},
		{name: "tacenda version", argv: []string{b.tacenda, "version"}, goal: "reported"},
	}
	for _, v := range []struct {
		name, file, recipient, identity string
		n                               int
		goal                            string
	}{
		{"resolve, ssh-ed25519", "ssh.db", sshKey, "ssh", secrets, "2.25"},
		{"resolve, age X25519", "age.db", x25519, "identity", secrets, "2.25"},
		{"resolve, age X25519, in 100,000 secrets", "large.db", x25519, "identity", 100_000, "row above + 10 %"},
	} {
		path, err := b.vault(ctx, v.file, v.recipient, v.n)
		if err != nil {
			return nil, err
		}
		commands = append(commands, command{name: v.name, argv: b.resolveFile(path, v.identity, template), goal: v.goal})
	}
	unlocked, err := b.unlocked(ctx, sshKey)
	if err != nil {
		return nil, err
	}
	commands = append(commands, command{name: "resolve, through the unlock agent", argv: []string{b.tacenda, "--vault", unlocked, "--resolve", template}, goal: "reported"})
	peers, err := b.coldPeers(ctx, x25519)
	return append(commands, peers...), err
}

// unlocked is a vault behind an unlock agent, which ends with the group.
func (b *bench) unlocked(ctx context.Context, sshKey string) (string, error) {
	path, err := b.vault(ctx, "agent.db", sshKey, secrets)
	if err != nil {
		return "", err
	}
	b.later(func() {
		if err := b.do(context.WithoutCancel(ctx), "", "lock", "--vault", path); err != nil {
			b.skip("locking", err.Error())
		}
	})
	return path, b.do(ctx, "", "unlock", "--vault", path, "--identity", b.path("ssh"))
}

// passphraseCommands compares an unlock by passphrase with a process that does
// nothing but the same Argon2id call.
func passphraseCommands(ctx context.Context, b *bench) ([]command, error) {
	if _, _, err := b.identities(); err != nil {
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
		{name: "Argon2id alone, same parameters", argv: append([]string{bare}, cost...)},
		{
			name: "resolve, passphrase", goal: "1.15",
			argv: []string{b.tacenda, "--vault", vault, "--passphrase-file", b.path("passphrase"), "--resolve", template},
		},
	}, nil
}

// withIdentity is the beginning of a shell line.
func (b *bench) withIdentity(ctx context.Context, file string, n int) (string, error) {
	x25519, _, err := b.identities()
	if err != nil {
		return "", err
	}
	vault, err := b.vault(ctx, file, x25519, n)
	return fmt.Sprintf("%s --vault %s --identity %s", b.tacenda, vault, b.path("identity")), err
}

// templateCommands has the programs that know a template by variables of the
// environment, at a length that all of them can take.
func templateCommands(ctx context.Context, b *bench) ([]command, error) {
	tacenda, err := b.withIdentity(ctx, "age.db", secrets)
	if err != nil {
		return nil, err
	}
	const kilobytes = 16 << 10
	ours, err := b.large("large16.tmpl", "{{%s}}", kilobytes)
	if err != nil {
		return nil, err
	}
	theirs, err := b.large("large16.env", "${%s}", kilobytes)
	if err != nil {
		return nil, err
	}
	commands := []command{
		shell("cat", "cat "+ours+" | cat >/dev/null", ""),
		shell("resolve FILE", tacenda+" resolve "+ours+" | cat >/dev/null", "reported"),
	}
	if envsubst, ok := b.peer(ctx, "envsubst", ""); ok {
		commands = append(commands, shell("envsubst, values in its environment", b.variables()+envsubst+" <"+theirs+" | cat >/dev/null", "slower than resolve"))
	}
	if gomplate, ok := b.peer(ctx, "gomplate", gomplateModule); ok {
		dots, err := b.large("large16.gomplate", "{{.Env.%s}}", kilobytes)
		if err != nil {
			return nil, err
		}
		commands = append(commands, shell("gomplate, values in its environment", b.variables()+gomplate+" -f "+dots+" | cat >/dev/null", "slower than resolve"))
	}
	return commands, nil
}

func streamCommands(ctx context.Context, b *bench) ([]command, error) {
	tacenda, err := b.withIdentity(ctx, "age.db", secrets)
	if err != nil {
		return nil, err
	}
	large, err := b.large("large.tmpl", "{{%s}}", 1<<20)
	if err != nil {
		return nil, err
	}
	return []command{
		shell("cat FILE", "cat "+large+" | cat >/dev/null", ""),
		shell("resolve FILE", tacenda+" resolve "+large+" | cat >/dev/null", "1.6, in 16 MiB"),
		shell("cat FILE, into resolve -", "cat "+large+" | "+tacenda+" resolve - | cat >/dev/null", "spooled; reported"),
	}, nil
}

// redactCommands mask a log for projects of three sizes.
func redactCommands(ctx context.Context, b *bench) ([]command, error) {
	log, err := b.log(1 << 14)
	if err != nil {
		return nil, err
	}
	commands := []command{shell("cat FILE", "cat "+log+" | cat >/dev/null", "")}
	for _, n := range []int{1, 100, 10_000} {
		tacenda, err := b.withIdentity(ctx, fmt.Sprintf("redact%d.db", n), n)
		if err != nil {
			return nil, err
		}
		commands = append(commands, shell(fmt.Sprintf("redact FILE, %d secrets", n), tacenda+" redact "+log+" | cat >/dev/null", "reported"))
	}
	return commands, nil
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
