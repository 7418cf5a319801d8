package importer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tacenda/keyring/secret"
)

// TestSkipEmpty: empty values are left out by name on request, in every format,
// and their names still collide.
func TestSkipEmpty(t *testing.T) {
	for _, tt := range []struct {
		format Format
		text   string
	}{
		{Env, "A=1\nB=\nC=''\nD=2\n"}, {JSON, `{"a": "1", "b": "", "c": "", "d": "2"}`}, {YAML, "a: 1\nb: ''\nc: \"\"\nd: 2\n"},
	} {
		for _, skip := range []bool{false, true} {
			f, err := parseEmpty(t, tt.format, tt.text, skip)
			if !skip {
				if !errors.Is(err, ErrEmpty) {
					t.Errorf("%s: %v, want ErrEmpty", tt.format, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", tt.format, err)
				continue
			}
			if len(f.Entries) != 2 || f.Entries[1].Name != "D" || !slices.Equal(f.Empty, []string{"B", "C"}) {
				t.Errorf("%s: %v, empty %v", tt.format, f.Entries, f.Empty)
			}
			f.Close()
		}
	}
	if _, err := parseEmpty(t, Env, "A=\nA=1\n", true); err == nil {
		t.Error("a name that stands twice was taken")
	}
}

func parseEmpty(t *testing.T, format Format, text string, skip bool) (*File, error) {
	t.Helper()
	in, err := secret.ReadAll(strings.NewReader(text), MaxInput)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(in, format, Options{
		CheckName: func(string) error { return nil }, SkipEmpty: skip,
		CheckValue: func(n int) error {
			if n == 0 {
				return errors.New("it is empty")
			}
			return nil
		},
	})
}
