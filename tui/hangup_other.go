//go:build !unix

package tui

import tea "charm.land/bubbletea/v2"

// quitOnHangup has nothing to wait for here.
func quitOnHangup(*tea.Program) (stop func()) { return func() {} }

// mayStop says no: there is no job control.
func mayStop() bool { return false }
