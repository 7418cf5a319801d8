package keyring_test

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/argon2"

	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// BenchmarkOpen is what a command pays to open a vault with each kind of key:
// reading the identity, reading the slot's record, unlocking.
func BenchmarkOpen(b *testing.B) {
	for _, v := range readVectors(b) {
		if v.Identity == "" {
			continue
		}
		vault, record := [16]byte(unhex(b, v.VaultID)), unhex(b, v.Record)
		b.Run(v.Comment, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := secret.Move(bytes.Clone([]byte(v.Identity)))
				if err != nil {
					b.Fatal(err)
				}
				ids, err := keyring.ParseIdentities("key", data, nil)
				data.Destroy()
				if err != nil {
					b.Fatal(err)
				}
				s, err := keyring.ParseSlot(record)
				if err != nil {
					b.Fatal(err)
				}
				root, err := ids[0].Unlock(vault, s)
				if err != nil {
					b.Fatal(err)
				}
				root.Destroy()
			}
		})
	}
}

// BenchmarkParseSlot is what every slot costs that is somebody else's.
func BenchmarkParseSlot(b *testing.B) {
	id := unlocker(b, mustText(newX25519(b)))
	for _, v := range readVectors(b) {
		record := unhex(b, v.Record)
		b.Run(v.Comment, func(b *testing.B) {
			for b.Loop() {
				s, err := keyring.ParseSlot(record)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := id.Unlock(vaultID, s); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

// BenchmarkPassphrase compares an unlock with the bare derivation, which is to be
// nearly all of it: run with -count and compare medians.
func BenchmarkPassphrase(b *testing.B) {
	for _, v := range readVectors(b) {
		if v.Passphrase == "" {
			continue
		}
		s, vault := v.slot(b), [16]byte(unhex(b, v.VaultID))
		cost := keyring.MinimalCost
		if v.Comment == "passphrase, usual cost" {
			cost = keyring.Cost{Time: 3, Memory: 64 << 10, Threads: 4}
		}
		b.Run("bare/"+v.Comment, func(b *testing.B) {
			for b.Loop() {
				argon2.IDKey([]byte(v.Passphrase), make([]byte, 16), cost.Time, cost.Memory, uint8(cost.Threads), 64)
			}
		})
		u := keyring.Passphrase(guard(b, v.Passphrase), false)
		b.Run("unlock/"+v.Comment, func(b *testing.B) {
			for b.Loop() {
				root, err := u.Unlock(vault, s)
				if err != nil {
					b.Fatal(err)
				}
				root.Destroy()
			}
		})
	}
}

// BenchmarkRewrap is what a rotation pays for each slot.
func BenchmarkRewrap(b *testing.B) {
	for _, v := range readVectors(b) {
		s, root := v.slot(b), newRoot(b)
		b.Run(v.Comment, func(b *testing.B) {
			for b.Loop() {
				if err := s.Rewrap(vaultID, root); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
