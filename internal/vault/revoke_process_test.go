//go:build unix

package vault_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// The tests' other processes are this binary again, with the name of what it is
// to do in the environment.
const childEnv = "VAULT_TEST_CHILD"

var children = map[string]func(args []string) error{"revoke": childRevoke, "full": childFull}

func TestMain(m *testing.M) {
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

func child(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...) // killed when the test ends
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// childOwner opens the vault of a child's arguments: its path and an identity.
func childOwner(args []string) (*vault.Vault, error) {
	e, err := store.OpenBolt(args[0], store.BoltOptions{})
	if err != nil {
		return nil, err
	}
	t := &testing.T{} // for vaulttest, which only fails it
	return vault.Open(ctx, e, vaulttest.Key{Identity: args[1]}.Openers(t), vault.Options{})
}

// childRevoke revokes and grants until it is killed, and says a line for each.
func childRevoke(args []string) error {
	v, err := childOwner(args)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if _, err := v.Revoke(ctx, "ann", project, nil); err != nil {
			return err
		}
		fmt.Println("revoked")
		if _, err := v.Grant(ctx, "ann", project, both, false, nil); err != nil {
			return err
		}
		fmt.Println("granted")
	}
}

// childFull revokes where files may not grow.
func childFull(args []string) error {
	v, err := childOwner(args)
	if err != nil {
		return err
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return err
	}
	size := uint64(info.Size()) + 32<<10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}); err != nil {
		return err
	}
	_, err = v.Revoke(ctx, "ann", project, nil)
	return fmt.Errorf("no space %t: %w", errors.Is(err, store.ErrNoSpace), err)
}

// onDisk is a team whose vault is a file with n secrets.
func onDisk(t *testing.T, n int) (x *team, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vault.db")
	x = &team{owner: vaulttest.NewKey(t), keys: map[string]vaulttest.Key{"ann": vaulttest.NewKey(t), "bob": vaulttest.NewKey(t)}}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		e, err := store.CreateBolt(ctx, path, store.BoltOptions{}, fill)
		x.e = vaulttest.Shared(e)
		return e, err
	}
	var err error
	if x.v, err = vault.Create(ctx, create, x.owner.Slots, project, vault.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.v.Close)
	if _, err := x.v.ImportSecrets(ctx, project, drafts(n), vault.ImportStrict); err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"ann", "bob"} {
		if _, err := x.v.AddMember(ctx, m, x.keys[m].Recipient); err != nil {
			t.Fatal(err)
		}
		x.grant(t, m, project, both)
	}
	return x, path
}

// TestKilledWhileRevoking: kill -9 at any moment leaves the old epoch or the new
// one, and nothing between.
func TestKilledWhileRevoking(t *testing.T) {
	t.Parallel()
	x, path := onDisk(t, 150)
	kills := 25
	if testing.Short() {
		kills = 5
	}
	const name = "SERVICE_000077_TOKEN"
	want, err := vaulttest.Get(x.v, project, name)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	epoch, in, out := x.v.Epoch(project), 0, 0
	for i := range kills {
		cmd := child(t, "revoke", path, x.owner.Identity)
		lines, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(lines)
		for range 1 + i%4 { // however slow the machine is, something was done
			if _, err := said.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(random.IntN(25_000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, said); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("it ended by itself: %v", err)
		}
		now := x.v.Epoch(project)
		if now < epoch {
			t.Fatalf("kill %d: epoch %d after %d", i, now, epoch)
		}
		epoch = now
		wantClean(t, x.v)
		wantValue(t, x.openAs(t, "bob", vault.Options{}), project, name, want)
		ann := x.openAs(t, "ann", vault.Options{})
		got, err := vaulttest.Get(ann, project, name)
		switch {
		case err == nil && got == want:
			in++
		case errors.Is(err, vault.ErrNoProject):
			out++
			if err := only(x.v.Grant(ctx, "ann", project, both, false, nil)); err != nil { // the next child revokes first
				t.Fatal(err)
			}
		default:
			t.Fatalf("kill %d: ann reads %q, %v", i, got, err)
		}
		if t.Failed() {
			return
		}
	}
	if epoch < uint64(kills)/4 {
		t.Errorf("%d epochs in %d kills: the test tests nothing", epoch, kills)
	}
	t.Logf("%d kills, epoch %d, granted after %d and revoked after %d", kills, epoch, in, out)
}

// TestRevokingOnAFullDisk: it is said, and nothing happened.
func TestRevokingOnAFullDisk(t *testing.T) {
	t.Parallel()
	x, path := onDisk(t, 2000)
	before := dump(t, x.e)
	out, err := child(t, "full", path, x.owner.Identity).Output()
	if err == nil || !strings.HasPrefix(string(out), "error: no space true") {
		t.Fatalf("%s, %v", out, err)
	}
	after := dump(t, x.e)
	if len(before) != len(after) {
		t.Errorf("%d records before, %d after", len(before), len(after))
	}
	for k, v := range before {
		if string(after[k]) != string(v) {
			t.Fatalf("record %x changed", k)
		}
	}
	if err := store.CheckStructure(path); err != nil {
		t.Error(err)
	}
	wantClean(t, x.v)
	if lost, err := x.v.Revoke(ctx, "ann", project, nil); err != nil || len(lost) != 2000 {
		t.Errorf("with room again: %d, %v", len(lost), err)
	}
	wantClean(t, x.v)
}
