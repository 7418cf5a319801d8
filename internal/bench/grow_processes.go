package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

// measureProcesses starts 1 to 64 processes at once on one vault, and waits for
// the last. Reading ones resolve; changing ones create a secret each, and have
// to wait for each other.
func measureProcesses(ctx context.Context, b *bench, g group) error {
	load := loadAverage()
	x25519, _, err := b.identities()
	if err != nil {
		return err
	}
	vault, err := b.vault(ctx, "processes.db", x25519, 1000)
	if err != nil {
		return err
	}
	template, err := b.template()
	if err != nil {
		return err
	}
	const xs = "processes at once"
	read := newCurve("processes-read", "All have resolved", xs, "resolve", "Go hello world")
	write := newCurve("processes-write", "All have created", xs, "create", "Go hello world")
	created := 0
	for n := 1; n <= 64; n *= 2 {
		size := float64(n)
		hello := func(int) []string { return []string{b.hello} }
		resolve := func(int) []string { return b.resolveFile(vault, "identity", template) }
		create := func(int) []string {
			created++
			return []string{b.tacenda, "--quiet", "--vault", vault, "--identity", b.path("identity"), "create", fmt.Sprintf("NEW_%d", created), "--generate"}
		}
		for range g.rounds {
			for _, m := range []struct {
				c    *curve
				line int
				argv func(int) []string
			}{{read, 0, resolve}, {read, 1, hello}, {write, 0, create}, {write, 1, hello}} {
				if err := m.c.time(m.line, size, func() error { return b.atOnce(ctx, n, m.argv) }); err != nil {
					return fmt.Errorf("%d processes: %w", n, err)
				}
			}
		}
	}
	return b.publishCurves(g, load, []*curve{read, write}, axisCount)
}

// atOnce starts n processes and waits for them all. One that fails fails all.
func (b *bench) atOnce(ctx context.Context, n int, argv func(int) []string) error {
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for i := range n {
		line := argv(i)
		cmd := exec.CommandContext(ctx, line[0], line[1:]...)
		cmd.Env = b.env
		wg.Go(func() {
			var text strings.Builder
			cmd.Stderr = &text
			if err := cmd.Run(); err != nil {
				errs <- fmt.Errorf("%w: %s", err, strings.TrimSpace(text.String()))
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
