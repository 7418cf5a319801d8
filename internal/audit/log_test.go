package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func testLog(t *testing.T) (path string, open func() (*Log, error), verify func(text, sig []byte) bool) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "log")
	verify = func(text, sig []byte) bool { return ed25519.Verify(public, text, sig) }
	open = func() (*Log, error) {
		return OpenLog(path, func(text []byte) ([]byte, error) { return ed25519.Sign(private, text), nil }, verify)
	}
	return path, open, verify
}

func write(t *testing.T, open func() (*Log, error), n int) {
	t.Helper()
	l, err := open()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e := Entry{Time: time.Now(), Member: "ann", Key: "SHA256:x", Action: Used, Project: "web", Objects: []string{fmt.Sprint("KEY_", i)}, Origin: "127.0.0.1:1"}
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLogGoesOn(t *testing.T) {
	path, open, verify := testLog(t)
	write(t, open, 3)
	write(t, open, 2)
	var got []string
	n, head, err := ReadLog(path, verify, func(e Entry) error {
		got = append(got, fmt.Sprint(e.Number, e.Objects))
		return nil
	})
	want := "[1 [KEY_0] 2 [KEY_1] 3 [KEY_2] 4 [KEY_0] 5 [KEY_1]]"
	if err != nil || n != 5 || head == (Hash{}) || fmt.Sprint(got) != want {
		t.Fatalf("%d entries, %v, %v", n, got, err)
	}
}

func TestLogWithoutAFileIsEmpty(t *testing.T) {
	path, _, verify := testLog(t)
	if n, _, err := ReadLog(path, verify, nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

// Whoever changes, drops, doubles or swaps lines is noticed, whatever they do
// short of signing with the server's key or cutting the end.
func TestLogNoticesChanges(t *testing.T) {
	path, open, verify := testLog(t)
	write(t, open, 4)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(good, []byte("\n")), []byte("\n"))
	lines[3] = append(lines[3], '\n')
	join := func(order ...int) []byte {
		var b []byte
		for _, i := range order {
			b = append(b, lines[i]...)
		}
		return b
	}
	cases := map[string][]byte{
		"swapped": join(0, 2, 1, 3), "dropped": join(0, 1, 3), "doubled": join(0, 1, 1, 2, 3), "beginning cut": join(1, 2, 3),
		"half a line inside": append(bytes.Clone(good[:len(good)-20]), '\n'), "garbage": append(bytes.Clone(good), "{}\n"...),
		"endless": append(bytes.Clone(good), bytes.Repeat([]byte("x"), maxLogLine+1)...),
	}
	for name, data := range cases {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadLog(path, verify, nil); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v, want ErrChain", name, err)
		}
		if l, err := open(); !errors.Is(err, ErrChain) {
			_ = l.Close()
			t.Errorf("%s: a server would go on with it: %v", name, err)
		}
	}
	for i := range good[:len(good)-1] { // without the last end of a line, the last is cut off
		bad := bytes.Clone(good)
		bad[i] ^= 0x01
		_, _, _, err := readLog(bytes.NewReader(bad), verify, nil)
		if !errors.Is(err, ErrChain) {
			t.Fatalf("byte %d of %d was flipped and not noticed", i, len(good))
		}
	}
}

func TestLogOfAnotherServer(t *testing.T) {
	path, open, _ := testLog(t)
	write(t, open, 1)
	_, _, other := testLog(t)
	if _, _, err := ReadLog(path, other, nil); !errors.Is(err, ErrChain) {
		t.Fatal(err)
	}
}

func TestLogByMany(t *testing.T) {
	path, open, verify := testLog(t)
	l, err := open()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				if err := l.Append(Entry{Member: "bob", Action: Denied}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := ReadLog(path, verify, nil); n != 200 || err != nil {
		t.Fatal(n, err)
	}
}

// A power cut in the middle of an entry: what it tells of did not happen, and the
// next server goes on behind the last whole one.
func TestLogGoesOnAfterACrash(t *testing.T) {
	path, open, verify := testLog(t)
	write(t, open, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if n, _, err := ReadLog(path, verify, nil); n != 2 || err != nil {
			t.Fatalf("cut at %d of %d: %d entries, %v", cut, len(whole), n, err)
		}
	}
	write(t, open, 1)
	if n, _, err := ReadLog(path, verify, nil); n != 3 || err != nil {
		t.Fatal(n, err)
	}
}

// Two servers must not write one log: the second to write is refused.
func TestLogOfTwo(t *testing.T) {
	path, open, verify := testLog(t)
	first, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := first.Append(Entry{Member: "ann", Action: Used}); err != nil {
		t.Fatal(err)
	}
	if err := second.Append(Entry{Member: "bob", Action: Used}); !errors.Is(err, ErrChain) {
		t.Fatalf("%v, want ErrChain", err)
	}
	if err := first.Append(Entry{Member: "ann", Action: Used}); err != nil {
		t.Fatal(err)
	}
	if n, _, err := ReadLog(path, verify, nil); n != 2 || err != nil {
		t.Fatal(n, err)
	}
}

// A running server reads its own log without looking at what it signed itself;
// that somebody changed it is seen all the same.
func TestLogReadsItself(t *testing.T) {
	path, _, verify := testLog(t)
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	count := func(text, sig []byte) bool { checked++; return verify(text, sig) }
	l, err := OpenLog(path, func(text []byte) ([]byte, error) { return ed25519.Sign(private, text), nil }, count)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 3 {
		if err := l.Append(Entry{Member: fmt.Sprint("m", i), Action: Used}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	n, head, err := l.Read(func(e Entry) error { got = append(got, e.Member); return nil })
	if n != 3 || head != l.head || err != nil || fmt.Sprint(got) != "[m0 m1 m2]" {
		t.Errorf("%d entries, %v, %v", n, got, err)
	}
	if checked != 0 {
		t.Errorf("%d signatures were checked that are its own", checked)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(good, []byte(`"m1"`))
	for name, bad := range map[string][]byte{
		"changed":          bytes.Replace(good, []byte(`"m1"`), []byte(`"mx"`), 1),
		"the last changed": bytes.Replace(good, []byte(`"m2"`), []byte(`"mx"`), 1),
		"cut":              good[:bytes.LastIndexByte(good[:len(good)-1], '\n')+1], "garbage": append(bytes.Repeat([]byte("x"), at), good[at:]...),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Read(nil); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v, want ErrChain", name, err)
		}
	}
}

// A log that is moved away, to rotate it say, ends what its server may do: the
// rest would go where nobody looks.
func TestLogThatIsMoved(t *testing.T) {
	path, open, _ := testLog(t)
	l, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Append(Entry{Member: "ann", Action: Used}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{Member: "ann", Action: Used}); !errors.Is(err, ErrChain) {
		t.Errorf("moved away: %v, want ErrChain", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{Member: "ann", Action: Used}); !errors.Is(err, ErrChain) {
		t.Errorf("another in its place: %v, want ErrChain", err)
	}
	if err := os.Rename(path+".1", path); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{Member: "ann", Action: Used}); err != nil {
		t.Errorf("back in its place: %v", err)
	}
}
