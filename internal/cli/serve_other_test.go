//go:build !unix

package cli

import "github.com/rogpeppe/go-internal/testscript"

// No script asks for these where they cannot be.
func sshKey(ts *testscript.TestScript, _ bool, _ []string)     { ts.Fatalf("not on this system") }
func serveVault(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("not on this system") }
func serveEnd(ts *testscript.TestScript, _ bool, _ []string)   { ts.Fatalf("not on this system") }
