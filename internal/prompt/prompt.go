// Package prompt asks questions on the terminal of the process: hidden ones for passphrases and values, plain ones for
// the rest. It opens the terminal itself, so that standard input and output stay free for data. What is typed unseen
// goes byte by byte into guarded memory and nowhere else; the terminal is put back as it was on every way out, signals,
// suspension and panics included; nothing that it prints can steer the terminal. It knows nothing of what it asks for,
// and takes one question at a time.
//
// A hidden answer is one line. Backspace, ctrl+w and ctrl+u work; arrows and other keys that send escape sequences do
// nothing; ctrl+c interrupts, ctrl+d on an empty line ends. What is pasted may end with a line feed, which is dropped and
// does not submit. A paste of several lines is refused: unseen, nobody could check what became of it, and no passphrase
// file could hold it. It is read to its end, so that no line of it reaches the shell as a command. A terminal without
// bracketed paste cannot tell us; there the first line is the answer, and the next question gets the second.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tacenda/internal/plain"
	"tacenda/keyring/secret"
)

var (
	// errNoTerminal: the process has no terminal that it could ask on.
	errNoTerminal = errors.New("no terminal to ask on")
	// ErrInterrupted: ctrl+c, or a signal that ends programs. The caller stops what it was doing.
	ErrInterrupted = errors.New("interrupted")
	// ErrMismatch: the two answers of SecretTwice differ.
	ErrMismatch = errors.New("the two answers differ")
	// ErrSeveralLines: more than one line was pasted into a hidden question.
	ErrSeveralLines = errors.New("what was pasted has several lines")
)

// maxLine is how long a plain answer may be: a canonical terminal takes no more into one line.
const maxLine = 4096

// Available tells whether there is a terminal to ask on.
func Available() bool {
	t, err := open()
	if err != nil {
		return false
	}
	t.close()
	return true
}

// Secret asks label and returns the line that is typed unseen, of at most limit bytes; an empty one is a Bytes of length 0.
// The caller destroys it. Errors are errNoTerminal, ErrInterrupted, ErrSeveralLines, one that wraps secret.ErrTooLarge,
// ctx's own, and io.EOF for ctrl+d or a terminal that went away.
func Secret(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	var answer *secret.Bytes
	err := converse(ctx, hidden, func(t *terminal) (err error) {
		answer, err = t.secret(ctx, label, limit)
		return err
	})
	return answer, err
}

// SecretTwice is Secret asked a second time, to catch what nobody can see; ErrMismatch if the answers differ. An empty
// first answer is not asked again.
func SecretTwice(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	var answer *secret.Bytes
	err := converse(ctx, hidden, func(t *terminal) error {
		first, err := t.secret(ctx, label, limit)
		if err != nil || first.Len() == 0 {
			answer = first
			return err
		}
		again, err := t.secret(ctx, label+" again", limit)
		defer again.Destroy()
		if err == nil && !first.Equal(again) {
			err = ErrMismatch
		}
		if err != nil {
			first.Destroy()
			return err
		}
		answer = first
		return nil
	})
	return answer, err
}

// Line asks label and returns the line that is typed, without its end. It is no place for a secret. Errors are those of
// Secret without ErrSeveralLines.
func Line(ctx context.Context, label string) (string, error) {
	var line string
	err := converse(ctx, visible, func(t *terminal) (err error) {
		line, err = t.line(ctx, label+": ")
		return err
	})
	return line, err
}

// Confirm asks a question that y or yes answers with true. Everything else is no: an empty line, another answer, ctrl+d.
func Confirm(ctx context.Context, question string) (bool, error) {
	var yes bool
	err := converse(ctx, visible, func(t *terminal) error {
		line, err := t.line(ctx, question+" [y/N] ")
		answer := strings.TrimSpace(line)
		yes = strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
		return err
	})
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return yes && err == nil, err
}

// converse runs fn on the terminal in a mode, and puts the terminal back whatever happens.
func converse(ctx context.Context, m mode, fn func(*terminal) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := open()
	if err != nil {
		return err
	}
	defer t.close()
	succeeded := false
	defer func() { t.end(succeeded) }() // before close, and when fn panics
	if err := t.begin(m); err != nil {
		return err
	}
	err = fn(t)
	succeeded = err == nil
	return err
}

// mode is how the terminal treats what is typed.
type mode int

const (
	visible mode = iota // echoed, edited by the kernel
	hidden
)

// secret reads one hidden line.
func (t *terminal) secret(ctx context.Context, label string, limit int) (*secret.Bytes, error) {
	e, err := newEditor(limit)
	if err != nil {
		return nil, err
	}
	defer e.destroy()
	if err := t.ask(plain.String(label) + ": "); err != nil {
		return nil, err
	}
	defer t.newline()
	for {
		c, ev, err := t.next(ctx, e.scratch)
		if err != nil {
			return nil, err
		}
		switch ev {
		case restarted:
			e.clear() // half an answer is not kept while the program is suspended
		case paused:
			e.pause()
		case typed:
			if done, err := e.feed(c); err != nil || done {
				return e.take(), err
			}
		}
	}
}

// line reads one visible line.
func (t *terminal) line(ctx context.Context, label string) (string, error) {
	one, err := secret.New(1)
	if err != nil {
		return "", err
	}
	defer one.Destroy()
	// A trailing space is what separates the question from its answer.
	if err := t.ask(strings.TrimRight(plain.String(label), " ") + " "); err != nil {
		return "", err
	}
	var line []byte
	for {
		c, ev, err := t.next(ctx, one)
		switch {
		case err != nil:
			t.newline()
			return "", err
		case ev == restarted:
			line = nil
		case ev == typed && c == '\n':
			return string(line), nil
		case ev == typed:
			if line = append(line, c); len(line) > maxLine {
				t.newline()
				return "", tooLong(maxLine)
			}
		}
	}
}

func tooLong(limit int) error {
	return fmt.Errorf("the answer is over %d bytes: %w", limit, secret.ErrTooLarge)
}

// event is what happened while waiting for input.
type event int

const (
	typed     event = iota // a byte came
	paused                 // none came for a while
	restarted              // the program was suspended and is back; the question was asked again
)
