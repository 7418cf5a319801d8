// Command proof runs the tests that show what the vault survives, and makes the
// table of docs/reliability.md from what they report. It needs only Go, on Linux.
//
//	go run ./internal/proof                              everything, in about 15 minutes on two cores
//	go run ./internal/proof -quick                       fewer cases of each, in a minute or two
//	go run ./internal/proof -only power                  the proofs whose name has "power" in it
//	go run ./internal/proof -soak 8h -only soak          random operations for as long as that
//	go run ./internal/proof -list                        each with the go test that runs it
//	go run ./internal/proof -write docs/reliability.md   puts the table into the file, between its two markers
//
// A proof whose test fails, is skipped, did not run or reports no cases is shown as
// that. Every number comes from the run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

// A setting is how much is run.
type setting struct {
	quick bool
	only  string
	soak  time.Duration
}

func main() {
	var s setting
	flag.BoolVar(&s.quick, "quick", false, "run fewer cases of each proof, and leave out those that cannot be short")
	flag.StringVar(&s.only, "only", "", "run the proofs with `NAME` in their name")
	flag.DurationVar(&s.soak, "soak", 0, "let processes work at random for `D` (10m, or 20s with -quick)")
	list := flag.Bool("list", false, "list the proofs and how go test runs each, and run none")
	write := flag.String("write", "", "put the table into `FILE`, between its two markers")
	flag.Parse()
	if s.soak == 0 {
		s.soak = 10 * time.Minute
		if s.quick {
			s.soak = 20 * time.Second
		}
	}
	if *list {
		for _, p := range choose(proofs(), s) {
			fmt.Fprintf(os.Stdout, "%-18s %s\n", p.name, p.command(s))
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Stderr, s, *write); err != nil {
		fmt.Fprintln(os.Stderr, "proof:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, out, progress io.Writer, s setting, write string) error {
	chosen := choose(proofs(), s)
	if len(chosen) == 0 {
		return fmt.Errorf("no proof has %q in its name", s.only)
	}
	start := time.Now()
	where, err := describe(ctx)
	if err != nil {
		return err
	}
	results := execute(ctx, progress, chosen, s)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where.took, where.setting = time.Since(start), s
	table := render(where, results)
	if write == "" {
		_, err = io.WriteString(out, table)
	} else {
		err = insert(write, table)
	}
	return errors.Join(err, unproved(results))
}

// choose picks what the setting asks for.
func choose(all []proof, s setting) []proof {
	var out []proof
	for _, p := range all {
		if strings.Contains(p.name, s.only) && !(s.quick && p.long && s.only == "") {
			out = append(out, p)
		}
	}
	return out
}

// unproved is an error that names the proofs which failed. What was skipped is
// shown in the table with its reason, and is no failure.
func unproved(results []result) error {
	var names []string
	for _, r := range results {
		if r.failed {
			names = append(names, r.proof.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d proofs do not hold: %s", len(names), len(results), strings.Join(names, ", "))
}
