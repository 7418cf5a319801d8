package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tacenda/internal/audit"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/store"
)

var kinds = []vault.TextKind{vault.Tool, vault.Instruction}

// setText stores a text that must be accepted.
func setText(t testing.TB, v *vault.Vault, project string, k vault.TextKind, name, text string) vault.Text {
	t.Helper()
	got, err := v.SetText(ctx, project, k, name, text, 0)
	if err != nil {
		t.Fatalf("setting the %s %s: %v", k, name, err)
	}
	return got
}

// texts is what a project keeps: "tool charge" and its text.
func texts(t testing.TB, v *vault.Vault, project string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, k := range kinds {
		list, err := v.Texts(ctx, project, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			out[k.String()+" "+x.Name] = x.Text
		}
	}
	return out
}

func wantTexts(t *testing.T, v *vault.Vault, project string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, texts(t, v, project)); diff != "" {
		t.Errorf("texts of %s:\n%s", project, diff)
	}
}

func TestTextLivesItsLife(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.String(), func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0).UTC()
			v := vaulttest.On(t, store.NewMem(), vaulttest.NewKey(t), vault.Options{Now: func() time.Time { return now }})
			list, err := v.Texts(ctx, project, k)
			if err != nil || list == nil || len(list) != 0 {
				t.Errorf("an empty project has %v, %v", list, err)
			}
			want := vault.Text{Project: project, Kind: k, Name: "charge", Text: "to {{A}}\r\n\x00", Created: now, Updated: now, Author: "test key", Version: 1}
			got, err := v.SetText(ctx, project, k, want.Name, want.Text, 0)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("creating it: %v\n%s", err, diff)
			}
			now = now.Add(time.Hour)
			want.Text, want.Updated, want.Version = "to {{B}}", now, 2
			got, err = v.SetText(ctx, project, k, want.Name, want.Text, 1)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("replacing it: %v\n%s", err, diff)
			}
			got, err = v.Text(ctx, project, k, want.Name)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("reading it back: %v\n%s", err, diff)
			}

			_, err = v.SetText(ctx, project, k, want.Name, "late", 1)
			var conflict *vault.ConflictError
			if wantErr(t, "replacing a version that is gone", err, vault.ErrConflict); !errors.As(err, &conflict) || conflict.Version != 2 || conflict.Author != "test key" {
				t.Errorf("the conflict says %+v", conflict)
			}
			if _, err := v.SetText(ctx, project, k, want.Name, "again", vault.NewText); !errors.Is(err, vault.ErrConflict) {
				t.Errorf("made over another: %v", err)
			}
			if fresh, err := v.SetText(ctx, project, k, "fresh", "text", vault.NewText); err != nil || fresh.Version != 1 {
				t.Errorf("version %d, %v", fresh.Version, err)
			} else if err := v.DeleteText(ctx, project, k, "fresh"); err != nil {
				t.Error(err)
			}
			_, err = v.SetText(ctx, project, k, "none", "late", 1)
			wantErr(t, "replacing what is not there", err, vault.ErrNotFound)

			setText(t, v, project, k, "9.a_b-c", "x")
			setText(t, v, project, k, "ask", "x")
			list, err = v.Texts(ctx, project, k)
			var got3 []string
			for _, x := range list {
				got3 = append(got3, x.Name)
			}
			if diff := cmp.Diff([]string{"9.a_b-c", "ask", "charge"}, got3); err != nil || diff != "" {
				t.Errorf("listing: %v\n%s", err, diff)
			}
			for _, n := range got3 {
				if err := v.DeleteText(ctx, project, k, n); err != nil {
					t.Error(err)
				}
			}
			wantErr(t, "deleting it twice", v.DeleteText(ctx, project, k, "ask"), vault.ErrNotFound)
			_, err = v.Text(ctx, project, k, "ask")
			wantErr(t, "reading a deleted text", err, vault.ErrNotFound)
			wantTexts(t, v, project, map[string]string{})
			wantClean(t, v)
		})
	}
}

// TestTextKindsAreApart: a tool and an instruction of the same name, and a
// secret beside them, know nothing of each other, nor do projects.
func TestTextKindsAreApart(t *testing.T) {
	v := vaulttest.New(t)
	if err := v.CreateProject(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	setText(t, v, project, vault.Tool, "same", "a tool")
	setText(t, v, project, vault.Instruction, "same", "an instruction")
	setText(t, v, "other", vault.Instruction, "same", "another's")
	wantTexts(t, v, project, map[string]string{"tool same": "a tool", "instruction same": "an instruction"})
	if err := v.DeleteText(ctx, project, vault.Tool, "same"); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, v, project, map[string]string{"instruction same": "an instruction"})
	wantTexts(t, v, "other", map[string]string{"instruction same": "another's"})
	list, err := v.Projects(ctx)
	if err != nil || list[0].Tools != 0 || list[0].Instructions != 1 {
		t.Errorf("counted %+v, %v", list, err)
	}
	wantClean(t, v)
}

func TestTextsThatAreRefused(t *testing.T) {
	v := vaulttest.New(t)
	before := texts(t, v, project)
	for what, c := range map[string]struct {
		kind          vault.TextKind
		project, name string
		text          string
		want          error
	}{
		"no text":             {vault.Tool, project, "x", "", vault.ErrInvalid},
		"too long":            {vault.Tool, project, "x", strings.Repeat("x", vault.MaxText+1), vault.ErrInvalid},
		"not UTF-8":           {vault.Instruction, project, "x", "a\xff", vault.ErrInvalid},
		"no name":             {vault.Instruction, project, "", "x", vault.ErrInvalid},
		"a secret's name":     {vault.Tool, project, "API_KEY", "x", vault.ErrInvalid},
		"a long name":         {vault.Tool, project, strings.Repeat("x", vault.MaxName+1), "x", vault.ErrInvalid},
		"a kind of its own":   {vault.TextKind('s'), project, "x", "x", vault.ErrInvalid},
		"no such project":     {vault.Tool, "nowhere", "x", "x", vault.ErrNoProject},
		"a malformed project": {vault.Tool, "No Where", "x", "x", vault.ErrInvalid},
	} {
		_, err := v.SetText(ctx, c.project, c.kind, c.name, c.text, 0)
		wantErr(t, what, err, c.want)
	}
	wantTexts(t, v, project, before)
	for _, k := range kinds {
		setText(t, v, project, k, "longest", strings.Repeat("x", vault.MaxText))
		_, err := v.Text(ctx, project, k, "No")
		wantErr(t, "reading a malformed name", err, vault.ErrInvalid)
		wantErr(t, "deleting a malformed name", v.DeleteText(ctx, project, k, "No"), vault.ErrInvalid)
	}
	wantClean(t, v)
}

func TestHistoryKnowsTexts(t *testing.T) {
	v := vaulttest.New(t)
	setText(t, v, project, vault.Tool, "charge", "a")
	setText(t, v, project, vault.Tool, "charge", "b")
	setText(t, v, project, vault.Instruction, "rules", "c")
	if _, err := v.SetText(ctx, project, vault.Instruction, "rules", "d", 9); err == nil {
		t.Error("no conflict")
	}
	for _, k := range kinds {
		name := map[vault.TextKind]string{vault.Tool: "charge", vault.Instruction: "rules"}[k]
		if err := v.DeleteText(ctx, project, k, name); err != nil {
			t.Fatal(err)
		}
	}
	events, err := v.Events(ctx, project)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events[1:] { // the first is the project's creation
		got = append(got, string(e.Action)+" "+e.Object)
	}
	want := []string{
		string(audit.ToolSet) + " charge", string(audit.ToolSet) + " charge", string(audit.InstructionSet) + " rules",
		string(audit.ToolDeleted) + " charge", string(audit.InstructionDeleted) + " rules",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantClean(t, v)
}

// TestNothingOfAReplacedTextStays: neither its old record nor its plain text is
// among the records afterwards.
func TestNothingOfAReplacedTextStays(t *testing.T) {
	e := store.NewMem()
	v := vaulttest.On(t, e, vaulttest.NewKey(t), vault.Options{})
	setText(t, v, project, vault.Instruction, "rules", "first, and a long one, to be found")
	old := dump(t, e)
	setText(t, v, project, vault.Instruction, "rules", "second")
	if err := v.DeleteText(ctx, project, vault.Instruction, "rules"); err != nil {
		t.Fatal(err)
	}
	now := dump(t, e)
	for key, record := range old {
		if isText(key) {
			for _, other := range now {
				if bytes.Equal(other, record) {
					t.Error("the record of a deleted instruction is still there")
				}
			}
		}
	}
	for key, record := range old {
		if bytes.Contains(record, []byte("to be found")) || bytes.Contains([]byte(key), []byte("rules")) {
			t.Errorf("record %x is not sealed", key)
		}
	}
}

// isText tells the engine key of a tool or an instruction.
func isText(k string) bool {
	return k[0] == 0x10 && len(k) == 1+16+8+1+16 && (k[25] == 't' || k[25] == 'i')
}

// withTexts is a vault with secrets, tools and instructions in the project.
func withTexts(t testing.TB, e store.Engine, opts vault.Options) (*vault.Vault, vaulttest.Key, map[string]string) {
	t.Helper()
	key := vaulttest.NewKey(t)
	v := vaulttest.On(t, e, key, opts)
	kept := map[string]string{}
	for i := range 5 {
		vaulttest.Put(t, v, project, fmt.Sprintf("S%d", i), fmt.Sprintf("value %d", i))
		for _, k := range kinds {
			name, text := fmt.Sprintf("%s-%d", k, i), fmt.Sprintf("%s number %d uses {{S%d}}", k, i, i)
			setText(t, v, project, k, name, text)
			kept[k.String()+" "+name] = text
		}
	}
	return v, key, kept
}

func TestDuplicatingRotatingAndRestoringKeepTexts(t *testing.T) {
	state := t.TempDir()
	e := vaulttest.Shared(store.NewMem())
	v, key, kept := withTexts(t, e, vault.Options{State: state})
	if err := v.DuplicateProject(ctx, project, "copy"); err != nil {
		t.Fatal(err)
	}
	// Each has its own life from then on, under the same name after a rename.
	setText(t, v, "copy", vault.Tool, "tool-0", "the copy's own")
	if err := v.DeleteText(ctx, project, vault.Instruction, "instruction-1"); err != nil {
		t.Fatal(err)
	}
	copied := maps.Clone(kept)
	copied["tool tool-0"] = "the copy's own"
	delete(kept, "instruction instruction-1")
	if err := v.RenameProject(ctx, "copy", "renamed"); err != nil {
		t.Fatal(err)
	}
	check := func(what string, v *vault.Vault) {
		t.Helper()
		t.Log(what)
		wantTexts(t, v, project, kept)
		wantTexts(t, v, "renamed", copied)
		wantValue(t, v, "renamed", "S3", "value 3")
		wantClean(t, v)
	}
	check("duplicated and renamed", v)
	if err := v.Rotate(ctx, nil); err != nil {
		t.Fatal(err)
	}
	check("rotated", v)

	backup := dump(t, e).engine(t)
	for _, k := range kinds {
		setText(t, v, project, k, "later", "after the backup")
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
	w, err := vault.Open(ctx, restored, key.Openers(t), vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	check("restored", w)

	if err := w.DeleteProject(ctx, "renamed"); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, w, project, kept)
	wantClean(t, w)
	left := 0
	for key := range dump(t, restored) {
		if isText(key) {
			left++
		}
	}
	if left != len(kept) {
		t.Errorf("%d records of tools and instructions are left of %d", left, len(kept))
	}
}

// errFault is what a failing engine fails with.
var errFault = errors.New("the disk failed")

// failing is an engine whose fail-th change fails, as a disk does at any moment.
type failing struct {
	store.Engine
	fail int // 0: never
	done int // changes of the last transaction
}

func (e *failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	e.done = 0
	return e.Engine.Update(ctx, func(tx store.Tx) error { return fn(&failingTx{tx, e}) })
}

type failingTx struct {
	store.Tx
	e *failing
}

func (tx *failingTx) step() error {
	if tx.e.done++; tx.e.done == tx.e.fail {
		return errFault
	}
	return nil
}

func (tx *failingTx) Put(key, value []byte) error {
	if err := tx.step(); err != nil {
		return err
	}
	return tx.Tx.Put(key, value)
}

func (tx *failingTx) Delete(key []byte) error {
	if err := tx.step(); err != nil {
		return err
	}
	return tx.Tx.Delete(key)
}

func (tx *failingTx) Scrub() error {
	if err := tx.step(); err != nil {
		return err
	}
	return tx.Tx.Scrub()
}

// TestDuplicateIsAllOrNothing lets every single change of a duplication fail, on
// both engines: the vault is what it was, record by record, and goes on working.
func TestDuplicateIsAllOrNothing(t *testing.T) {
	bolt := func(t *testing.T) store.Engine {
		path := filepath.Join(t.TempDir(), "vault.db")
		e, err := store.CreateBolt(ctx, path, store.BoltOptions{}, func(tx store.Tx) error { return tx.Put([]byte{0xee}, []byte{0xee}) })
		if err == nil {
			err = e.Update(ctx, func(tx store.Tx) error { return tx.Delete([]byte{0xee}) })
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for name, engine := range map[string]func(*testing.T) store.Engine{
		"memory": func(*testing.T) store.Engine { return store.NewMem() },
		"bolt":   bolt,
	} {
		t.Run(name, func(t *testing.T) {
			e := &failing{Engine: vaulttest.Shared(engine(t))}
			v, key, kept := withTexts(t, e, vault.Options{})
			before := dump(t, e)
			cases := 0
			for e.fail = 1; ; e.fail++ {
				err := v.DuplicateProject(ctx, project, "copy")
				if err == nil {
					break
				}
				cases++
				wantErr(t, fmt.Sprintf("change %d failed", e.fail), err, errFault)
				if diff := cmp.Diff(before, dump(t, e)); diff != "" {
					t.Fatalf("change %d failed, and this changed:\n%s", e.fail, diff)
				}
				wantErr(t, "the half of a copy", onlyErr(v.Texts(ctx, "copy", vault.Tool)), vault.ErrNoProject)
			}
			if all := 5 + 5 + 2*5; cases < all { // record and value of each secret, and each text
				t.Errorf("only %d changes were made to fail, of at least %d", cases, all)
			}
			t.Logf("%d changes, each failed once", cases)
			e.fail = 0
			for _, p := range []string{project, "copy"} {
				wantTexts(t, v, p, kept)
				wantValue(t, v, p, "S4", "value 4")
			}
			wantClean(t, v)
			w, err := vault.Open(ctx, vaulttest.Shared(e), key.Openers(t), vault.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			wantTexts(t, w, "copy", kept)
		})
	}
}

func onlyErr[T any](_ T, err error) error { return err }

// TestDuplicateCopiesSecretsFirst: with a value, a tool and an instruction
// damaged, it is the value that stops the copy; with the value whole, the tool.
func TestDuplicateCopiesSecretsFirst(t *testing.T) {
	e := store.NewMem()
	v, key, _ := withTexts(t, e, vault.Options{})
	_ = v
	all := dump(t, e)
	damaged := func(kinds string) records {
		r := maps.Clone(all)
		for _, k := range slices.Sorted(maps.Keys(r)) {
			if k[0] == 0x10 && len(k) == 1+16+8+1+16 && strings.IndexByte(kinds, k[25]) >= 0 {
				flipped := bytes.Clone(r[k])
				flipped[len(flipped)-1] ^= 1
				r[k] = flipped
			}
		}
		return r
	}
	for kinds, want := range map[string]string{"vti": "value", "ti": "tool", "i": "instruction"} {
		r := damaged(kinds)
		e := r.engine(t)
		w, err := vault.Open(ctx, e, key.Openers(t), vault.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = w.DuplicateProject(ctx, project, "copy")
		if wantErr(t, "duplicating damage", err, vault.ErrDamaged); err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with damaged %s: %v, want the %s", kinds, err, want)
		}
		if diff := cmp.Diff(r, dump(t, e)); diff != "" {
			t.Errorf("with damaged %s, the copy left:\n%s", kinds, diff)
		}
		w.Close()
	}
}

// TestDamagedTextsAreNamed: verify names the project and the kind of each text
// that was altered, moved or removed, and what is whole can still be read.
func TestDamagedTextsAreNamed(t *testing.T) {
	e := store.NewMem()
	_, key, kept := withTexts(t, e, vault.Options{})
	all := dump(t, e)
	byKind := map[string][]string{}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if isText(k) {
			byKind[map[byte]string{'t': "tool", 'i': "instruction"}[k[25]]] = append(byKind[map[byte]string{'t': "tool", 'i': "instruction"}[k[25]]], k)
		}
	}
	for kind, keys := range byKind {
		if len(keys) != 5 {
			t.Fatalf("%d records of kind %s", len(keys), kind)
		}
		flipped := bytes.Clone(all[keys[0]])
		flipped[len(flipped)/2] ^= 4
		for what, r := range map[string]records{
			"altered": all.with(keys[0], flipped),
			"removed": all.with(keys[0], nil),
			"moved":   all.with(keys[0], all[keys[1]]),
		} {
			w, err := vault.Open(ctx, r.engine(t), key.Openers(t), vault.Options{})
			if err != nil {
				t.Fatal(err)
			}
			damage, err := w.Verify(ctx, nil)
			named := slices.ContainsFunc(damage, func(d vault.Damage) bool {
				return strings.HasPrefix(d.Where, "project "+project+": "+kind+" ")
			})
			if err != nil || len(damage) != 1 || !named {
				t.Errorf("a %s was %s: %v, %v", kind, what, damage, err)
			}
			readable := 0
			for _, k := range kinds {
				for i := range 5 {
					name := fmt.Sprintf("%s-%d", k, i)
					x, err := w.Text(ctx, project, k, name)
					switch {
					case err == nil && x.Text == kept[k.String()+" "+name]:
						readable++
					case err == nil:
						t.Errorf("a %s was %s, and %s reads %q", kind, what, name, x.Text)
					default:
						wantErr(t, "reading the damaged one", err, vault.ErrDamaged)
					}
				}
			}
			if readable != 9 {
				t.Errorf("a %s was %s: %d of the 9 others can be read", kind, what, readable)
			}
			wantErr(t, "looking for references", onlyErr(w.References(ctx, project)), vault.ErrDamaged)
			wantValue(t, w, project, "S0", "value 0")
			w.Close()
		}
	}
}

// TestFixtureTakesTexts: a vault that was made before there were commands for
// tools and instructions reads as having none, and keeps those that it gets.
func TestFixtureTakesTexts(t *testing.T) {
	x := readExpected(t)
	r := records{}
	for key, record := range x.Records {
		r[string(unhex(t, key))] = unhex(t, record)
	}
	e := r.engine(t)
	openers := []keyring.Unlocker{rootOpener(unhex(t, x.Root))}
	v, err := vault.Open(ctx, e, openers, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantTexts(t, v, project, map[string]string{})
	if refs, err := v.References(ctx, project); err != nil || len(refs) != 0 {
		t.Errorf("references: %v, %v", refs, err)
	}
	want := map[string]string{"tool charge": "to {{API_TOKEN}}", "instruction rules": "never say {{DB_PASSWORD}}"}
	setText(t, v, project, vault.Tool, "charge", want["tool charge"])
	setText(t, v, project, vault.Instruction, "rules", want["instruction rules"])
	v.Close()
	w, err := vault.Open(ctx, e, openers, vault.Options{Owner: x.Owner})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	wantTexts(t, w, project, want)
	secrets, _ := contents(t, w)
	if diff := cmp.Diff(x.Secrets, secrets); diff != "" {
		t.Errorf("secrets:\n%s", diff)
	}
	wantClean(t, w)
}
