package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tacenda/internal/prooftest"
)

// timeLimit is longer than any run of tests takes beside other work, that with -soak apart.
const timeLimit = 40 * time.Minute

// A job is one run of go test, for all proofs with the same package and arguments.
type job struct {
	pkg    string
	args   []string
	env    []string
	limit  time.Duration // a test that hangs ends as one that failed
	proofs []int         // in the list that is executed
}

// An event is a line of go test -json.
type event struct {
	Action string
	Test   string
	Output string
}

// A log is what was said about one test.
type log struct {
	ended  string // pass, fail or skip; empty: it did not end
	output []string
	cases  []cases
}

type cases struct {
	n    int
	kind string
}

// execute runs the proofs, as many jobs at once as there are processors, and
// returns a result for each.
func execute(ctx context.Context, progress io.Writer, list []proof, s setting) []result {
	results := make([]result, len(list))
	jobs := plan(list, s)
	queue := make(chan job)
	var workers sync.WaitGroup
	var lock sync.Mutex
	for range min(runtime.NumCPU(), len(jobs)) {
		workers.Go(func() {
			for j := range queue {
				start := time.Now()
				logs, trouble := j.run(ctx, list)
				if ctx.Err() != nil {
					continue // nothing is said about what was broken off
				}
				lock.Lock()
				for _, i := range j.proofs {
					results[i] = judge(list[i], logs, trouble)
					fmt.Fprintf(progress, "%-22s %-60s %s\n", list[i].name, results[i].counts(), results[i].word())
				}
				fmt.Fprintf(progress, "  (%s: %s)\n", j.pkg, time.Since(start).Round(time.Second))
				lock.Unlock()
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	workers.Wait()
	return results
}

// plan groups proofs into jobs. Those that take longest come first.
func plan(list []proof, s setting) []job {
	var jobs []job
	for i, p := range list {
		args := p.arguments(s)
		at := slices.IndexFunc(jobs, func(j job) bool {
			return j.pkg == p.pkg && slices.Equal(j.args, args) && slices.Equal(j.env, p.environment(s))
		})
		if at < 0 {
			at = len(jobs)
			jobs = append(jobs, job{pkg: p.pkg, args: args, env: p.environment(s), limit: timeLimit})
		}
		jobs[at].proofs = append(jobs[at].proofs, i)
		if p.soak {
			jobs[at].limit = timeLimit + s.soak
		}
	}
	weight := func(j job) (w int) {
		for _, i := range j.proofs {
			w = max(w, list[i].weight)
		}
		return w
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return weight(b) - weight(a) })
	return jobs
}

// pattern is the -run of a job: its tests and no others.
func (j job) pattern(list []proof) string {
	var names []string
	for _, i := range j.proofs {
		for _, t := range list[i].tests {
			top, _, _ := strings.Cut(t, "/")
			if !slices.Contains(names, top) {
				names = append(names, top)
			}
		}
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// run returns the log of each test. The second is what kept go test from running at all.
func (j job) run(ctx context.Context, list []proof) (logs map[string]*log, why string) {
	args := append([]string{"test", "-json", "-count=1", "-timeout=" + j.limit.String(), "-run", j.pattern(list), "./" + j.pkg}, j.args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), j.env...)
	inGroup(cmd)
	cmd.WaitDelay = 10 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err.Error()
	}
	if err := cmd.Start(); err != nil {
		return nil, err.Error()
	}
	logs, other := collect(out)
	err = cmd.Wait()
	if err != nil && len(logs) == 0 {
		return logs, trouble(said.String() + other + err.Error())
	}
	return logs, ""
}

// collect reads the events of go test.
func collect(r io.Reader) (logs map[string]*log, other string) {
	logs = map[string]*log{}
	var rest strings.Builder
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) > 0 && json.Unmarshal(line, &e) != nil:
			rest.Write(line)
		case e.Test == "":
			rest.WriteString(e.Output)
		default:
			if logs[e.Test] == nil {
				logs[e.Test] = &log{}
			}
			logs[e.Test].add(e)
		}
		if err != nil {
			return logs, rest.String()
		}
	}
}

func (l *log) add(e event) {
	switch e.Action {
	case "pass", "fail", "skip":
		l.ended = e.Action
	case "output":
		text := strings.TrimSpace(e.Output)
		if _, report, ok := strings.Cut(text, ": "+prooftest.Mark); ok {
			var c cases
			number, kind, _ := strings.Cut(report, " ")
			if _, err := fmt.Sscan(number, &c.n); err == nil {
				c.kind = kind
				l.cases = append(l.cases, c)
			}
		} else if text != "" && !strings.HasPrefix(text, "=== ") && !strings.HasPrefix(text, "--- ") {
			l.output = append(l.output, text)
		}
	}
}

// trouble is why no test ran: the compiler's first complaint, or the last that was said.
func trouble(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if at := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, ".go:") }); at >= 0 {
		return strings.TrimSpace(lines[at])
	}
	return lines[len(lines)-1]
}

// command is how a proof is run alone.
func (p proof) command(s setting) string {
	run := "'" + job{proofs: []int{0}}.pattern([]proof{p}) + "'"
	words := append(slices.Clone(p.environment(s)), "go", "test", "-count=1", "-v", "-run", run, "./"+p.pkg)
	return strings.Join(append(words, p.arguments(s)...), " ")
}
