package tui

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// The tests in this file's company run a small program, the probe, on a real
// pseudo-terminal: this test binary, started again with probeEnv set.
const probeEnv = "TACENDA_TUI_PROBE"

// TestProbe is the probe. It is skipped unless it is the program under test,
// and it starts nothing itself.
func TestProbe(t *testing.T) {
	mode := os.Getenv(probeEnv)
	switch mode {
	case "":
		t.Skip("this is the program that other tests run")
	case "interface", faultInScreen, faultInCommand:
		runInterface(t, mode)
		os.Exit(0)
	}
	var from io.Reader = os.Stdin
	if mode == "stream" { // as over SSH, where the other side sets raw mode
		raw, err := unix.IoctlGetTermios(0, unix.TCGETS)
		if err == nil {
			raw.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG | unix.IEXTEN
			raw.Iflag &^= unix.ICRNL | unix.IXON
			err = unix.IoctlSetTermios(0, unix.TCSETS, raw)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		from = struct{ io.Reader }{os.Stdin}
	}
	input, err := newSecretReader(from)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	m := &probe{input: input, value: input.newEntry(1<<20, true)}
	p := tea.NewProgram(m, tea.WithInput(input), tea.WithFilter(input.filter(nil)))
	stop := quitOnHangup(p)
	_, err = p.Run()
	stop()
	input.close()
	fmt.Printf("ended: %v\r\n", err)
	if mode == "hold" { // for a look at the memory
		time.Sleep(time.Minute)
	}
	os.Exit(0)
}

// runInterface runs the interface itself, on a vault in memory, and tells the
// checksum of the secret that was made in it.
func runInterface(t *testing.T, mode string) {
	engine, key := vaulttest.Shared(store.NewMem()), vaulttest.NewKey(t)
	v := vaulttest.On(t, engine, key, vault.Options{})
	cfg := Config{
		Name: "acme", Place: "memory", Project: vaulttest.Project,
		Open: func(ctx context.Context) (Vault, error) {
			return vault.Open(ctx, engine, key.Openers(t), vault.Options{})
		},
		Unlock:   func(context.Context, *secret.Bytes) (Vault, error) { return nil, &vault.LockedError{} },
		Create:   func(context.Context, Setup) (Vault, error) { return nil, errors.New("there is one") },
		ReadFile: func(context.Context, string) ([]byte, error) { return nil, errors.New("no such file") },
		Environ:  os.Environ(), Mouse: true,
	}
	breakIt(mode, &cfg)
	err := Run(context.Background(), os.Stdin, os.Stdout, cfg)
	if mode != "interface" { // hold still, for a look at the memory
		secret.Purge() // as the program does at its end
		fmt.Printf("ended: %v\r\n", err)
		time.Sleep(time.Minute)
	}
	fmt.Printf("ended: %v\r\n", err)
	values, err := v.Values(context.Background(), vaulttest.Project, []string{"API_KEY"})
	if err != nil {
		fmt.Printf("stored: %v\r\n", err)
		return
	}
	defer values.Close()
	_ = values.Use("API_KEY", func(p []byte) error {
		fmt.Printf("stored: %016x\r\n", crc64.Checksum(p, crcTable))
		return nil
	})
}

// probe is a list, a value and a name, which is a plain field.
type probe struct {
	input   *secretReader
	value   *entry
	at      string // "" for the list
	name    string
	status  string
	replies int
	w, h    int
}

func (m *probe) Init() tea.Cmd { return tea.RequestBackgroundColor }

func (m *probe) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ModeReportMsg, tea.KeyboardEnhancementsMsg:
		m.replies++
	case tea.ResumeMsg:
		m.status = "resumed"
	case pastedMsg:
		if m.at == "name" {
			text, _ := m.input.pasteText(1000)
			m.name += text
		}
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *probe) key(msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "f5":
		panic("a fault in Update")
	case "f6":
		return func() tea.Msg { panic("a fault in a command") }
	case "esc":
		m.value.wipe()
		m.goTo("", "cancelled")
	case "tab":
		m.goTo("name", "")
	case "ctrl+s":
		m.goTo("", m.save())
	default:
		switch {
		case m.at == "value":
			panic("a key reached the value: " + strconv.Itoa(len(msg.Text)))
		case m.at == "name":
			m.name += msg.Text
		case msg.Text == "n":
			m.goTo("value", "")
		case msg.Text == "q":
			return tea.Quit
		}
	}
	return nil
}

func (m *probe) goTo(at, status string) {
	m.at, m.status = at, status
	m.input.leave()
	if at == "value" {
		m.input.enter(m.value)
	}
}

// save tells the value's checksum, which is reckoned without a copy of it.
func (m *probe) save() string {
	b, err := m.value.take()
	if err != nil || b == nil {
		return fmt.Sprintf("nothing to save (%v)", err)
	}
	defer b.Destroy()
	return "saved " + checksum(b)
}

var crcTable = crc64.MakeTable(crc64.ECMA)

func checksum(b *secret.Bytes) (sum string) {
	_ = b.Use(func(p []byte) error {
		sum = fmt.Sprintf("%016x", crc64.Checksum(p, crcTable))
		return nil
	})
	return sum
}

func (m *probe) View() tea.View {
	n, lines := m.value.size()
	v := tea.NewView(fmt.Sprintf("probe %d %dx%d\nat [%s]\nvalue [%d bytes, %d lines]\nname [%d]\nstatus [%s] %s\nreplies [%d]",
		os.Getpid(), m.w, m.h, m.at, n, lines, len(m.name), m.status, m.value.problem(), m.replies))
	v.AltScreen, v.MouseMode, v.ReportFocus = true, tea.MouseModeCellMotion, true
	return v
}
