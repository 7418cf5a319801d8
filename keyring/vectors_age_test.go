package keyring_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	agetest "c2sp.org/CCTV/age"
	"filippo.io/age"

	"tacenda/internal/prooftest"
)

// An ageVector is one of the public test vectors for age: what a file must come to
// under an identity. See c2sp.org/CCTV/age for its form.
type ageVector struct {
	expect, payload string
	identities      []age.Identity
	other           string // a feature that no vault uses: armor, passphrases
	file            []byte
}

func readAgeVector(t *testing.T, text []byte) (v ageVector) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(text))
	packed := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			break
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "expect":
			v.expect = value
		case "payload":
			v.payload = value
		case "identity":
			v.identities = append(v.identities, identityOf(t, value))
		case "passphrase", "armored":
			v.other = key
		case "compressed":
			packed = true
		case "file key", "comment":
		default:
			t.Fatalf("unknown key %q", key)
		}
	}
	var rest io.Reader = r
	if packed {
		z, err := zlib.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		rest = z
	}
	file, err := io.ReadAll(rest)
	if err != nil {
		t.Fatal(err)
	}
	v.file = file
	return v
}

func identityOf(t *testing.T, text string) age.Identity {
	t.Helper()
	if strings.HasPrefix(text, "AGE-SECRET-KEY-PQ-") {
		id, err := age.ParseHybridIdentity(text)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id, err := age.ParseX25519Identity(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// check decrypts the file and returns what is not as it must be.
func (v ageVector) check() error {
	r, err := age.Decrypt(bytes.NewReader(v.file), v.identities...)
	var none *age.NoIdentityMatchError
	switch {
	case v.expect == "no match":
		if !errors.As(err, &none) {
			return fmt.Errorf("got %w, want no match", err)
		}
		return nil
	case v.expect == "header failure", v.expect == "HMAC failure":
		if err == nil || errors.As(err, &none) {
			return fmt.Errorf("got %w, want a %s", err, v.expect)
		}
		return nil
	case err != nil && v.expect == "payload failure":
		return nil // there is no more than a nonce of it
	case err != nil:
		return err
	}
	out, err := io.ReadAll(r)
	if (err == nil) != (v.expect == "success") {
		return fmt.Errorf("reading: %w, want %s", err, v.expect)
	}
	if sum := sha256.Sum256(out); hex.EncodeToString(sum[:]) != v.payload {
		return errors.New("what was decrypted is not what was written")
	}
	return nil
}

// TestAgeVectors runs the public vectors for age through the library that opens
// slots, those for the keys that a slot can be for: X25519 and the hybrid ones.
// Armor, and passphrases of age's own, are used nowhere.
func TestAgeVectors(t *testing.T) {
	ran, left := 0, 0
	err := fs.WalkDir(agetest.Vectors, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(agetest.Vectors, path)
		if err != nil {
			return err
		}
		v := readAgeVector(t, text)
		if v.other != "" || len(v.identities) == 0 {
			left++
			return nil
		}
		if err := v.check(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		ran++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if ran < 80 {
		t.Errorf("only %d vectors ran", ran)
	}
	t.Logf("%d vectors are for armor or passphrases, which are not used", left)
	prooftest.Cases(t, ran, "vectors")
}
