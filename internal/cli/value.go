package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// valueFlags are where a value comes from: never from an argument.
type valueFlags struct {
	file     string
	generate string
	charset  string
	exact    bool
}

func (v *valueFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&v.file, "value-file", "", "read the value from `FILE`, - for standard input")
	f.StringVar(&v.generate, "generate", "", "generate a value of `N` characters that nobody sees")
	f.Lookup("generate").NoOptDefVal = "32"
	f.StringVar(&v.charset, "charset", "alnum", "what --generate draws from: alnum, hex or base64url")
	f.BoolVar(&v.exact, "exact", false, "keep the final newline of a single-line value from a file")
}

// check refuses options that contradict each other, before anything is read.
func (v *valueFlags) check(a *app, c *cobra.Command) error {
	f := c.Flags()
	file, generate := f.Changed("value-file"), f.Changed("generate")
	switch {
	case file && v.file == "":
		return usagef("--value-file: must not be empty")
	case file && generate:
		return usagef("--value-file and --generate exclude each other")
	case f.Changed("charset") && !generate:
		return usagef("--charset goes with --generate")
	case v.exact && !file:
		return usagef("--exact goes with --value-file")
	case !file && !generate:
		return nil
	case file:
		return a.claimStdin("--value-file", v.file)
	}
	_, _, err := v.generator()
	return err
}

// oneName wants the name of the secret, and tells those who gave --generate its
// number as a word of its own how it is written.
func oneName(c *cobra.Command, args []string) error {
	err := exactly(1, "one NAME (the value comes from --value-file, --generate or a prompt)")(c, args)
	if f := c.Flags().Lookup("generate"); err != nil && len(args) == 2 && f.Changed && f.Value.String() == f.NoOptDefVal {
		return &failure{hint: "a length is part of the option: --generate=N", err: err}
	}
	return err
}

// given tells whether an option says where the value comes from.
func (v *valueFlags) given() bool { return v.file != "" || v.generate != "" }

// read returns the value that the options name, or nil without one. The caller
// destroys it.
func (v *valueFlags) read(ctx context.Context, a *app) (*secret.Bytes, error) {
	switch {
	case v.generate != "":
		n, charset, err := v.generator()
		if err != nil {
			return nil, err
		}
		return generate(n, charset)
	case v.file != "":
		return a.readValue(ctx, v.file, v.exact)
	}
	return nil, nil //nolint:nilnil // no value was asked for
}

// charsets are what a generated value may consist of: characters that need no
// quoting anywhere a value is likely to land.
var charsets = [...]struct{ name, chars string }{
	{"alnum", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"},
	{"hex", "0123456789abcdef"},
	{"base64url", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"},
}

func (v *valueFlags) generator() (int, string, error) {
	n, err := strconv.Atoi(v.generate)
	if err != nil || n < 1 || n > vault.MaxValue {
		return 0, "", usagef("--generate: N is a number from 1 to %d", vault.MaxValue)
	}
	for _, c := range charsets {
		if c.name == v.charset {
			return n, c.chars, nil
		}
	}
	return 0, "", usagef("--charset %q: alnum, hex or base64url", v.charset)
}

// generate draws n characters in guarded memory. Each random byte is cut to the
// bits that the set needs and drawn again when it falls outside, so that every
// character is equally likely.
func generate(n int, charset string) (*secret.Bytes, error) {
	value, err := secret.New(n)
	if err != nil {
		return nil, err
	}
	mask := byte(1<<bits.Len(uint(len(charset)-1)) - 1)
	err = value.Use(func(p []byte) error {
		rand.Read(p)
		for i := range p {
			for int(p[i]&mask) >= len(charset) {
				rand.Read(p[i : i+1])
			}
			p[i] = charset[p[i]&mask]
		}
		return nil
	})
	if err != nil {
		value.Destroy()
		return nil, err
	}
	return value, nil
}

// readValue reads a value from a file or pipe straight into guarded memory.
func (a *app) readValue(ctx context.Context, path string, exact bool) (*secret.Bytes, error) {
	in, err := a.openInput(ctx, path)
	if err != nil {
		return nil, missingInput("--value-file", path, "value", err)
	}
	defer in.Close()
	// Two more than a value may have, for the line end that is taken off.
	value, err := secret.ReadAll(in, vault.MaxValue+2)
	if errors.Is(err, secret.ErrTooLarge) {
		return nil, usagef("--value-file: the value has more than %d bytes", vault.MaxValue)
	}
	if err != nil {
		return nil, fmt.Errorf("--value-file: reading %s: %w", path, err)
	}
	length := value.Len()
	if !exact {
		if length, err = withoutLineEnd(value); err != nil {
			value.Destroy()
			return nil, err
		}
	}
	if err := vault.CheckValue(length); err != nil {
		value.Destroy()
		return nil, fmt.Errorf("--value-file: %w", err)
	}
	value.Shrink(length)
	return value, nil
}

// withoutLineEnd is the length of a value without the newline that editors and
// echo put behind a single line. A value of several lines is a key or a
// certificate, where every byte counts.
func withoutLineEnd(value *secret.Bytes) (int, error) {
	n := value.Len()
	err := value.Use(func(p []byte) error {
		line, ok := bytes.CutSuffix(p, []byte("\n"))
		if ok && bytes.IndexByte(line, '\n') < 0 {
			n = len(bytes.TrimSuffix(line, []byte("\r")))
		}
		return nil
	})
	return n, err
}
