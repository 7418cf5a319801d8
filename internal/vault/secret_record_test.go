package vault

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tacenda/keyring"
)

func someRecord(rt *rapid.T) secretRecord {
	text := rapid.StringN(0, 40, 300)
	return secretRecord{
		Name: rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,12}`).Draw(rt, "name"), Hint: text.Draw(rt, "hint"), Description: text.Draw(rt, "description"), Author: text.Draw(rt, "author"),
		Created: rapid.Int64().Draw(rt, "created"), Updated: rapid.Int64().Draw(rt, "updated"), Expires: rapid.Int64().Draw(rt, "expires"),
		Flags: rapid.Uint64().Draw(rt, "flags"), Version: rapid.Uint64().Draw(rt, "version"), ValueVersion: rapid.Uint64().Draw(rt, "value version"),
		AllowedHosts: rapid.SliceOfN(text, 0, 30).Draw(rt, "hosts"),
	}
}

func TestSecretRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := someRecord(rt)
		b, err := keyring.Marshal(want)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := parseSecretRecord(b)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			rt.Fatalf("%v\n%s", err, diff)
		}
	})
}

// FuzzSecretRecord holds the parser to the decoder that works by reflection:
// what it accepts, that accepts too, and reads the same out of it.
func FuzzSecretRecord(f *testing.F) {
	b, err := keyring.Marshal(secretRecord{Name: "A", Hint: "h", AllowedHosts: []string{"a.example"}, Created: -1, Version: 70000})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseSecretRecord(data)
		if err != nil {
			return
		}
		var want secretRecord
		if err := keyring.Unmarshal(data, &want); err != nil {
			t.Fatalf("accepted what is no record: %v", err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestByName(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`(API_|API_TOKEN_|)[A-Z_][A-Z0-9_]{0,12}`)).Draw(rt, "names")
		records := make([]secretRecord, len(names))
		for i, n := range names {
			records[i].Name = n
		}
		got := make([]string, 0, len(names))
		order, twice := byName(records)
		for _, at := range order {
			got = append(got, records[at].Name)
		}
		slices.Sort(names)
		if !slices.Equal(got, names) {
			rt.Fatalf("got %q, want %q", got, names)
		}
		doubled := len(slices.Compact(slices.Clone(names))) < len(names)
		if doubled != (twice >= 0) {
			rt.Fatalf("%q: place %d is there twice", names, twice)
		}
		if doubled {
			if i := slices.Index(names, records[twice].Name); names[i+1] != names[i] {
				rt.Fatalf("%q: %s is there once", names, names[i])
			}
		}
	})
}
