package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/leak"
	"tacenda/internal/vault"
)

func (a *app) redactCommand() *cobra.Command {
	return &cobra.Command{
		Use: "redact [FILE|-]",
		Long: `Copy standard input or FILE to standard output, with every value of the project
replaced by its {{NAME}}: as it is, in base64, percent-encoded, JSON-escaped and
in hex, also where the input comes in pieces. What cannot be the beginning of a
value is written at once, so that it can follow a log.

Values shorter than 6 bytes are not searched for, and their names are said.
Anything that was changed in another way is not found; a text in UTF-16, where
none is, draws a warning.

Exit codes: 3 the vault did not open; 4 no permission to use secrets; 5 no such
file or project.`,
		Example: "  make deploy 2>&1 | tacenda redact | tee deploy.log\n  tail -f app.log | tacenda -p web redact",
		Args:    atMost(1, "one FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			path := "-"
			if len(args) > 0 {
				path = args[0]
			}
			return a.redact(c.Context(), path)
		},
	}
}

func (a *app) redact(ctx context.Context, path string) error {
	if err := a.claimStdin("FILE", path); err != nil {
		return err
	}
	in, err := a.openInput(ctx, path)
	if err != nil {
		return err
	}
	defer in.Close()
	finder, done, err := a.openFinder(ctx)
	if err != nil {
		return err
	}
	defer done()
	a.out.widen(in.file)
	m := finder.Masker(&stoppingWriter{ctx, a.out})
	_, err = io.Copy(m, &headReader{from: in, look: func(head []byte) {
		if utf16Mark(head) {
			a.warn(path + noUTF16)
		}
	}})
	if closed := m.Close(); err == nil {
		err = closed
	}
	if err != nil && !a.out.broken {
		return fmt.Errorf("redacting %s: %w", path, plainPathError(err))
	}
	return err
}

// noUTF16 is the warning for a text whose values nobody finds. Shells of Windows
// write such.
const noUTF16 = ": this is UTF-16, in which no value is found"

// utf16Mark tells whether a text begins with the mark of UTF-16.
func utf16Mark(head []byte) bool {
	return len(head) > 1 && (head[0] == 0xff && head[1] == 0xfe || head[0] == 0xfe && head[1] == 0xff)
}

// A headReader shows the first two bytes of what it reads to look, once.
type headReader struct {
	from io.Reader
	head []byte
	look func(head []byte)
}

func (r *headReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	const enough = 2
	if have := len(r.head); have < enough {
		if r.head = append(r.head, p[:min(n, enough-have)]...); len(r.head) == enough {
			r.look(r.head)
		}
	}
	return n, err
}

// openFinder makes a finder of all values of the project, and says which are too
// short for it. The second result closes it and what it reads from.
func (a *app) openFinder(ctx context.Context) (*leak.Finder, func(), error) {
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return nil, nil, err
	}
	finder, values, err := finderOf(ctx, v, project)
	if err != nil {
		v.Close()
		return nil, nil, err
	}
	if short := finder.Skipped(); len(short) > 0 {
		a.note(fmt.Sprintf("not searched for, because shorter than %d bytes: %s", leak.MinValue, strings.Join(short, ", ")))
	}
	return finder, func() { finder.Close(); values.Close(); v.Close() }, nil
}

// finderOf is the finder of openFinder and what it reads from.
func finderOf(ctx context.Context, v gate, project string) (*leak.Finder, vault.Values, error) {
	secrets, err := v.Secrets(ctx, project)
	if err != nil {
		return nil, nil, err
	}
	names := namesOf(secrets)
	values, err := v.Values(ctx, project, names)
	if err != nil {
		return nil, nil, err
	}
	finder, err := leak.New(names, values)
	if err != nil {
		values.Close()
		return nil, nil, err
	}
	return finder, values, nil
}
