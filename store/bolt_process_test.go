//go:build unix

package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacenda/internal/prooftest"
	"tacenda/store"
)

// TestHolder: who cannot get the vault learns which process has it.
func TestHolder(t *testing.T) {
	path := place(t)
	b := create(t, path, brief, someRecords)
	update := func() error { return b.Update(t.Context(), func(store.Tx) error { return nil }) }
	for what, blocked := range map[string]map[string]func() error{
		"write": {
			"View":   func() error { _, err := readAll(b); return err },
			"Update": update,
			"Open":   func() error { _, err := store.OpenBolt(path, brief); return err },
		},
		"read": {"Update": update, "Compact": func() error { return b.Compact(t.Context()) }},
	} {
		cmd, _ := started(t, what, path)
		for name, try := range blocked {
			err := try()
			var busy *store.BusyError
			if !errors.As(err, &busy) || !errors.Is(err, store.ErrBusy) {
				t.Errorf("%s beside a %s = %v, want a BusyError", name, what, err)
				continue
			}
			if runtime.GOOS == "linux" && (busy.PID != cmd.Process.Pid || !strings.HasPrefix(busy.Command, "store.test") ||
				!strings.Contains(err.Error(), fmt.Sprintf("process %d (store.test", cmd.Process.Pid))) {
				t.Errorf("%s beside a %s = %v, want process %d (store.test)", name, what, err, cmd.Process.Pid)
			}
		}
		if what == "read" {
			if n, err := readAll(b); n != 200 || err != nil {
				t.Errorf("View beside a View: %d records, %v", n, err)
			}
		}
		do(t, cmd.Process.Kill())
		_ = cmd.Wait()
		do(t, update()) // the kernel let go at once
	}
}

// TestWaits: a lock that is released within the timeout is waited for, and a
// context ends the wait.
func TestWaits(t *testing.T) {
	path := place(t)
	create(t, path, brief, someRecords)
	b, err := store.OpenBolt(path, store.BoltOptions{LockTimeout: time.Minute})
	do(t, err)
	cmd, _ := started(t, "write", path)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	if err := b.View(ctx, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View whose context ends = %v, want context.Canceled", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = cmd.Process.Kill() })
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("View after the wait: %d records, %v", n, err)
	}
}

// TestRenameRace: whoever waits for the lock while the file is replaced writes
// to the new file.
func TestRenameRace(t *testing.T) {
	path := place(t)
	b := create(t, path, store.BoltOptions{}, someRecords)
	other, err := store.OpenBolt(path, store.BoltOptions{LockTimeout: time.Minute})
	do(t, err)
	replace := map[string]func() error{
		"Compact": func() error { return b.Compact(t.Context()) },
		"Replace": func() error { return b.Replace(t.Context(), someRecords) },
	}
	for name, replace := range replace {
		for i := range 30 {
			key := fmt.Appendf(nil, "%s %d", name, i)
			wrote := make(chan error, 1)
			// The writer waits from within the other's transaction on.
			err := b.View(t.Context(), func(store.Tx) error {
				go func() {
					wrote <- other.Update(context.Background(), func(tx store.Tx) error { return tx.Put(key, key) })
				}()
				return nil
			})
			do(t, err)
			do(t, replace())
			do(t, <-wrote)
			if name == "Replace" {
				continue // may have come after the write, and then rightly without it
			}
			do(t, b.View(t.Context(), func(tx store.Tx) error {
				if v, err := tx.Get(key); err != nil || !bytes.Equal(v, key) {
					return fmt.Errorf("an acknowledged write is lost: %q, %v", v, err)
				}
				return nil
			}))
		}
	}
	// Another process in the middle of its own transaction is waited for.
	cmd, _ := started(t, "write", path)
	impatient, err := store.ReplaceBolt(t.Context(), path, brief, someRecords)
	if impatient != nil || !errors.Is(err, store.ErrBusy) {
		t.Errorf("ReplaceBolt beside a writer = %v, want ErrBusy", err)
	}
	do(t, cmd.Process.Kill())
}

// TestProcesses: many processes read and write at once, with compactions and
// scrubs between, and nothing is lost or torn.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const writers, watchers, rounds = 4, 3, 40
	path := place(t)
	b := create(t, path, store.BoltOptions{LockTimeout: time.Minute}, someRecords)
	var watching []*exec.Cmd
	var ends []io.Closer
	for range watchers {
		cmd := child(t, "watch", path)
		in, err := cmd.StdinPipe()
		do(t, err)
		do(t, cmd.Start())
		watching, ends = append(watching, cmd), append(ends, in)
	}
	var counting []*exec.Cmd
	for range writers {
		cmd := child(t, "count", path, fmt.Sprint(rounds))
		cmd.Stdout = os.Stderr
		do(t, cmd.Start())
		counting = append(counting, cmd)
	}
	for _, cmd := range counting {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a writer: %v", err)
		}
	}
	for i, cmd := range watching {
		ends[i].Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("a reader: %v", err)
		}
	}
	do(t, b.View(t.Context(), func(tx store.Tx) error {
		x, err := counter(tx, "x")
		if x != writers*rounds {
			t.Errorf("%d changes were made, %d are there", writers*rounds, x)
		}
		return err
	}))
	do(t, store.CheckStructure(path))
	wantNames(t, filepath.Dir(path), "vault.db")
}

// childCommits changes the vault without end, in every way there is, and says
// the number of each change once it is durable.
func childCommits(args []string) error {
	b, err := childOpen(args[0])
	if err != nil {
		return err
	}
	ctx := context.Background()
	fmt.Println("ready")
	for n := uint64(0); ; {
		err := b.Update(ctx, func(tx store.Tx) (err error) {
			if n, err = counter(tx, "x"); err != nil {
				return err
			}
			n++
			if n%3 == 0 {
				if err := tx.Scrub(); err != nil {
					return err
				}
			}
			for i := range uint64(6) {
				if err := setCounter(tx, fmt.Sprintf("record %d", (n*7+i*13)%50), n); err != nil {
					return err
				}
			}
			if err := tx.Delete(fmt.Appendf(nil, "record %d", n%50)); err != nil {
				return err
			}
			return errors.Join(setCounter(tx, "x", n), setCounter(tx, "y", n))
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
		if n%10 == 0 {
			if err := b.Compact(ctx); err != nil {
				return err
			}
		}
	}
}

// TestKill kills writers at random moments: what was acknowledged is there, and
// the file is whole. STORE_TEST_KILLS=1000 is the long form.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 100
	if s := os.Getenv("STORE_TEST_KILLS"); s != "" {
		if _, err := fmt.Sscan(s, &kills); err != nil {
			t.Fatal(err)
		}
	}
	path := place(t)
	b := create(t, path, store.BoltOptions{}, someRecords)
	random := rand.New(rand.NewPCG(1, 2))
	commits := uint64(0)
	for i := range kills {
		cmd, lines := started(t, "commits", path)
		time.Sleep(time.Duration(random.IntN(25_000)) * time.Microsecond)
		do(t, cmd.Process.Kill())
		out, err := io.ReadAll(lines)
		do(t, err)
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("the writer ended by itself: %v, %s", err, out)
		}
		acknowledged := lastLine(t, string(out))
		do(t, b.View(t.Context(), func(tx store.Tx) error {
			x, err1 := counter(tx, "x")
			y, err2 := counter(tx, "y")
			if x != y || x < acknowledged || x < commits {
				t.Errorf("kill %d: x = %d, y = %d, acknowledged %d", i, x, y, acknowledged)
			}
			commits = x
			return errors.Join(err1, err2)
		}))
		do(t, store.CheckStructure(path))
		if t.Failed() {
			return
		}
	}
	if commits < uint64(kills)/4 {
		t.Errorf("only %d changes before %d kills: the test tests nothing", commits, kills)
	}
	do(t, b.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("k"), []byte("v")) }))
	wantNames(t, filepath.Dir(path), "vault.db")
	t.Logf("%d kills, %d changes", kills, commits)
	prooftest.Cases(t, kills, "kills")
}

// lastLine returns the number on the last whole line.
func lastLine(t *testing.T, out string) (n uint64) {
	t.Helper()
	lines := strings.Split(out, "\n")
	if len(lines) < 2 {
		return 0
	}
	if _, err := fmt.Sscan(lines[len(lines)-2], &n); err != nil {
		t.Fatalf("the writer said %q", lines[len(lines)-2])
	}
	return n
}

// childLimited tries to write more than the limit that it sets itself allows.
func childLimited(args []string) error {
	limit := syscall.Rlimit{Cur: 600 << 10, Max: 600 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	b, err := childOpen(args[0])
	if err != nil {
		return err
	}
	err = b.Update(context.Background(), func(tx store.Tx) error { return tx.Put([]byte("large"), make([]byte, 1<<20)) })
	return fmt.Errorf("%t: %w", errors.Is(err, store.ErrNoSpace), err)
}

func TestFileSizeLimit(t *testing.T) {
	path := place(t)
	b := create(t, path, brief, someRecords)
	out, err := child(t, "limited", path).Output()
	if err == nil || !strings.HasPrefix(string(out), "error: true: cannot write vault") || !strings.Contains(string(out), "nothing changed") {
		t.Errorf("beyond the limit: %s, %v", out, err)
	}
	if n, err := readAll(b); n != 200 || err != nil {
		t.Errorf("after that: %d records, %v", n, err)
	}
	do(t, store.CheckStructure(path))
}
