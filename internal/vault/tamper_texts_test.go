package vault_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/store"
)

// addTexts gives each project of the small vault a tool and an instruction, of
// the same names. They decide where values go: one that is not what was written
// is as bad as a wrong value.
func (s *small) addTexts(t testing.TB, v *vault.Vault) {
	s.texts = map[string]map[string]string{}
	for p := range s.values {
		s.texts[p] = map[string]string{}
		for _, k := range kinds {
			text := fmt.Sprintf("%s of %s: {{A}}", k, p)
			s.texts[p][k.String()+" one"] = text
			setText(t, v, p, k, "one", text)
		}
	}
}

// readTexts is verdict for a project's tools and instructions, read one by one,
// as a list, and for the references in them.
func (s *small) readTexts(t *testing.T, what string, v *vault.Vault, p string, known func(*testing.T, string, error)) (noticed bool) {
	t.Helper()
	for _, k := range kinds {
		want := s.texts[p][k.String()+" one"]
		x, err := v.Text(ctx, p, k, "one")
		if err != nil {
			known(t, what, err)
			noticed = true
		} else if x.Text != want {
			t.Errorf("%s: the %s of %s is now %q", what, k, p, x.Text)
		}
		list, err := v.Texts(ctx, p, k)
		if err != nil {
			known(t, what, err)
			noticed = true
		} else if len(list) != 1 || list[0].Text != want {
			t.Errorf("%s: the list of %ss of %s is now %+v", what, k, p, list)
		}
	}
	refs, err := v.References(ctx, p)
	if err != nil {
		known(t, what, err)
		noticed = true
	} else if len(refs) != 1 || len(refs["A"]) != len(kinds) {
		t.Errorf("%s: the references of %s are now %+v", what, p, refs)
	}
	return noticed
}

// newSmallTexts is a small vault with texts, its records, and the keys of those
// that hold texts.
func newSmallTexts(t *testing.T) (small, *vault.Vault, store.Engine, records, []string) {
	t.Helper()
	e := store.NewMem()
	s, v := newSmall(t, e)
	s.addTexts(t, v)
	all := dump(t, e)
	if s.verdict(t, "untouched", all) {
		t.Fatal("damage in an untouched vault")
	}
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(k string) bool { return !isText(k) })
	if len(keys) != 2*len(kinds) {
		t.Fatalf("%d records of texts", len(keys))
	}
	return s, v, e, all, keys
}

// TestEveryDamageToTextsIsNoticed: every byte flipped, lengths, and the record
// doubled under another key. The other records of a vault have the same
// in tamper_test.go.
func TestEveryDamageToTextsIsNoticed(t *testing.T) {
	s, _, _, all, keys := newSmallTexts(t)
	step := 1
	if testing.Short() {
		step = 17
	}
	cases := 0
	try := func(what string, r records) {
		wantNoticed(t, s, what, r)
		cases++
	}
	one := map[byte]string{}
	for _, k := range keys {
		one[k[25]] = k // a record of each kind: those of the other project are made alike
	}
	for _, key := range one {
		value := all[key]
		for i := 0; i < len(value); i += step {
			flipped := bytes.Clone(value)
			flipped[i] ^= 1 << (i % 8)
			try(fmt.Sprintf("record %x, byte %d", key, i), all.with(key, flipped))
			if i%7 == 1 {
				try(fmt.Sprintf("record %x cut to %d", key, i), all.with(key, value[:i]))
			}
		}
		try(fmt.Sprintf("record %x gone", key), all.with(key, nil))
		try(fmt.Sprintf("record %x longer", key), all.with(key, append(bytes.Clone(value), 0)))
		stray := []byte(key)
		stray[len(stray)-1] ^= 0x80
		try(fmt.Sprintf("record %x doubled", key), all.with(string(stray), value))
	}
	prooftest.Cases(t, cases, "damages to texts")
}

// TestEverySwappedTextIsNoticed: a text in the place of every other record, of
// its own project and of the other, and every other record in its place.
func TestEverySwappedTextIsNoticed(t *testing.T) {
	s, _, _, all, keys := newSmallTexts(t)
	cases := 0
	for _, a := range keys {
		for _, b := range slices.Sorted(maps.Keys(all)) {
			if a == b {
				continue
			}
			wantNoticed(t, s, fmt.Sprintf("%x and %x swapped", a, b), all.with(a, all[b]).with(b, all[a]))
			wantNoticed(t, s, fmt.Sprintf("%x put at %x", a, b), all.with(b, all[a]))
			wantNoticed(t, s, fmt.Sprintf("%x put at %x", b, a), all.with(a, all[b]))
			cases += 3
		}
	}
	prooftest.Cases(t, cases, "texts in the place of other records")
}

// TestAgedTextsAreNoticed brings each record back that a new text replaced, the
// text's own among them, one by one.
func TestAgedTextsAreNoticed(t *testing.T) {
	s, v, e, before, keys := newSmallTexts(t)
	for _, k := range kinds {
		s.texts[project][k.String()+" one"] += ", edited"
		setText(t, v, project, k, "one", s.texts[project][k.String()+" one"])
	}
	after := dump(t, e)
	aged := 0
	for key, old := range before {
		if bytes.Equal(old, after[key]) {
			continue
		}
		wantNoticed(t, s, fmt.Sprintf("record %x aged", key), after.with(key, old))
		if slices.Contains(keys, key) {
			aged++
		}
	}
	if aged != len(kinds) {
		t.Errorf("%d records of texts changed by two edits", aged)
	}
	prooftest.Cases(t, aged, "aged texts")
}

// TestTextsOfAnotherVaultAreNoticed puts each text of a vault of the same owner,
// with the same names, where this vault has its own or none.
func TestTextsOfAnotherVaultAreNoticed(t *testing.T) {
	s, _, _, mine, keys := newSmallTexts(t)
	_, _, _, other, foreign := newSmallTexts(t)
	for _, f := range foreign {
		wantNoticed(t, s, fmt.Sprintf("record %x of another vault", f), mine.with(f, other[f]))
		for _, key := range keys {
			wantNoticed(t, s, fmt.Sprintf("record %x of another vault at %x", f, key), mine.with(key, other[f]))
		}
	}
	prooftest.Cases(t, len(foreign)*(1+len(keys)), "texts of another vault")
}
