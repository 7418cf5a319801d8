package leak_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"tacenda/internal/leak"
	"tacenda/internal/memscan"
	"tacenda/keyring/secret"
)

// childEnv makes a copy of the test program mask a value instead of testing.
const childEnv = "TACENDA_LEAK_TEST_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		if err := child(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// guarded is a source as the vault is one: values in guarded memory.
type guarded struct{ value *secret.Bytes }

func (g guarded) Use(_ string, fn func([]byte) error) error { return g.value.Use(fn) }

// child reads a value, masks and scans streams of it in all forms, and waits.
func child(how string) error {
	value, err := secret.ReadAll(os.Stdin, 1<<20)
	if err != nil {
		return err
	}
	f, err := leak.New([]string{"VALUE"}, guarded{value})
	if err != nil {
		return err
	}
	masker := f.Masker(io.Discard)
	stream, err := secret.New(1 << 20)
	if err != nil {
		return err
	}
	err = errors.Join(
		stream.Use(func(p []byte) error { return streamOf(value, p, masker, f) }),
		masker.Close(),
	)
	if err != nil {
		return err
	}
	stream.Destroy()
	if how == "open" { // the finder is in use, its masker holds nothing
		defer f.Close()
	} else {
		f.Close()
	}
	value.Destroy()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.NewFile(3, "wait"))
	runtime.KeepAlive(masker)
	return err
}

// streamOf writes the value in each form into p, some noise between, and gives
// it to the masker in pieces and to a scan.
func streamOf(value *secret.Bytes, p []byte, m *leak.Masker, f *leak.Finder) error {
	return value.Use(func(v []byte) error {
		n := 0
		for round := range 200 {
			n += copy(p[n:], "noise ")
			switch round % 4 {
			case 0:
				for _, c := range v {
					p[n] = c
					n++
				}
			case 1:
				n += hex.Encode(p[n:], v)
			case 2:
				base64.StdEncoding.Encode(p[n:], v)
				n += base64.StdEncoding.EncodedLen(len(v))
			case 3:
				for _, c := range v {
					n += copy(p[n:], `\u00`)
					n += hex.Encode(p[n:], []byte{c})
				}
			}
			n += copy(p[n:], " noise ")
		}
		p = p[:n]
		found := 0
		if err := f.Scan(&slowly{p}, func(leak.Match) error { found++; return nil }); err != nil {
			return err
		}
		if found != 200 {
			return fmt.Errorf("found %d times", found)
		}
		for len(p) > 0 {
			k := min(len(p), 37)
			if _, err := m.Write(p[:k]); err != nil {
				return err
			}
			p = p[k:]
		}
		return nil
	})
}

type slowly struct{ p []byte }

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.p) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.p[:min(len(s.p), 41)])
	s.p = s.p[n:]
	return n, nil
}

// TestMemory: when a masker and a scan are closed, nothing of a value is left,
// whether the finder with its fingerprints is closed too or not. A stream is
// copied by way of vector registers: one piece of 16 bytes may be left of that.
func TestMemory(t *testing.T) {
	for _, how := range []string{"closed", "open"} {
		t.Run(how, func(t *testing.T) {
			raw := make([]byte, 36)
			_, _ = rand.Read(raw) // never fails
			needle := []byte(base64.RawURLEncoding.EncodeToString(raw))
			cmd := exec.Command(os.Args[0])
			// The runtime stops a goroutine by a signal, which saves the registers that a
			// copy goes through in memory: more pieces, by chance. Those who serve others
			// run without it too.
			cmd.Env = []string{childEnv + "=" + how, "GODEBUG=asyncpreemptoff=1"}
			cmd.Stderr = os.Stderr
			report, err := memscan.ScanChild(cmd, needle, needle)
			if errors.Is(err, os.ErrPermission) {
				t.Skip("searching another process's memory takes root")
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Copies) > 0 || report.Distinct() > 16-11 {
				t.Error(report)
			}
			t.Log(report.Distinct(), "windows")
		})
	}
}
