package store

import "time"

// SetTimeout shortens the wait of a nested Update.
func (m *Mem) SetTimeout(d time.Duration) { m.timeout = d }
