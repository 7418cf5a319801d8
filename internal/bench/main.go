// Command bench measures the program as its users meet it: whole processes, in
// turn with what they would take instead, as ratios. It needs only Go; a peer
// that cannot be had is skipped by name.
//
//	go run ./internal/bench                          all groups
//	go run ./internal/bench -group cold -rounds 100
//	go run ./internal/bench -group cold -peers       with age and sops, which take minutes to build
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// A group is measured in one run, its commands in turn. Ratios are to the first.
type group struct {
	name     string
	about    string
	rounds   int
	commands func(context.Context, *bench) ([]command, error)
}

// A command is one process, or one shell line.
type command struct {
	name string
	argv []string
	goal string // what the issue tracker asks for, as a ratio to the first
}

func groups() []group {
	return []group{
		{"cold", "headless resolve of three secrets, from exec to exit", 60, coldCommands},
		{"passphrase", "headless resolve with a passphrase", 9, passphraseCommands},
		{"stream", "a template of 1 GiB, a placeholder in each kilobyte, into a pipe", 5, streamCommands},
	}
}

func main() {
	only := flag.String("group", "", "measure this group alone")
	rounds := flag.Int("rounds", 0, "rounds, instead of the group's own number")
	peers := flag.Bool("peers", false, "install other programs and measure them too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *only, *rounds, *peers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, only string, rounds int, peers bool) (err error) {
	b, err := newBench(ctx, out)
	if err != nil {
		return err
	}
	b.peers = peers
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	found := false
	for _, g := range groups() {
		if only != "" && only != g.name {
			continue
		}
		found = true
		if rounds > 0 {
			g.rounds = rounds
		}
		if err := b.measure(ctx, g); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	if !found {
		return fmt.Errorf("there is no group %q", only)
	}
	return nil
}

func (b *bench) measure(ctx context.Context, g group) error {
	commands, err := g.commands(ctx, b)
	if err != nil {
		return err
	}
	samples := make([][]time.Duration, len(commands))
	for round := range g.rounds + 1 {
		for i, c := range commands {
			s, err := b.once(ctx, c.argv)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 { // the first warms the caches
				samples[i] = append(samples[i], s)
			}
		}
	}
	b.report(g, commands, samples)
	return nil
}

// once runs one process with its output thrown away, and fails when it fails.
func (b *bench) once(ctx context.Context, argv []string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = b.env
	var errs strings.Builder
	cmd.Stderr = &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return time.Since(start), nil
}

func (b *bench) report(g group, commands []command, samples [][]time.Duration) {
	fmt.Fprintf(b.out, "\n%s: %s (%d rounds in turn)\n\n", g.name, g.about, g.rounds)
	fmt.Fprintf(b.out, "%-34s %10s %10s %10s %18s  %s\n", "command", "median ms", "min", "p90", "ratio (p25-p75)", "goal")
	for i, c := range commands {
		walls := make([]float64, len(samples[i]))
		ratios := make([]float64, len(samples[i]))
		for r, s := range samples[i] {
			walls[r] = float64(s.Microseconds()) / 1000
			ratios[r] = float64(s) / float64(samples[0][r])
		}
		slices.Sort(walls)
		slices.Sort(ratios)
		fmt.Fprintf(b.out, "%-34s %10.2f %10.2f %10.2f %18s  %s\n", c.name,
			at(walls, 0.5), walls[0], at(walls, 0.9),
			fmt.Sprintf("%.2f (%.2f-%.2f)", at(ratios, 0.5), at(ratios, 0.25), at(ratios, 0.75)), c.goal)
	}
}

// at is the quantile q of sorted values.
func at(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)-1)+0.5)] }
