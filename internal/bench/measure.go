package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A command is one process, or one shell line.
type command struct {
	name  string
	argv  []string
	goal  string // what was aimed for, as a ratio to the first
	stdin string // the file that it reads; empty for nothing
}

// shell is a command that needs a shell, for its pipes.
func shell(name, line, goal string) command {
	return command{name: name, argv: []string{"sh", "-c", line}, goal: goal}
}

// measureCommands runs the commands of a group in turn.
func measureCommands(ctx context.Context, b *bench, g group) error {
	defer b.end()
	commands, err := g.commands(ctx, b)
	if err != nil {
		return err
	}
	load := loadAverage()
	samples := make([]sample, len(commands))
	for round := range g.rounds + 1 {
		for i, c := range commands {
			wall, cpu, err := b.once(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 { // the first warms the caches
				samples[i].wall, samples[i].cpu = append(samples[i].wall, wall), append(samples[i].cpu, cpu)
			}
		}
	}
	t := compare(commands, samples, g.own)
	t.about = fmt.Sprintf("%s, %d rounds in turn, load %s", g.about, g.rounds, load)
	return b.publish(g.name, t)
}

// A sample is what the rounds of one command took: by the clock, and of the
// processors, with the processes that it started and waited for. A machine that
// does other things lengthens the first more than the second.
type sample struct{ wall, cpu []time.Duration }

// once runs one process with its output thrown away, and fails when it fails.
func (b *bench) once(ctx context.Context, c command) (wall, cpu time.Duration, err error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Env = b.env
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return 0, 0, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	wall = time.Since(start)
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// compare makes the table of a group. Ratios are taken round by round, so that
// whatever slowed a round slowed both of its sides.
func compare(commands []command, samples []sample, own string) table {
	ours := slices.IndexFunc(commands, func(c command) bool { return own != "" && c.name == own })
	t := table{header: []string{"command", "median", "p10 to p90", "to the first (p25 to p75)", "processor"}}
	if ours >= 0 {
		t.header = append(t.header, "to "+own)
	}
	t.header = append(t.header, "aimed for")
	for i, c := range commands {
		walls := seconds(samples[i].wall)
		row := []string{
			c.name, duration(at(walls, 0.5)), duration(at(walls, 0.1)) + " to " + duration(at(walls, 0.9)),
			spread(ratios(samples[i].wall, samples[0].wall)), ratio(at(ratios(samples[i].cpu, samples[0].cpu), 0.5)),
		}
		if ours >= 0 {
			row = append(row, spread(ratios(samples[i].wall, samples[ours].wall)))
		}
		t.rows = append(t.rows, append(row, c.goal))
	}
	return t
}

// seconds are the samples in order.
func seconds(samples []time.Duration) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = s.Seconds()
	}
	slices.Sort(out)
	return out
}

// ratios are those of each round, in order.
func ratios(samples, to []time.Duration) []float64 {
	out := make([]float64, len(samples))
	for i := range samples {
		out[i] = float64(samples[i]) / float64(max(to[i], time.Microsecond)) // what is too short to be counted is no zero
	}
	slices.Sort(out)
	return out
}

// spread writes a median with its quartiles.
func spread(sorted []float64) string {
	return fmt.Sprintf("%s (%s to %s)", ratio(at(sorted, 0.5)), ratio(at(sorted, 0.25)), ratio(at(sorted, 0.75)))
}

func ratio(r float64) string {
	if r >= 20 {
		return fmt.Sprintf("%.0f", r)
	}
	if r >= 0.095 {
		return fmt.Sprintf("%.2f", r)
	}
	return fmt.Sprintf("%.2g", r)
}

// at is the quantile q of sorted values.
func at(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)-1)+0.5)] }

// duration writes seconds with three digits.
func duration(s float64) string {
	switch {
	case s < 1e-3:
		return digits(s*1e6) + " µs"
	case s < 1:
		return digits(s*1e3) + " ms"
	}
	return digits(s) + " s"
}

func digits(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// loadAverage is how many processes wanted a processor in the last minute:
// what else the machine did. Where the system does not say it is "unknown".
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(data), " ")
	return load
}
