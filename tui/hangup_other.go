//go:build !unix

package tui

import tea "charm.land/bubbletea/v2"

// quitOnHangup has nothing to wait for here.
func quitOnHangup(*tea.Program) (stop func()) { return func() {} }
