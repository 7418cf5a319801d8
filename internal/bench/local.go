package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// runCommands compares a command with the same one under run.
func runCommands(ctx context.Context, b *bench) ([]command, error) {
	_, sshKey, err := b.identities()
	if err != nil {
		return nil, err
	}
	vault, err := b.vault(ctx, "ssh.db", sshKey, secrets)
	if err != nil {
		return nil, err
	}
	under := func(options ...string) []string {
		argv := append([]string{b.tacenda, "--quiet", "--vault", vault, "--identity", b.path("ssh"), "run"}, options...)
		return append(argv, "--", "true")
	}
	commands := []command{
		{name: "true", argv: []string{"true"}},
		{name: "Go hello world", argv: []string{b.hello}},
		{name: "run -- true", argv: under(), goal: "reported"},
		{name: "run --no-mask -- true", argv: under("--no-mask"), goal: "reported"},
	}
	peers, err := b.runPeers(ctx)
	return append(commands, peers...), err
}

// runPeers is sops, which gives a command variables as well.
func (b *bench) runPeers(ctx context.Context) ([]command, error) {
	x25519, _, err := b.identities()
	if err != nil {
		return nil, err
	}
	plain := b.path("plain.json")
	if err := os.WriteFile(plain, fmt.Appendf(nil, "{%q:%q,%q:%q,%q:%q}", name(0), value(0), name(1), value(1), name(2), value(2)), 0o600); err != nil {
		return nil, err
	}
	commands, err := b.sopsPeer(ctx, coldSetup{recipient: x25519, plain: plain})
	if err != nil || len(commands) == 0 {
		return nil, err
	}
	sops := commands[0].argv[0]
	return []command{{name: "sops exec-env FILE true", argv: []string{sops, "exec-env", b.path("sops.json"), "true"}, goal: "slower than run"}}, nil
}

// callCommands compares a tool's request with curl's, which has the value on
// its command line.
func callCommands(ctx context.Context, b *bench) ([]command, error) {
	address, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	url := "http://" + address + "/v1/items"
	definition := b.path("tool.yaml")
	text := fmt.Sprintf("url: %s\nheaders: {Authorization: \"Bearer {{%s}}\"}\n", url, name(0))
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		return nil, err
	}
	var commands []command
	if curl, ok := b.peer(ctx, "curl", ""); ok {
		commands = append(commands, command{name: "curl", argv: []string{curl, "-s", "-H", "Authorization: Bearer " + value(0), url}})
	}
	_, sshKey, err := b.identities()
	if err != nil {
		return nil, err
	}
	for _, n := range []int{1, 100, 1000, 10_000} {
		vault, err := b.vault(ctx, fmt.Sprintf("call%d.db", n), sshKey, n)
		if err != nil {
			return nil, err
		}
		at := []string{"--quiet", "--vault", vault, "--identity", b.path("ssh")}
		if err := b.do(ctx, "", append(at, "tool", "set", "items", "-f", definition)...); err != nil {
			return nil, err
		}
		argv := append([]string{b.tacenda}, append(at, "call", "items")...)
		commands = append(commands, command{name: fmt.Sprintf("call, %d secrets", n), argv: argv, goal: "reported"})
	}
	return commands, nil
}

// api serves a short answer on 127.0.0.1, to whoever sends the first secret.
func (b *bench) api(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+value(0) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"items":[1,2,3]}`+"\n") // whoever does not read it fails by itself
	})}
	go server.Serve(l) //nolint:errcheck // it ends by being closed
	b.later(func() { _ = server.Close() })
	return l.Addr().String(), nil
}
