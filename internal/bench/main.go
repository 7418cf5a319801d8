// Command bench measures the program as its users meet it: whole processes, in
// turn with what they would take instead, as ratios; and how what it costs
// grows with the number of secrets, of bytes and of processes. It needs only
// Go; a program that is not installed is skipped by name.
//
//	go run ./internal/bench                          all groups
//	go run ./internal/bench -group cold -rounds 100
//	go run ./internal/bench -peers                   installs age, sops and gomplate for the run: minutes
//	go run ./internal/bench -long                    streams of 10 GiB too: minutes
//	go run ./internal/bench -write docs              tables into docs/performance.md, curves into docs/plots
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A group is measured in one run. Its commands are run in turn, and ratios are
// to the first; or it is not made of commands, and measures by itself.
type group struct {
	name     string
	about    string
	rounds   int
	commands func(context.Context, *bench) ([]command, error)
	own      string // the row to which ratios are given besides; empty for none
	measure  func(context.Context, *bench, group) error
}

func groups() []group {
	return []group{
		{name: "cold", about: "three secrets, from exec to exit", rounds: 60, commands: coldCommands, own: "resolve, ssh-ed25519"},
		{name: "passphrase", about: "three secrets, with a passphrase", rounds: 9, commands: passphraseCommands},
		{name: "template", about: "a template of 16 MiB, a placeholder in each kilobyte", rounds: 9, commands: templateCommands},
		{name: "stream", about: "a template of 1 GiB, a placeholder in each kilobyte, into a pipe", rounds: 5, commands: streamCommands},
		{name: "redact", about: "a log of 1 GiB, a value in each 64 KiB, into a pipe", rounds: 5, commands: redactCommands},
		{name: "run", about: "a command with three secrets in its environment", rounds: 40, commands: runCommands},
		{name: "call", about: "a request to a server on 127.0.0.1", rounds: 40, commands: callCommands},
		{name: "ssh", about: "one command over SSH, on 127.0.0.1", rounds: 25, commands: sshCommands},
		{name: "sessions", about: "interfaces over SSH at once", rounds: 1, measure: measureSessions},
		{name: "secrets", about: "how cost grows with the number of secrets", rounds: 11, measure: measureSecrets},
		{name: "screen", about: "how the interface's cost grows with the number of secrets", rounds: 5, measure: measureScreen},
		{name: "bytes", about: "how cost grows with the length of a stream", rounds: 5, measure: measureBytes},
		{name: "processes", about: "how cost grows with the number of processes at once", rounds: 5, measure: measureProcesses},
	}
}

// options are what the command line said.
type options struct {
	only   string
	rounds int
	peers  bool
	long   bool
	write  string
}

func main() {
	var o options
	flag.StringVar(&o.only, "group", "", "measure this group alone; growth is secrets, screen, bytes and processes")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds, instead of each group's own number")
	flag.BoolVar(&o.peers, "peers", false, "install other programs for the run and measure them too")
	flag.BoolVar(&o.long, "long", false, "streams of 10 GiB too")
	flag.StringVar(&o.write, "write", "", "write tables and plots into this `DIR`, which has performance.md")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// chosen says whether a group was asked for.
func (o options) chosen(name string) bool {
	switch o.only {
	case "", name:
		return true
	case "growth":
		return name == "secrets" || name == "screen" || name == "bytes" || name == "processes"
	}
	return false
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	b, err := newBench(ctx, out, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	found := false
	for _, g := range groups() {
		if !o.chosen(g.name) {
			continue
		}
		found = true
		if o.rounds > 0 {
			g.rounds = o.rounds
		}
		measure := g.measure
		if measure == nil {
			measure = measureCommands
		}
		if err := measure(ctx, b, g); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	if !found {
		return fmt.Errorf("there is no group %q", o.only)
	}
	return nil
}
