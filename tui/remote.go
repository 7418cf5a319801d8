package tui

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
)

// A Size is that of a terminal, in columns and rows.
type Size struct{ Width, Height int }

// Far beyond every screen, and little enough for a frame that is kept whole.
const (
	maxWidth  = 1000
	maxHeight = 500
)

// within is the size that a picture is made for, whatever the other side says
// of its terminal: protocols carry 0 and 2^32-1 as well.
func (s Size) within() Size {
	if s.Width <= 0 || s.Height <= 0 {
		return Size{80, 24}
	}
	return Size{min(s.Width, maxWidth), min(s.Height, maxHeight)}
}

// RunOver is Run for a terminal elsewhere, that of a session that came in over
// the network: conn carries its keys and its picture, sizes its size, first the
// one that it has now. It returns when the user leaves, when conn ends or with
// ctx, and never touches this process's own terminal or signals.
func RunOver(ctx context.Context, conn io.ReadWriter, sizes <-chan Size, cfg Config) error {
	if cfg.Open == nil || cfg.Unlock == nil || cfg.Create == nil {
		return errors.New("starting the interface: Open, Unlock and Create are required")
	}
	switch lookup(cfg.Environ, "TERM") {
	case "", "dumb":
		return ErrNoTerminal
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first Size
	select {
	case first = <-sizes:
	case <-ctx.Done():
		return ctx.Err()
	}
	first = first.within()
	input, err := newSecretReader(conn)
	if err != nil {
		return fmt.Errorf("starting the interface: %w", err)
	}
	defer input.close()
	m := newRoot(ctx, cfg, input)
	m.u.noStop = true // there is no shell of ours behind it
	defer m.u.end()
	none := make(noInput)
	defer close(none)
	p := tea.NewProgram(m,
		tea.WithContext(ctx),
		tea.WithInput(none),
		tea.WithOutput(conn),
		tea.WithEnvironment(cfg.Environ),
		tea.WithColorProfile(colorprofile.Env(cfg.Environ)),
		tea.WithWindowSize(first.Width, first.Height),
		tea.WithoutSignalHandler(),
		tea.WithFilter(input.filter(nil)),
	)
	typed, err := passTyped(ctx, p, input, lookup(cfg.Environ, "TERM"), cancel)
	if err != nil {
		return fmt.Errorf("starting the interface: %w", err)
	}
	defer typed()
	resized := passSizes(ctx, p, sizes)
	_, err = p.Run()
	cancel()
	resized()
	m.u.end()
	if err == nil { // somebody is there to read it: one who is gone takes nothing, and may never do
		m.farewell(conn, "\r\n")
	}
	if err != nil && !errors.Is(err, tea.ErrInterrupted) && !errors.Is(err, tea.ErrProgramKilled) {
		return fmt.Errorf("the interface stopped: %w", err)
	}
	return nil
}

// noInput is an input that says nothing until it is closed.
type noInput chan struct{}

func (n noInput) Read([]byte) (int, error) {
	<-n
	return 0, io.EOF
}

// passSizes tells the program of new sizes until ctx ends or there are no more.
// The function that is returned waits for that.
func passSizes(ctx context.Context, p *tea.Program, sizes <-chan Size) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case s, ok := <-sizes:
				if !ok {
					return
				}
				s = s.within()
				p.Send(tea.WindowSizeMsg{Width: s.Width, Height: s.Height})
			}
		}
	}()
	return func() { <-done }
}

// passTyped passes what is typed to the program, and calls gone when nobody is
// left to type. Bubble Tea's own reader stays for ever at the message that comes
// when its program has ended; this one ends with the function that is returned,
// which is called after the program.
func passTyped(ctx context.Context, p *tea.Program, input *secretReader, term string, gone func()) (end func(), err error) {
	reader, err := uv.NewCancelReader(input)
	if err != nil {
		return nil, err
	}
	events := make(chan uv.Event)
	go func() {
		defer close(events)
		_ = uv.NewTerminalReader(reader, term).StreamEvents(ctx, events) // any end is the terminal's
	}()
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		for e := range events {
			p.Send(e) // returns at once when the program has ended
		}
		gone()
	}()
	return func() {
		reader.Cancel()
		<-passed
		_ = reader.Close() // of nothing that was opened
	}, nil
}
