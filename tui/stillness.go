package tui

import "time"

// A stillness measures how long nobody did anything, by the wall clock: a laptop
// that slept for an hour was idle for an hour. A clock that is set back takes
// nothing from what was measured before; what passes between two looks is lost with
// it, so whoever measures looks often.
type stillness struct{ since, seen time.Time }

// begin is when somebody did something.
func (s *stillness) begin(now time.Time) {
	s.since = now.Round(0) // without it times are told apart by a clock that stands still while the machine sleeps
	s.seen = s.since
}

// look is for how long nobody has.
func (s *stillness) look(now time.Time) time.Duration {
	now = now.Round(0)
	if now.Before(s.seen) {
		s.since = s.since.Add(now.Sub(s.seen))
	}
	s.seen = now
	return now.Sub(s.since)
}
