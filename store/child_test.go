//go:build unix

package store_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"tacenda/internal/trap"
	"tacenda/store"
)

// The tests' other processes are this binary again, with the name of what it is
// to do in the environment.
const childEnv = "STORE_TEST_CHILD"

var children = map[string]func(args []string) error{
	"read":      childRead,
	"write":     childWrite,
	"count":     childCount,
	"watch":     childWatch,
	"commits":   childCommits,
	"limited":   childLimited,
	"mutations": childMutations,
	"steps":     childSteps,
}

func TestMain(m *testing.M) {
	trap.Child()
	what := os.Getenv(childEnv)
	if what == "" {
		os.Exit(m.Run())
	}
	run, ok := children[what]
	if !ok { // never the tests again: they would start children without end
		fmt.Println("error: unknown child", what)
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func child(t testing.TB, what string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context() // kills it when the test ends
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// started starts a child and waits for its first line.
func started(t testing.TB, what string, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := child(t, what, args...)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child %q said %q, %v", what, line, err)
	}
	return cmd, lines
}

func childOpen(path string) (*store.Bolt, error) {
	return store.OpenBolt(path, store.BoltOptions{LockTimeout: time.Minute})
}

// hold says that the transaction has begun and ends it with standard input.
func hold(store.Tx) error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func childRead(args []string) error {
	b, err := childOpen(args[0])
	if err != nil {
		return err
	}
	return b.View(context.Background(), hold)
}

func childWrite(args []string) error {
	b, err := childOpen(args[0])
	if err != nil {
		return err
	}
	return b.Update(context.Background(), hold)
}

// childCount adds 1 to two counters as often as args say, in one transaction each.
// Every tenth time it also compacts or scrubs.
func childCount(args []string) error {
	b, err := childOpen(args[0])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for i := range rounds {
		err := b.Update(context.Background(), func(tx store.Tx) error {
			if i%10 == 3 {
				if err := tx.Scrub(); err != nil {
					return err
				}
			}
			n, err := counter(tx, "x")
			if err != nil {
				return err
			}
			return errors.Join(setCounter(tx, "x", n+1), setCounter(tx, "y", n+1))
		})
		if err == nil && i%10 == 7 {
			err = b.Compact(context.Background())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// childWatch reads both counters until standard input ends: never half of a change,
// never backwards.
func childWatch(args []string) error {
	b, err := childOpen(args[0])
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	fmt.Println("ready")
	for last, reads := uint64(0), 0; ; reads++ {
		select {
		case <-stop:
			fmt.Println("reads", reads)
			return nil
		case <-time.After(time.Millisecond): // a start of a program takes longer
		}
		var x, y uint64
		err := b.View(context.Background(), func(tx store.Tx) (err error) {
			if x, err = counter(tx, "x"); err != nil {
				return err
			}
			y, err = counter(tx, "y")
			return err
		})
		if err != nil {
			return err
		}
		if x != y || x < last {
			return fmt.Errorf("read x = %d, y = %d after %d", x, y, last)
		}
		last = x
	}
}

func counter(tx store.Tx, key string) (uint64, error) {
	v, err := tx.Get([]byte(key))
	if err != nil || v == nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

func setCounter(tx store.Tx, key string, n uint64) error {
	// The tail varies in length, so that pages split and merge.
	return tx.Put([]byte(key), append(binary.BigEndian.AppendUint64(nil, n), bytes.Repeat([]byte{byte(n)}, int(n*37%700))...))
}

// powerSteps is how many steps childSteps takes.
const powerSteps = 36

// step is what is done to the vault in step n, after which both counters are n.
func step(ctx context.Context, path string, n uint64) error {
	fill := func(tx store.Tx) error {
		key := fmt.Sprintf("record %d", n%4)
		if scrubs(n) {
			if err := tx.Scrub(); err != nil {
				return err
			}
		}
		return errors.Join(setCounter(tx, "x", n), setCounter(tx, "y", n), tx.Put([]byte(key), stepValue(n)))
	}
	if n == 1 {
		_, err := store.CreateBolt(ctx, path, store.BoltOptions{}, fill)
		return err
	}
	b, err := store.OpenBolt(path, store.BoltOptions{})
	if err != nil {
		return err
	}
	switch n % 9 {
	case 4:
		if err := b.Compact(ctx); err != nil {
			return err
		}
	case 8:
		return b.Replace(ctx, fill)
	}
	return b.Update(ctx, fill)
}

func scrubs(n uint64) bool { return n%3 == 0 }

func stepValue(n uint64) []byte { return ciphertext(n, int(100+n*997%6000)) }

func childSteps(args []string) error {
	for n := uint64(1); n <= powerSteps; n++ {
		if err := step(context.Background(), args[0], n); err != nil {
			return err
		}
		fmt.Println("step", n)
	}
	return nil
}
