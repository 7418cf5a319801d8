package memscan_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"tacenda/internal/memscan"
	"tacenda/keyring/secret"
)

// childEnv names the function of children that a copy of the test program runs instead of the tests.
const childEnv = "TACENDA_MEMSCAN_TEST_CHILD"

// plants are ways to leave a needle in memory; each returns what keeps it there. The encoding is the one expected.
var plants = map[string]func(needle []byte) any{
	"plain":    func(n []byte) any { return bytes.Clone(n) },
	"hex":      func(n []byte) any { return "0x" + hex.EncodeToString(n) },
	"HEX":      func(n []byte) any { return strings.ToUpper(hex.EncodeToString(n)) },
	"base64+0": func(n []byte) any { return base64.StdEncoding.EncodeToString(n) },
	"base64+1": func(n []byte) any { return base64.StdEncoding.EncodeToString(append([]byte(":"), n...)) },
	"base64+2": func(n []byte) any { return base64.RawURLEncoding.EncodeToString(append([]byte("user:"), n...)) },
	"utf-16le": func(n []byte) any { return utf16.Encode([]rune(string(n))) },
	"utf-16be": func(n []byte) any {
		b, _ := binary.Append(nil, binary.BigEndian, utf16.Encode([]rune(string(n))))
		return b
	},
	"utf-32le":    func(n []byte) any { return []rune(string(n)) },
	"far away":    func(n []byte) any { return append(make([]byte, 3<<20+5), n...) },
	"over a join": overTheJoin,
	"piece": func(n []byte) any { // with other bytes around it than the needle has
		return append(append([]byte{^n[6]}, n[7:25]...), ^n[25])
	},
	"nothing": func([]byte) any { return nil },
}

// onTheWay is which other forms come up while one is made.
var onTheWay = map[string]string{"HEX": "hex", "utf-16le": "utf-32le", "utf-16be": "utf-16le utf-32le"}

// overTheJoin lays copies over every boundary at which the scan may begin a new chunk.
func overTheJoin(n []byte) any {
	p := make([]byte, 8<<20)
	for at := 1 << 20; at < len(p); at += 1 << 20 {
		for i := range 3 {
			copy(p[at+i*4096-len(n)/2:], n)
		}
	}
	return p
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := child(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child reads the needle as the program would read a value, does with it what its name says and waits to be looked at.
func child(name string) error {
	value, err := secret.ReadAll(os.Stdin, 1<<20)
	if err != nil {
		return err
	}
	var kept any
	if plant := plants[name]; plant != nil {
		_ = value.Use(func(p []byte) error { kept = plant(p); return nil })
	}
	if name == "held" {
		kept = value
	} else {
		value.Destroy()
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.NewFile(3, "wait"))
	runtime.KeepAlive(kept)
	return err
}

// scanChild starts a child, gives it a value, searches it for the needle and ends it.
func scanChild(t *testing.T, name string, value, needle []byte) memscan.Report {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{childEnv + "=" + name, "GORACE=atexit_sleep_ms=0"}
	cmd.Stderr = os.Stderr
	report, err := memscan.ScanChild(cmd, value, needle)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// newNeedle is random text of 48 characters.
func newNeedle() []byte {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails
	return []byte(hex.EncodeToString(raw)[:20] + "é" + base64.StdEncoding.EncodeToString(raw)[:26])
}

func TestFindsWhatIsThere(t *testing.T) {
	for name := range plants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needle := newNeedle()
			report := scanChild(t, name, needle, needle)
			encodings := map[string]int{}
			for _, h := range report.Copies {
				encodings[h.Encoding]++
			}
			windows := len(needle) - 11
			// Copies in another form, except those that encoding makes on its way, would be a mistake of the scan.
			for encoding := range encodings {
				if !strings.Contains("plain "+name+"url "+onTheWay[name], encoding) {
					t.Errorf("found %s", encoding)
				}
			}
			switch name {
			case "nothing":
				if !report.Clean() || report.Distinct() != 0 {
					t.Errorf("a clean process is not: %v", report)
				}
			case "piece":
				if len(report.Copies) != 0 || report.Distinct() != 18-11 || report.Clean() {
					t.Errorf("of a piece of 18 bytes: %v", report)
				}
			case "far away":
				if encodings["plain"] == 0 {
					t.Errorf("missed: %v", report)
				}
			case "over a join":
				if encodings["plain"] < 21 || report.Distinct() != windows {
					t.Errorf("missed some of 21 copies: %v", report)
				}
			default:
				if encodings[name] == 0 && encodings[name+"url"] == 0 {
					t.Errorf("missed: %v", report)
				}
				// The two characters that are not ASCII are left out of UTF-16 windows that cut them.
				if report.Distinct() < windows-2 {
					t.Errorf("%d of %d windows: %v", report.Distinct(), windows, report)
				}
			}
			if report.Scanned < 1<<20 {
				t.Errorf("only %d bytes were scanned", report.Scanned)
			}
		})
	}
}

// TestGuardedMemory holds keyring/secret to its promise: one copy while the value lives, none in any form afterwards.
func TestGuardedMemory(t *testing.T) {
	for _, copies := range []int{1, 100, 7000} { // up to 336,000 bytes, which grow nine times while they are read
		needle := newNeedle()
		value := bytes.Repeat(needle, copies)
		if report := scanChild(t, "held", value, needle); len(report.Copies) != copies {
			t.Errorf("while %d bytes are held: %d copies of the part that is in there %d times: %v", len(value), len(report.Copies), copies, report)
		}
		if report := scanChild(t, "nothing", value, needle); !report.Clean() {
			t.Errorf("after %d bytes were read and destroyed: %v", len(value), report)
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := memscan.Scan(os.Getppid(), []byte("too short")); err == nil {
		t.Error("a short needle was taken")
	}
	if _, err := memscan.Scan(os.Getpid(), newNeedle()); err == nil {
		t.Error("a process scanned itself")
	}
	if _, err := memscan.Scan(1<<30, newNeedle()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such process: %v", err)
	}
}

func TestReportHidesTheNeedle(t *testing.T) {
	needle := newNeedle()
	report := scanChild(t, "plain", needle, needle)
	text := report.String()
	if strings.Contains(text, string(needle[:12])) {
		t.Error("the report shows the needle")
	}
	if !strings.Contains(text, "full copies") || !strings.Contains(text, "plain at 0x") {
		t.Errorf("got %q", text)
	}
}
