package agent_test

import (
	"fmt"
	"strings"
	"testing"

	"tacenda/internal/agent"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

// BenchmarkResolve is what a resolve of one placeholder asks of an agent: a
// connection, an introduction, a value.
func BenchmarkResolve(b *testing.B) {
	v := vaulttest.New(b)
	if _, err := v.CreateSecret(b.Context(), vaulttest.Project, draftOf(b, "API_KEY", "sk-proj-0123456789abcdef")); err != nil {
		b.Fatal(err)
	}
	r := serve(b, v, nil)
	for b.Loop() {
		c, err := agent.Dial(b.Context(), r.config.Socket, agent.Options{Path: r.config.Path})
		if err != nil {
			b.Fatal(err)
		}
		x, err := c.Values(b.Context(), vaulttest.Project, []string{"API_KEY"})
		if err != nil {
			b.Fatal(err)
		}
		if err := x.Use("API_KEY", func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
		x.Close()
		c.Close()
	}
}

// BenchmarkValues is a thousand values, which come in batches.
func BenchmarkValues(b *testing.B) {
	v := vaulttest.New(b)
	names := make([]string, 1000)
	drafts := make([]vault.Draft, len(names))
	for i := range names {
		names[i] = fmt.Sprintf("N%d", i)
		drafts[i] = draftOf(b, names[i], strings.Repeat("x", 200))
	}
	if _, err := v.ImportSecrets(b.Context(), vaulttest.Project, drafts, vault.ImportStrict); err != nil {
		b.Fatal(err)
	}
	c := serve(b, v, nil).dial(b)
	for b.Loop() {
		x, err := c.Values(b.Context(), vaulttest.Project, names)
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			if err := x.Use(name, func([]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		x.Close()
	}
}
