package tui

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"tacenda/internal/vault"
)

// Modes of the probe in which the interface has a fault: one shows when a frame
// is drawn on a terminal that was made wider, the other when a secret is saved.
const (
	faultInScreen  = "a fault in a screen"
	faultInCommand = "a fault in a command"
)

// breakIt puts the fault of a mode into an interface.
func breakIt(mode string, cfg *Config) {
	open := cfg.Open
	cfg.Open = func(ctx context.Context) (Vault, error) {
		v, err := open(ctx)
		if err == nil && mode != "interface" {
			v = faulty{v, mode}
		}
		return v, err
	}
}

// faulty is a vault that fails as nothing should.
type faulty struct {
	Vault
	mode string
}

// Actor is asked for by each frame.
func (f faulty) Actor() string {
	size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
	if f.mode == faultInScreen && (err != nil || size.Col > 80) {
		panic(f.mode)
	}
	return f.Vault.Actor()
}

func (f faulty) CreateSecret(ctx context.Context, project string, d vault.Draft) (vault.Secret, error) {
	if f.mode == faultInCommand {
		panic(f.mode)
	}
	return f.Vault.CreateSecret(ctx, project, d)
}

// TestFaults breaks the interface while it holds a value. It must end, say what
// broke without the value, give the terminal back and leave nothing in memory.
func TestFaults(t *testing.T) {
	for mode, trigger := range map[string]func(x *ptyTerminal){
		faultInScreen:  func(x *ptyTerminal) { x.resize(100, 30) },
		faultInCommand: func(x *ptyTerminal) { x.send("\x13") },
	} {
		t.Run(mode, func(t *testing.T) {
			value := randomValue(49)
			x := startProbe(t, mode)
			x.wait("No secrets in")
			x.send("nAPI_KEY\t" + value)
			x.wait("49 bytes")
			trigger(x)
			x.waitWritten(mode) // more is said than fits on the screen
			x.waitWritten("ended: the interface stopped: program was killed: program experienced a panic")
			x.restored()
			x.clean(x.cmd.Process.Pid, value, "after "+mode)
		})
	}
}
