// Package keyring holds the keys of a vault: the slots that open its root key,
// what is derived from it, and how records are sealed. It knows no file and no
// engine; keys stay in guarded memory, and what a library copies out of it is
// told in docs/threat-model.md.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"tacenda/keyring/secret"
)

const (
	// KeySize is the size of every symmetric key, in bytes.
	KeySize = 32
	// Overhead is what sealing adds to a plaintext: a nonce of 12 bytes and a tag of 16.
	Overhead = 12 + 16
)

// ErrOpen is returned when a sealed text was altered, moved, or sealed under another key.
var ErrOpen = errors.New("does not open under this key")

// Tuple encodes a label and fields so that no two different lists share an
// encoding: each is preceded by its length as four bytes, big endian. Every
// HKDF info and every additional data in a vault is a tuple.
func Tuple(label string, fields ...[]byte) []byte {
	n := 4 + len(label)
	for _, f := range fields {
		n += 4 + len(f)
	}
	t := make([]byte, 0, n)
	t = binary.BigEndian.AppendUint32(t, uint32(len(label)))
	t = append(t, label...)
	for _, f := range fields {
		t = binary.BigEndian.AppendUint32(t, uint32(len(f)))
		t = append(t, f...)
	}
	return t
}

// Derive returns n bytes of HKDF-SHA256 (RFC 5869, no salt) of key, with the
// tuple of label and fields as info.
func Derive(key *secret.Bytes, n int, label string, fields ...[]byte) (*secret.Bytes, error) {
	var out *secret.Bytes
	err := key.Use(func(k []byte) (err error) {
		var d []byte
		secret.Do(func() { d, err = hkdf.Key(sha256.New, k, nil, string(Tuple(label, fields...)), n) })
		if err != nil {
			return err
		}
		out, err = secret.Move(d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return out, nil
}

// Sealer seals and opens records under one derived key with AES-256-GCM and
// random nonces. It may be used by several goroutines. The expanded key lives
// on the Go heap, where crypto/aes puts it, for as long as the Sealer does.
type Sealer struct{ aead cipher.AEAD }

// NewSealer derives a sealing key from key by label and fields.
func NewSealer(key *secret.Bytes, label string, fields ...[]byte) (*Sealer, error) {
	k, err := Derive(key, KeySize, label, fields...)
	if err != nil {
		return nil, err
	}
	defer k.Destroy()
	var s Sealer
	err = k.Use(func(k []byte) (err error) {
		secret.Do(func() {
			var block cipher.Block
			if block, err = aes.NewCipher(k); err == nil {
				s.aead, err = cipher.NewGCMWithRandomNonce(block)
			}
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("preparing a cipher: %w", err)
	}
	return &s, nil
}

// Seal appends nonce ‖ ciphertext ‖ tag to dst.
func (s *Sealer) Seal(dst, aad, plaintext []byte) []byte {
	secret.Do(func() {
		dst = s.aead.Seal(dst, nil, plaintext, aad) //nolint:gosec // this AEAD draws a random nonce itself and takes none
	})
	return dst
}

// Open appends the plaintext to dst, or returns ErrOpen. With enough capacity
// behind dst nothing is allocated, so that a value goes straight into guarded
// memory.
func (s *Sealer) Open(dst, aad, sealed []byte) (out []byte, err error) {
	secret.Do(func() { out, err = s.aead.Open(dst, nil, sealed, aad) })
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}
