package cli

import (
	"strconv"
	"strings"
	"time"
)

// parseAge reads a length of time: 90d, 2w, or what Go writes (36h, 45m).
func parseAge(text string) (time.Duration, bool) {
	const day = 24 * time.Hour
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(number, 10, 16)
			return time.Duration(n) * unit, err == nil
		}
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

// parsePoint reads a point in time: RFC 3339, or a date, which begins at
// midnight UTC so that it means the same on every machine.
func parsePoint(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// parseExpiry reads --expires: a point in time, an age from now, or none, which
// is the zero time.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "none" {
		return time.Time{}, nil
	}
	if t, ok := parsePoint(text); ok {
		return t, nil
	}
	if d, ok := parseAge(text); ok {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	return time.Time{}, usagef("--expires %q: write 2027-01-31, 2027-01-31T12:00:00Z, 90d or none", text)
}

// parseSince reads --since: a point in time, or an age before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	if t, ok := parsePoint(text); ok {
		return t, nil
	}
	if d, ok := parseAge(text); ok {
		return now.Add(-d), nil
	}
	return time.Time{}, usagef("--since %q: write 2027-01-31, 2027-01-31T12:00:00Z or 7d", text)
}
