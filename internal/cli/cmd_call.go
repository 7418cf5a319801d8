package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/apitool"
	"tacenda/internal/vault"
)

// callFlags are the options of call.
type callFlags struct {
	params  []string
	data    string
	include bool
	dryRun  bool
}

// maxData bounds what --data reads, in bytes: it is sent again when the server
// redirects, and so kept until the answer is there.
const maxData = 32 << 20

func (a *app) callCommand() *cobra.Command {
	var f callFlags
	c := &cobra.Command{
		Use: "call TOOL",
		Long: `Call an API tool. Its placeholders are resolved at the moment of the request, and
nothing is stored. The answer goes to standard output as it comes, with every
value of the project replaced by its placeholder.

--data sends a body of your own, as it is, with a tool that has none.

Exit codes: 1 no answer; 2 a wrong argument; 4 a secret does not allow the host;
5 no such tool; 7 a secret is missing, or does not fit where it goes; 12 the API
answered with status 400 or above.`,
		Example: `  tacenda call get-user --param id=42
  tacenda call create-issue --param title="It's broken" -i
  tacenda call upload --data report.pdf
  tacenda call get-user --param id=42 --dry-run`,
		Args: exactly(1, "one TOOL"),
		RunE: func(c *cobra.Command, args []string) error { return a.call(c, args[0], &f) },
	}
	fl := c.Flags()
	fl.StringArrayVar(&f.params, "param", nil, "the argument `NAME=VALUE`; repeatable")
	fl.StringVar(&f.data, "data", "", "send `FILE` as the body, - for standard input")
	fl.BoolVarP(&f.include, "include", "i", false, "print the status and the headers of the answer too")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the request with hints; open no value and send nothing")
	return c
}

func (a *app) call(c *cobra.Command, name string, f *callFlags) error {
	ctx := c.Context()
	if err := vault.CheckName(vault.Tool.String(), name); err != nil {
		return err
	}
	var data []byte
	if c.Flags().Changed("data") {
		if err := a.claimStdin("--data", f.data); err != nil {
			return err
		}
		var err error
		if data, err = a.readData(ctx, f.data); err != nil {
			return err
		}
	}
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	k := &toolCall{a: a, v: v, project: project, name: name, pairs: f.params, data: data}
	if f.dryRun {
		return k.dryRun(ctx)
	}
	answer, err := k.do(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := a.printAnswer(answer, f.include); err != nil {
		return err
	}
	if answer.Code >= 400 {
		return failf(exitAnswer, "calling %s: the API answered %s", name, answer.Status)
	}
	return nil
}

func (a *app) readData(ctx context.Context, path string) ([]byte, error) {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxData+1))
	if err != nil {
		return nil, fmt.Errorf("--data: reading %s: %w", path, err)
	}
	if len(data) > maxData {
		return nil, usagef("--data: more than %d bytes", maxData)
	}
	return data, nil
}

// printAnswer writes an answer as it comes. A terminal gets text and nothing
// that it would act upon.
func (a *app) printAnswer(answer *apitool.Answer, include bool) error {
	var out io.Writer = a.out
	if a.out.terminal() {
		// Masked once more: a value may stand there whole only now that what a server
		// put between its characters is taken out.
		masked := maskedAgain(answer, a.out)
		defer func() { _ = masked.Close() }() // the stream remembers
		screen := &liveWriter{to: masked}
		defer screen.flush()
		out = screen
	}
	if include {
		if _, err := io.WriteString(out, head(answer)); err != nil {
			return err
		}
	}
	_, err := io.Copy(out, answer.Body)
	return err
}

// head is the status and the headers of an answer, sorted, and the empty line
// behind them.
func head(answer *apitool.Answer) string {
	var lines []string
	for name, values := range answer.Header {
		for _, value := range values {
			lines = append(lines, name+": "+value+"\n")
		}
	}
	slices.Sort(lines)
	return answer.Proto + " " + answer.Status + "\n" + strings.Join(lines, "") + "\n"
}

// dryRun prints the request that a call would make. Standard input that was
// read for it is not shown: it is sent as it is.
func (k *toolCall) dryRun(ctx context.Context) error {
	t, args, err := k.prepare(ctx)
	if err != nil {
		return err
	}
	secrets, err := k.v.Secrets(ctx, k.project)
	if err != nil {
		return err
	}
	hints := map[string]string{}
	for _, s := range secrets {
		hints[s.Name] = s.Hint
	}
	text, err := t.Preview(args, func(name string) string {
		if hint, ok := hints[name]; ok {
			return hint
		}
		return name + " missing"
	})
	if err != nil {
		return k.failed(err)
	}
	if k.data != nil {
		text += fmt.Sprintf("\n(%d bytes of --data)\n", len(k.data))
	}
	if err := k.a.printText(k.a.glyphs(k.a.out, text)); err != nil {
		return err
	}
	if err := k.missing(t, secrets); err != nil {
		return err
	}
	if err := t.CheckHosts(k.hosts(secrets)); err != nil {
		return k.failed(err)
	}
	return nil
}
