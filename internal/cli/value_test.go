package cli

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tacenda/keyring/secret"
)

// TestGenerate: every length, only characters of the set, and all of them
// equally likely: with 6,200 draws of 62 the rarest and the most frequent stay
// within six standard deviations of 100.
func TestGenerate(t *testing.T) {
	for _, set := range charsets {
		for _, n := range []int{1, 32, 100 * len(set.chars)} {
			value, err := generate(n, set.chars)
			if err != nil {
				t.Fatal(err)
			}
			counts := map[byte]int{}
			err = value.Use(func(p []byte) error {
				if len(p) != n {
					t.Errorf("%s: %d characters, want %d", set.name, len(p), n)
				}
				for _, c := range p {
					counts[c]++
				}
				return nil
			})
			value.Destroy()
			if err != nil {
				t.Fatal(err)
			}
			for c, k := range counts {
				if strings.IndexByte(set.chars, c) < 0 {
					t.Errorf("%s: generated %q", set.name, c)
				}
				if n > 32 && (k < 40 || k > 160) {
					t.Errorf("%s: %q came %d times, expected about 100", set.name, c, k)
				}
			}
			if n > 32 && len(counts) != len(set.chars) {
				t.Errorf("%s: %d of %d characters came", set.name, len(counts), len(set.chars))
			}
		}
	}
}

// TestWithoutLineEnd holds the rule against its words: a single line loses its
// final newline, several lines lose nothing.
func TestWithoutLineEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a\n\r]{1,6}`).Draw(t, "text")
		value, err := secret.Move([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		defer value.Destroy()
		n, err := withoutLineEnd(value)
		if err != nil {
			t.Fatal(err)
		}
		want := text
		if strings.Count(text, "\n") == 1 && strings.HasSuffix(text, "\n") {
			want = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		}
		if text[:n] != want {
			t.Fatalf("%q became %q, want %q", text, text[:n], want)
		}
	})
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2027-01-31": "2027-01-31T00:00:00Z", "2027-01-31T12:00:00+02:00": "2027-01-31T10:00:00Z",
		"90d": "2027-02-22T12:00:00Z", "2w": "2026-12-08T12:00:00Z", "36h": "2026-11-26T00:00:00Z", "none": "0001-01-01T00:00:00Z",
	} {
		got, err := parseExpiry(text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("parseExpiry(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "-1d", "d", "90", "2027-13-01", "2027-01-31 12:00", "99999d", "-5m"} {
		if got, err := parseExpiry(text, now); err == nil {
			t.Errorf("parseExpiry(%q) = %v", text, got)
		}
		if code, _ := verdict(func() error { _, err := parseSince(text, now); return err }()); code != exitUsage {
			t.Errorf("parseSince(%q): code %d", text, code)
		}
	}
	if got, err := parseSince("7d", now); err != nil || !got.Equal(now.AddDate(0, 0, -7)) {
		t.Errorf("parseSince: %v, %v", got, err)
	}
}
