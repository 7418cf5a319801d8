package keyring_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tacenda/keyring"
)

func TestLabels(t *testing.T) {
	_, public := newX25519(t)
	root := newRoot(t)
	s, err := keyring.NewRecipientSlot(vaultID, "", public, root)
	if err != nil || s.Label != "age" {
		t.Errorf("no label: %q, %v", s.Label, err)
	}
	for _, good := range []string{"a", "Büro, 2. Stock", "鍵", strings.Repeat("x", keyring.MaxLabel)} {
		if _, err := keyring.NewRecipientSlot(vaultID, good, public, root); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"two\nlines", "tab\t", "\x1b[31m", "bidi\u202e", "zero\u200bwidth", "\xff", strings.Repeat("x", keyring.MaxLabel+1)} {
		if _, err := keyring.NewRecipientSlot(vaultID, bad, public, root); err == nil {
			t.Errorf("%q was accepted", bad)
		}
		if _, err := keyring.NewPassphraseSlot(vaultID, bad, guard(t, "x"), keyring.MinimalCost, root); err == nil {
			t.Errorf("%q was accepted for a passphrase", bad)
		}
		if _, _, err := keyring.NewRecoverySlot(vaultID, bad, root); err == nil {
			t.Errorf("%q was accepted for a recovery slot", bad)
		}
	}
}

// vectorFields are the fields of every vector's record.
func vectorFields(t *testing.T) map[string]map[int]any {
	t.Helper()
	slots := map[string]map[int]any{}
	for _, v := range readVectors(t) {
		var m map[int]any
		if err := cbor.Unmarshal(unhex(t, v.Record), &m); err != nil {
			t.Fatal(err)
		}
		slots[v.Comment] = m
	}
	return slots
}

// TestForeignFields gives each kind the fields of the others, and takes its own
// away or changes their lengths.
func TestForeignFields(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(kind, name string, field int, m map[int]any) {
		t.Helper()
		record, err := mode.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.ParseSlot(record); !errors.Is(err, keyring.ErrDamagedSlot) {
			t.Errorf("%s, field %d %s: %v", kind, field, name, err)
		}
	}
	slots := vectorFields(t)
	for kind, m := range slots {
		for _, other := range slots {
			for field, value := range other {
				if _, has := m[field]; !has {
					m := maps.Clone(m)
					m[field] = value
					refused(kind, "of another kind", field, m)
				}
			}
		}
		for field, value := range m {
			m := maps.Clone(m)
			if text, ok := value.([]byte); ok {
				m[field] = append(bytes.Clone(text), 0)
				// An RSA body may have other lengths, and then does not open.
				if kind != "ssh-rsa" || field != 13 {
					refused(kind, "too long", field, m)
				}
				m[field] = text[:len(text)-1]
				refused(kind, "too short", field, m)
			}
			delete(m, field)
			refused(kind, "missing", field, m)
		}
		if text, ok := m[5].(string); ok {
			m := maps.Clone(m)
			for _, odd := range []string{"\n\n\n\n", "\x1b[2J", "日A", "\xff\xff\xff\xff"} {
				m[5] = text[:40] + odd + text[44:]
				refused(kind, "not plain", 5, m)
			}
		}
		m := maps.Clone(m)
		m[15] = "new"
		refused(kind, "unknown", 15, m)
	}
}

func TestHugeRecord(t *testing.T) {
	_, err := keyring.ParseSlot(make([]byte, keyring.MaxSlotSize+1))
	if !errors.Is(err, keyring.ErrDamagedSlot) || !strings.Contains(err.Error(), "8193 bytes") {
		t.Errorf("a huge record: %v", err)
	}
}
