package resolver

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSuggest(t *testing.T) {
	have := []string{"OPENAI_API_KEY", "STRIPE_KEY", "DB_PASSWORD", "DB_PASSWORD_2", "A", "AB"}
	for name, want := range map[string]string{
		"OPENAI_API_KEYS": "OPENAI_API_KEY",
		"OPENAI_APIKEY":   "OPENAI_API_KEY",
		"OPNEAI_API_KEY":  "OPENAI_API_KEY",
		"OPENAI_KEY":      "", // four letters are missing
		"STRIPE_KYE":      "STRIPE_KEY",
		"DB_PASSWROD":     "DB_PASSWORD",
		"DB_PASSWORD_1":   "DB_PASSWORD_2",
		"B":               "A",
		"ABC":             "AB",
		"STRIPE_KEY":      "", // itself
		"X_Y_Z":           "",
		"":                "A",
	} {
		if got := Suggest(name, have); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := Suggest("A", nil); got != "" {
		t.Errorf("from nothing: %q", got)
	}
}

// TestDistance compares with the recurrence as it is written in books, and the shortcut with the distance.
func TestDistance(t *testing.T) {
	name := rapid.StringMatching(`[A-C_]{1,7}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, limit := name.Draw(t, "a"), name.Draw(t, "b"), rapid.IntRange(1, 4).Draw(t, "limit")
		want := slowDistance(a, b)
		got := distance(a, b, limit)
		if want <= limit && got != want || want > limit && got <= limit {
			t.Errorf("distance %d within %d, want %d", got, limit, want)
		}
		if found := Suggest(a, []string{b}); (found == b) != (a != b && want <= min(3, max(1, len(a)/3))) {
			t.Errorf("suggested %q at distance %d", found, want)
		}
	})
}

func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	i, j := len(a)-1, len(b)-1
	same := 1
	if a[i] == b[j] {
		same = 0
	}
	d := min(slowDistance(a[:i], b)+1, slowDistance(a, b[:j])+1, slowDistance(a[:i], b[:j])+same)
	if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
		d = min(d, slowDistance(a[:i-1], b[:j-1])+1)
	}
	return d
}
