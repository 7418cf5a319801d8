package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

func isName(k string) bool { return k[0] == 0x10 && len(k) == 1+16+8+1+16 && k[25] == 'n' }

// An aged name record (writer without keys, who kept an old copy) redirects a project.
func TestAgedNameRedirectsAProject(t *testing.T) {
	e := store.NewMem()
	key, state := vaulttest.NewKey(t), t.TempDir()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	if err := v.CreateProject(ctx, "prod"); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, v, "prod", "A", "OLD, leaked")
	old := dump(t, e)
	if err := v.RenameProject(ctx, "prod", "prod-retired"); err != nil {
		t.Fatal(err)
	}
	if err := v.CreateProject(ctx, "prod"); err != nil {
		t.Fatal(err)
	}
	vaulttest.Put(t, v, "prod", "A", "new")
	now := dump(t, e)
	for k := range old {
		if isName(k) && !bytes.Equal(old[k], now[k]) {
			now = now.with(k, old[k])
		}
	}
	w, err := vault.Open(ctx, now.engine(t), key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	got, err := vaulttest.Get(w, "prod", "A")
	t.Logf("prod/A = %q, %v", got, err)
	if err == nil && got != "new" {
		t.Errorf("WRONG VALUE unnoticed: %q", got)
	}
	ps, err := w.Projects(ctx)
	t.Logf("projects %v %v", ps, err)
	if d, _ := w.Verify(ctx, nil); len(d) == 0 {
		t.Error("verify saw nothing")
	} else {
		t.Log(d)
	}
	if err := w.Rotate(ctx, nil); err != nil {
		t.Log("rotate refuses:", err)
	} else if d, err := w.Verify(ctx, nil); len(d) == 0 {
		t.Errorf("after a rotation the aged name is signed and verify is clean: %v %v", d, err)
	}
}

// The same by a holder of the read key of one project.
func TestReadKeyForgesName(t *testing.T) {
	e := store.NewMem()
	key := vaulttest.NewKey(t)
	v := vaulttest.On(t, e, key, vault.Options{})
	v.CreateProject(ctx, "prod")
	vaulttest.Put(t, v, "prod", "A", "right")
	vaulttest.Put(t, v, project, "A", "planted")
	k, r := v.ForgeName(project, "prod")
	w, err := vault.Open(ctx, dump(t, e).with(string(k), r).engine(t), key.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got, err := vaulttest.Get(w, "prod", "A"); err == nil && got != "right" {
		t.Errorf("prod/A is %q", got)
	}
}

// A damaged project that precedes must not let another pass for it... and absence is not proved.
func TestAgedNameHidesAProject(t *testing.T) {
	e := store.NewMem()
	key := vaulttest.NewKey(t)
	v := vaulttest.On(t, e, key, vault.Options{})
	old := dump(t, e)
	if err := v.RenameProject(ctx, project, "prod"); err != nil {
		t.Fatal(err)
	}
	now := dump(t, e)
	for k := range old {
		if isName(k) {
			now = now.with(k, old[k])
		}
	}
	w, err := vault.Open(ctx, now.engine(t), key.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.CreateProject(ctx, "prod"); err == nil {
		t.Error("a second project of the name prod was created")
	}
}

func TestRestoredTrustsTheFile(t *testing.T) {
	key, state := vaulttest.NewKey(t), t.TempDir()
	e := store.NewMem()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	vaulttest.Put(t, v, project, "A", "mine")
	old, err := vault.Open(ctx, dump(t, e).engine(t), key.Openers(t), vault.Options{Backup: true})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	restored := vaulttest.Shared(store.NewMem())
	if err := restored.Update(ctx, func(tx store.Tx) error { return old.RestoreInto(ctx, tx, state, nil) }); err != nil {
		t.Fatal(err)
	}
	// a writer replaces the file before Restored looks
	forged := store.NewMem()
	f := vault.ForgeVault(v.ID(), forged, key.Slots, project)
	vaulttest.Put(t, f, project, "A", "forged")
	swapped := dump(t, forged).engine(t)
	if err := old.Restored(state); err != nil {
		t.Log("noticed:", err)
		return
	}
	w, err := vault.Open(ctx, swapped, key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Log("noticed:", err)
		return
	}
	defer w.Close()
	got, _ := vaulttest.Get(w, project, "A")
	t.Errorf("the forged vault is what this machine remembers now: %q", got)
}

func TestForgedBackupIsRestored(t *testing.T) {
	key, evil, state := vaulttest.NewKey(t), vaulttest.NewKey(t), t.TempDir()
	e := store.NewMem()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	vaulttest.Put(t, v, project, "A", "mine")
	forged := store.NewMem()
	two := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		a, err := keyring.NewRecipientSlot(id, "test key", key.Recipient, root)
		if err != nil {
			return nil, err
		}
		b, err := keyring.NewRecipientSlot(id, "laptop", evil.Recipient, root)
		return []*keyring.Slot{a, b}, err
	}
	f := vault.ForgeVault(v.ID(), forged, two, project)
	vaulttest.Put(t, f, project, "A", "planted")
	b, err := vault.Open(ctx, dump(t, forged).engine(t), key.Openers(t), vault.Options{Backup: true, State: state})
	if err != nil {
		t.Log("noticed at open:", err)
		return
	}
	defer b.Close()
	dst := vaulttest.Shared(store.NewMem())
	if err := dst.Update(ctx, func(tx store.Tx) error { return b.RestoreInto(ctx, tx, state, nil) }); err != nil {
		t.Log("noticed at restore:", err)
		return
	}
	if err := b.Restored(state); err != nil {
		t.Log("noticed:", err)
		return
	}
	w, err := vault.Open(ctx, dst, key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Log("noticed:", err)
		return
	}
	defer w.Close()
	vaulttest.Put(t, w, project, "NEW", "stored after the restore")
	x, err := vault.Open(ctx, dst, evil.Openers(t), vault.Options{})
	if err != nil {
		return
	}
	defer x.Close()
	got, _ := vaulttest.Get(x, project, "NEW")
	t.Errorf("the forger of the backup reads %q", got)
}

func TestCloneOverwriteABA(t *testing.T) {
	v := vaulttest.New(t)
	v.CreateProject(ctx, "dst")
	vaulttest.Put(t, v, project, "A", "from the source")
	seen := vaulttest.Put(t, v, "dst", "A", "first") // a form shows version 1
	d := "x"
	for range 4 {
		v.EditSecret(ctx, "dst", "A", vault.Edit{Description: &d})
	}
	if err := v.CloneSecrets(ctx, project, []string{"A"}, "dst", true); err != nil {
		t.Fatal(err)
	}
	now, _ := v.Secret(ctx, "dst", "A")
	t.Logf("version %d after 4 edits and an overwriting clone", now.Version)
	_, err := v.EditSecret(ctx, "dst", "A", vault.Edit{Value: vaulttest.Value(t, "from the form"), IfVersion: seen.Version})
	if !errors.Is(err, vault.ErrConflict) {
		t.Errorf("the form's save overwrote five changes silently: %v", err)
	}
}

func TestRosterBomb(t *testing.T) {
	raw := vault.BombRoster(vault.ID{9}, 60, 100_000)
	r := records{"\x00": vault.HeaderRecord(vault.ID{9}), "\x01": raw}
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	start := time.Now()
	_, err := vault.Peek(ctx, r.engine(t))
	runtime.ReadMemStats(&b)
	per := float64(b.TotalAlloc-a.TotalAlloc) / float64(len(raw))
	t.Logf("%d bytes of roster: %d MiB allocated (x%.0f), %v, %v", len(raw), (b.TotalAlloc-a.TotalAlloc)>>20, per, time.Since(start), err)
	if per > 10 {
		t.Error("amplified")
	}
}

func TestManifestCountsPanic(t *testing.T) {
	v := vaulttest.New(t)
	v.ForgeManifest(project, 1<<62, 0)
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
		}
	}()
	_, err := v.Secrets(ctx, project)
	t.Log(err)
}

// TestVerifyHang: a manifest that claims any number of changes costs no more than
// one that does not. Without a bound this test never ends.
func TestVerifyHang(t *testing.T) {
	v := vaulttest.New(t)
	v.ForgeManifest(project, 0, 1<<62)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := v.Verify(ctx, nil)
	runtime.ReadMemStats(&after)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; len(d) == 0 || err != nil || grown > 64 {
		t.Errorf("%v, %v, %d MiB", d, err, grown)
	}
}

func TestRotateWhileOthersRead(t *testing.T) {
	v := vaulttest.New(t)
	for i := range 200 {
		vaulttest.Put(t, v, project, fmt.Sprintf("A%d", i), "value")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	bad := map[string]int{}
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := vaulttest.Get(v, project, "A1"); err != nil {
					mu.Lock()
					bad[err.Error()]++
					mu.Unlock()
				}
			}
		})
	}
	for range 20 {
		if err := v.Rotate(ctx, nil); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if len(bad) > 0 {
		t.Errorf("%v", bad)
	}
}

func TestAcceptRollbackForgetsTheOthers(t *testing.T) {
	e := store.NewMem()
	key, state := vaulttest.NewKey(t), t.TempDir()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	v.CreateProject(ctx, "other")
	vaulttest.Put(t, v, project, "A", "old")
	aged := dump(t, e)
	v.EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, "new")})
	now := dump(t, e)
	w, err := vault.Open(ctx, now.engine(t), key.Openers(t), vault.Options{State: state, AcceptRollback: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{project, "other"} {
		if _, err := w.Secrets(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if n := len(vault.MemoryOf(state, v.ID())); n != 2 {
		t.Errorf("two projects were read, %d is remembered", n)
	}
	x, err := vault.Open(ctx, aged.engine(t), key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if got, err := vaulttest.Get(x, project, "A"); err == nil {
		t.Errorf("rolled back unnoticed: %q", got)
	}
}

type swap struct {
	store.Engine
}

func TestOneProcessForgets(t *testing.T) {
	e := store.NewMem()
	key := vaulttest.NewKey(t)
	v := vaulttest.On(t, e, key, vault.Options{})
	vaulttest.Put(t, v, project, "A", "old")
	aged := dump(t, e)
	if _, err := v.EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, "new")}); err != nil {
		t.Fatal(err)
	}
	now := dump(t, e)
	s := &swap{now.engine(t)}
	w, err := vault.Open(ctx, s, key.Openers(t), vault.Options{}) // no state directory, or one that cannot be written
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	wantValue(t, w, project, "A", "new")
	s.Engine = aged.engine(t)
	if got, err := vaulttest.Get(w, project, "A"); err == nil {
		t.Errorf("the same open vault goes back in time: %q", got)
	}
}

func TestImportResultOfNothing(t *testing.T) {
	v := vaulttest.New(t)
	vaulttest.Put(t, v, project, "B", "b")
	r, err := v.ImportSecrets(ctx, project, []vault.Draft{{Name: "A", Value: vaulttest.Value(t, "a")}, {Name: "B", Value: vaulttest.Value(t, "b")}}, vault.ImportStrict)
	if err == nil || len(r.Created) > 0 {
		t.Errorf("%v, yet it says created %v", err, r.Created)
	}
}

func TestHead(t *testing.T) {
	v := vaulttest.New(t)
	h, err := v.Head(ctx, project)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{strings.ToUpper(h), "1:" + strings.Repeat("z", 64), "x:" + strings.Repeat("0", 64)} {
		err := v.VerifyHistory(ctx, project, head)
		if !errors.Is(err, vault.ErrInvalid) && err != nil {
			t.Errorf("%s: %v", head, err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	v := vaulttest.New(t)
	v.CreateProject(ctx, "x")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 30 {
				n := fmt.Sprintf("A%d_%d", g, i)
				vaulttest.Put(t, v, project, n, n)
				if got, err := vaulttest.Get(v, project, n); err != nil || got != n {
					t.Errorf("%q %v", got, err)
				}
				v.Secrets(ctx, project)
				v.Projects(ctx)
				v.OwnerFingerprint()
				if i%10 == 0 {
					v.CloneSecrets(ctx, project, []string{n}, "x", true)
				}
			}
		})
	}
	wg.Wait()
	wantClean(t, v)
	x, err := v.Values(ctx, project, []string{"A0_0"})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	if err := x.Use("A0_0", func([]byte) error { return nil }); err != nil {
		t.Error(err)
	}
	x.Close()
	x.Close()
	if err := x.Use("A0_0", func([]byte) error { return nil }); err == nil {
		t.Error("used after Close")
	}
}
