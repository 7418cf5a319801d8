package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// records is everything an engine holds, so that a test can play the writer who
// may change the file.
type records map[string][]byte

func dump(t testing.TB, e store.Engine) records {
	t.Helper()
	out := records{}
	err := e.View(ctx, func(tx store.Tx) error {
		return tx.Range(nil, func(k, v []byte) error { out[string(k)] = bytes.Clone(v); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r records) engine(t testing.TB) store.Engine {
	t.Helper()
	e := store.NewMem()
	err := e.Update(ctx, func(tx store.Tx) error {
		for _, k := range slices.Sorted(maps.Keys(r)) {
			if err := tx.Put([]byte(k), r[k]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return vaulttest.Shared(e)
}

func (r records) with(key string, value []byte) records {
	out := maps.Clone(r)
	if value == nil {
		delete(out, key)
	} else {
		out[key] = value
	}
	return out
}

// small is a vault with two projects that hold the same names.
type small struct {
	key    vaulttest.Key
	root   rootOpener                   // the slots have tests of their own; this one costs nothing to try
	values map[string]map[string]string // project, name
	texts  map[string]map[string]string // project, "tool one" or "instruction one"; none unless addTexts was called
}

func newSmall(t testing.TB, e store.Engine) (small, *vault.Vault) {
	s := small{key: vaulttest.NewKey(t), values: map[string]map[string]string{project: {}, "other": {}}}
	create := func(fill func(store.Tx) error) (store.Engine, error) { return e, e.Update(ctx, fill) }
	slots := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		err := root.Use(func(b []byte) error { s.root = bytes.Clone(b); return nil })
		if err != nil {
			return nil, err
		}
		return s.key.Slots(id, root)
	}
	v, err := vault.Create(ctx, create, slots, project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	if err := v.CreateProject(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	for p, values := range s.values {
		for _, n := range []string{"A", "B"} {
			values[n] = fmt.Sprintf("the value of %s in %s", n, p)
			vaulttest.Put(t, v, p, n, values[n])
		}
	}
	return s, v
}

// verdict opens what a writer left. It fails when a value is wrong, and says
// whether anything was noticed.
func (s small) verdict(t *testing.T, what string, r records) (noticed bool) {
	t.Helper()
	v, err := vault.Open(ctx, r.engine(t), []keyring.Unlocker{s.root}, vault.Options{})
	if err != nil {
		wantKnown(t, what, err)
		return true
	}
	defer v.Close()
	return s.read(t, what, v, wantKnown)
}

// read reads all that the vault should hold, and verifies it. It fails for what
// is wrong, and says whether anything was noticed; known is for the errors.
func (s small) read(t *testing.T, what string, v *vault.Vault, known func(*testing.T, string, error)) (noticed bool) {
	t.Helper()
	for p, values := range s.values {
		if _, err := v.Secrets(ctx, p); err != nil {
			known(t, what, err)
			noticed = true
		}
		for n, want := range values {
			got, err := vaulttest.Get(v, p, n)
			if err != nil {
				known(t, what, err)
				noticed = true
			} else if got != want {
				t.Errorf("%s: %s in %s is now %q", what, n, p, got)
			}
		}
	}
	for p := range s.texts {
		noticed = s.readTexts(t, what, v, p, known) || noticed
	}
	damage, err := v.Verify(ctx, nil)
	if err != nil {
		known(t, what, err)
	}
	return noticed || err != nil || len(damage) > 0
}

// wantKnown fails for an error that a face would have no exit code for.
func wantKnown(t *testing.T, what string, err error) {
	t.Helper()
	for _, known := range []error{vault.ErrDamaged, vault.ErrVersion, vault.ErrLocked, vault.ErrNotFound} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("%s: %v is no error of a damaged vault", what, err)
}

func wantNoticed(t *testing.T, s small, what string, r records) {
	t.Helper()
	if !s.verdict(t, what, r) {
		t.Errorf("%s: nothing was noticed", what)
	}
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	e := store.NewMem()
	s, _ := newSmall(t, e)
	all := dump(t, e)
	cases := 0
	if s.verdict(t, "untouched", all) {
		t.Fatal("damage in an untouched vault")
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	for key, value := range all {
		every := step
		if len(value) > 4096 { // a manifest is 8 KiB of digests that are all alike
			every = max(step, 29)
		}
		for i := 0; i < len(value); i += every {
			flipped := bytes.Clone(value)
			flipped[i] ^= 1 << (i % 8)
			wantNoticed(t, s, fmt.Sprintf("record %x, byte %d", key, i), all.with(key, flipped))
			cases++
		}
	}
	prooftest.Cases(t, cases, "flipped bytes")
}

func TestEveryShortenedOrMissingRecordIsNoticed(t *testing.T) {
	e := store.NewMem()
	s, _ := newSmall(t, e)
	all := dump(t, e)
	for key, value := range all {
		wantNoticed(t, s, fmt.Sprintf("record %x gone", key), all.with(key, nil))
		for _, n := range []int{1, len(value) / 2, len(value) - 1} {
			wantNoticed(t, s, fmt.Sprintf("record %x cut to %d", key, n), all.with(key, value[:n]))
		}
		wantNoticed(t, s, fmt.Sprintf("record %x longer", key), all.with(key, append(bytes.Clone(value), 0)))
	}
	prooftest.Cases(t, 5*len(all), "removed, cut or longer records")
}

func TestEverySwappedOrDoubledRecordIsNoticed(t *testing.T) {
	e := store.NewMem()
	s, _ := newSmall(t, e)
	all := dump(t, e)
	keys := slices.Sorted(maps.Keys(all))
	cases := 0
	for i, a := range keys {
		for _, b := range keys[i+1:] {
			if bytes.Equal(all[a], all[b]) {
				continue
			}
			wantNoticed(t, s, fmt.Sprintf("%x and %x swapped", a, b), all.with(a, all[b]).with(b, all[a]))
			wantNoticed(t, s, fmt.Sprintf("%x put at %x", a, b), all.with(b, all[a]))
			cases += 2
		}
		stray := []byte(a)
		stray[len(stray)-1] ^= 0x80
		if _, taken := all[string(stray)]; !taken {
			wantNoticed(t, s, fmt.Sprintf("%x doubled", a), all.with(string(stray), all[a]))
			cases++
		}
	}
	prooftest.Cases(t, cases, "swapped, misplaced or doubled records")
}

func TestAgedRecordsAreNoticed(t *testing.T) {
	e := store.NewMem()
	s, v := newSmall(t, e)
	before := dump(t, e)
	for n := range s.values[project] {
		s.values[project][n] += ", edited"
		if _, err := v.EditSecret(ctx, project, n, vault.Edit{Value: vaulttest.Value(t, s.values[project][n])}); err != nil {
			t.Fatal(err)
		}
	}
	after := dump(t, e)
	aged := 0
	for key, old := range before {
		if !bytes.Equal(old, after[key]) {
			wantNoticed(t, s, fmt.Sprintf("record %x aged", key), after.with(key, old))
			aged++
		}
	}
	if aged < 4 {
		t.Errorf("only %d records changed by two edits", aged)
	}
	prooftest.Cases(t, aged, "aged records")
}

func TestRecordsOfAnotherVaultAreNoticed(t *testing.T) {
	e, f := store.NewMem(), store.NewMem()
	s, _ := newSmall(t, e)
	vaulttest.On(t, f, s.key, vault.Options{}) // the same owner's
	mine, other := dump(t, e), dump(t, f)
	for key, value := range other {
		wantNoticed(t, s, fmt.Sprintf("record %x of another vault", key), mine.with(key, value))
	}
	prooftest.Cases(t, len(other), "records of another vault")
}

func TestOlderAndForkedVaultsAreRefused(t *testing.T) {
	e := store.NewMem()
	key, state := vaulttest.NewKey(t), t.TempDir()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	open := func(r records, o vault.Options) error {
		w, err := vault.Open(ctx, r.engine(t), key.Openers(t), o)
		if err != nil {
			return err
		}
		defer w.Close()
		_, err = w.Secrets(ctx, project)
		return err
	}
	remember := vault.Options{State: state}
	first := dump(t, e)
	vaulttest.Put(t, v, project, "A", "a")
	second := dump(t, e)
	if err := open(second, remember); err != nil {
		t.Errorf("the newest state: %v", err)
	}
	wantErr(t, "an older state", open(first, remember), vault.ErrRollback)
	if err := open(first, vault.Options{State: t.TempDir()}); err != nil {
		t.Errorf("an older state on a machine that never saw a newer one: %v", err)
	}

	fork, err := vault.Open(ctx, first.engine(t), key.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fork.Close()
	vaulttest.Put(t, fork, project, "B", "b")
	forked := first.engine(t)
	w, err := vault.Open(ctx, forked, key.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	vaulttest.Put(t, w, project, "C", "c")
	wantErr(t, "a fork of the same age", open(dump(t, forked), remember), vault.ErrRollback)

	if err := v.CreateProject(ctx, "more"); err != nil { // a roster that is newer
		t.Fatal(err)
	}
	wantErr(t, "an older roster", open(second, remember), vault.ErrRollback)
	if err := open(first, vault.Options{State: state, AcceptRollback: true}); err != nil {
		t.Errorf("accepting the older state: %v", err)
	}
	if err := open(first, remember); err != nil {
		t.Errorf("once accepted, the older state is what this machine knows: %v", err)
	}
}

func TestRotatedOwnersAreFollowed(t *testing.T) {
	e := store.NewMem()
	key, state := vaulttest.NewKey(t), t.TempDir()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	vaulttest.Put(t, v, project, "A", "a")
	elsewhere := t.TempDir() // another machine, which sees the first and the last state only
	look := func(r records) error {
		w, err := vault.Open(ctx, r.engine(t), key.Openers(t), vault.Options{State: elsewhere})
		if err != nil {
			return err
		}
		defer w.Close()
		_, err = w.Secrets(ctx, project)
		return err
	}
	if err := look(dump(t, e)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := v.Rotate(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := look(dump(t, e)); err != nil {
		t.Errorf("three rotations later: %v", err)
	}
	foreign := store.NewMem()
	vaulttest.On(t, foreign, key, vault.Options{})
	mine, theirs := dump(t, e), dump(t, foreign)
	roster := string([]byte{1})
	wantErrOneOf(t, "a roster of another owner", look(mine.with(roster, theirs[roster])), vault.ErrDamaged, vault.ErrRollback)
}

func wantErrOneOf(t *testing.T, doing string, err error, want ...error) {
	t.Helper()
	if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		t.Errorf("%s: got %v, want one of %v", doing, err, want)
	}
}

func TestRestoreIsNewerThanWhatItReplaces(t *testing.T) {
	e := store.NewMem()
	key, state := vaulttest.NewKey(t), t.TempDir()
	v := vaulttest.On(t, e, key, vault.Options{State: state})
	vaulttest.Put(t, v, project, "A", "in the backup")
	backup := dump(t, e).engine(t)
	if _, err := v.EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, "after the backup")}); err != nil {
		t.Fatal(err)
	}
	old, err := vault.Open(ctx, backup, key.Openers(t), vault.Options{Backup: true, State: state})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	restored := vaulttest.Shared(store.NewMem())
	err = restored.Update(ctx, func(tx store.Tx) error { return old.RestoreInto(ctx, tx, state, nil) })
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Restored(state); err != nil {
		t.Fatal(err)
	}
	w, err := vault.Open(ctx, restored, key.Openers(t), vault.Options{State: state})
	if err != nil {
		t.Fatalf("opening the restored vault where the newer one was seen: %v", err)
	}
	defer w.Close()
	wantValue(t, w, project, "A", "in the backup")
	wantClean(t, w)
}

func TestHeadersFromElsewhere(t *testing.T) {
	e := store.NewMem()
	s, _ := newSmall(t, e)
	all := dump(t, e)
	header := string([]byte{0})
	i := bytes.IndexByte(all[header], 2) // {1: magic, 2: version, 3: id}: the key 2, then the version
	future := bytes.Clone(all[header])
	future[i+1] = 9
	_, err := vault.Open(ctx, all.with(header, future).engine(t), s.key.Openers(t), vault.Options{})
	wantErr(t, "a vault of format 9", err, vault.ErrVersion)
	_, err = vault.Open(ctx, all.with(header, []byte("junk")).engine(t), s.key.Openers(t), vault.Options{})
	wantErr(t, "a junk header", err, vault.ErrDamaged)
	_, err = vault.Open(ctx, records{}.engine(t), s.key.Openers(t), vault.Options{})
	wantErr(t, "an empty engine", err, vault.ErrDamaged)
	_, err = vault.Open(ctx, all.engine(t), vaulttest.NewKey(t).Openers(t), vault.Options{})
	wantErr(t, "somebody else's key", err, vault.ErrLocked)
}
