package keyring_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"filippo.io/age"
	oskeyring "github.com/zalando/go-keyring"
	"golang.org/x/crypto/ssh"

	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/keyring/slottest"
)

var vaultID = [16]byte{9, 8, 7, 6, 5, 4, 3, 2, 1}

func guard(t testing.TB, text string) *secret.Bytes {
	t.Helper()
	b, err := secret.Move([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Destroy)
	return b
}

func newRoot(t testing.TB) *secret.Bytes {
	t.Helper()
	b, err := secret.Random(keyring.KeySize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Destroy)
	return b
}

// unlocker reads a file with one identity.
func unlocker(t testing.TB, text string) keyring.Unlocker {
	t.Helper()
	ids, err := keyring.ParseIdentities("key", guard(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != 1 {
		t.Fatalf("%d identities", len(ids))
	}
	return ids[0]
}

// newSSHKey makes a private key as ssh-keygen does, and its public line.
func newSSHKey(t testing.TB, key any) (private, public string) {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "somebody@somewhere")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
}

func newEd25519(t testing.TB) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newSSHKey(t, key)
}

func newRSA(t testing.TB) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newSSHKey(t, key)
}

func newX25519(t testing.TB) (private, public string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.String(), id.Recipient().String()
}

func newHybrid(t testing.TB) (private, public string) {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.String(), id.Recipient().String()
}

// owner is the holder of a key that exists before the slot does.
func owner(t *testing.T, kind keyring.Kind, generate func(testing.TB) (private, public string)) slottest.Holder {
	private, public := generate(t)
	other, _ := generate(t)
	return slottest.Holder{
		Kind: kind,
		New: func(t *testing.T, vaultID [16]byte, root *secret.Bytes) *keyring.Slot {
			s, err := keyring.NewRecipientSlot(vaultID, "owner", public, root)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Mine:    func(t *testing.T) keyring.Unlocker { return unlocker(t, private) },
		Other:   func(t *testing.T) keyring.Unlocker { return unlocker(t, other) },
		Refusal: keyring.ErrNotMine,
	}
}

func TestAge(t *testing.T)        { slottest.Run(t, owner(t, keyring.KindAge, newX25519)) }
func TestAgePQ(t *testing.T)      { slottest.Run(t, owner(t, keyring.KindAgePQ, newHybrid)) }
func TestSSHEd25519(t *testing.T) { slottest.Run(t, owner(t, keyring.KindSSHEd25519, newEd25519)) }
func TestSSHRSA(t *testing.T)     { slottest.Run(t, owner(t, keyring.KindSSHRSA, newRSA)) }

func TestPassphrase(t *testing.T) {
	// The product's unlocker opens, and refuses, once; the suite would run Argon2id for minutes.
	root := newRoot(t)
	s, err := keyring.NewPassphraseSlot(vaultID, "desk", guard(t, "correct horse"), keyring.MinimalCost, root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keyring.Passphrase(guard(t, "correct horse"), false).Unlock(vaultID, s)
	if err != nil || !got.Equal(root) {
		t.Fatalf("the passphrase does not open its slot: %v", err)
	}
	got.Destroy()
	if _, err := keyring.Passphrase(guard(t, "correct horsf"), false).Unlock(vaultID, s); !errors.Is(err, keyring.ErrWrongPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}

	slottest.Run(t, slottest.Holder{
		Kind: keyring.KindPassphrase,
		New: func(t *testing.T, vaultID [16]byte, root *secret.Bytes) *keyring.Slot {
			s, err := keyring.NewPassphraseSlot(vaultID, "desk", guard(t, "correct horse"), keyring.MinimalCost, root)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Mine:    func(t *testing.T) keyring.Unlocker { return keyring.RememberingPassphrase(guard(t, "correct horse")) },
		Other:   func(t *testing.T) keyring.Unlocker { return keyring.RememberingPassphrase(guard(t, "battery staple")) },
		Refusal: keyring.ErrWrongPassphrase,
	})
}

func TestRecovery(t *testing.T) {
	var mine string // the paper
	recovery := func(t *testing.T, vaultID [16]byte, root *secret.Bytes) (*keyring.Slot, string) {
		s, identity, err := keyring.NewRecoverySlot(vaultID, "paper", root)
		if err != nil {
			t.Fatal(err)
		}
		defer identity.Destroy()
		var text string
		_ = identity.Use(func(p []byte) error { text = string(p); return nil })
		return s, text
	}
	slottest.Run(t, slottest.Holder{
		Kind: keyring.KindRecovery,
		New: func(t *testing.T, vaultID [16]byte, root *secret.Bytes) (s *keyring.Slot) {
			s, mine = recovery(t, vaultID, root)
			return s
		},
		Mine: func(t *testing.T) keyring.Unlocker { return unlocker(t, mine) },
		Other: func(t *testing.T) keyring.Unlocker {
			_, other := recovery(t, vaultID, newRoot(t))
			return unlocker(t, other)
		},
		Refusal: keyring.ErrNotMine,
	})
}

// TestOSKeyring runs over the keyring library's own stand-in, because a desktop
// session is needed for a real one; TestWithoutDesktop meets the real absence.
func TestOSKeyring(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	oskeyring.MockInit()
	slottest.Run(t, slottest.Holder{
		Kind: keyring.KindOSKeyring,
		New: func(t *testing.T, vaultID [16]byte, root *secret.Bytes) *keyring.Slot {
			s, err := keyring.NewOSKeyringSlot(vaultID, "laptop", root)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Mine:    func(t *testing.T) keyring.Unlocker { return keyring.OSKeyring() },
		Other:   func(t *testing.T) keyring.Unlocker { return unlocker(t, mustText(newX25519(t))) },
		Refusal: keyring.ErrNotMine,
	})
}

// TestOSKeyringFailures goes through what a keyring answers when it has no key for us.
func TestOSKeyringFailures(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	oskeyring.MockInit()
	s, err := keyring.NewOSKeyringSlot(vaultID, "laptop", newRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	user := hexID(s)
	t.Run("another key", func(t *testing.T) {
		stored, _ := oskeyring.Get("tacenda", user)
		defer func() { _ = oskeyring.Set("tacenda", user, stored) }()
		for _, text := range []string{strings.Repeat("A", 43), "", "not base64!", stored + "A", stored[:40]} {
			if err := oskeyring.Set("tacenda", user, text); err != nil {
				t.Fatal(err)
			}
			if _, err := keyring.OSKeyring().Unlock(vaultID, s); !errors.Is(err, keyring.ErrNoMatch) {
				t.Errorf("%q in the keyring: %v", text, err)
			}
		}
	})
	t.Run("forgotten", func(t *testing.T) {
		if err := keyring.ForgetOSKeyring(s); err != nil {
			t.Fatal(err)
		}
		if _, err := oskeyring.Get("tacenda", user); !errors.Is(err, oskeyring.ErrNotFound) {
			t.Errorf("the key is still there: %v", err)
		}
		if err := keyring.ForgetOSKeyring(s); err != nil {
			t.Errorf("forgetting twice: %v", err)
		}
		if _, err := keyring.OSKeyring().Unlock(vaultID, s); !errors.Is(err, keyring.ErrNotMine) {
			t.Errorf("a key that is not there: %v", err)
		}
	})
	t.Run("locked", func(t *testing.T) {
		oskeyring.MockInitWithError(errors.New("prompt was dismissed"))
		defer oskeyring.MockInit()
		if _, err := keyring.OSKeyring().Unlock(vaultID, s); err == nil || !strings.Contains(err.Error(), "desktop's keyring") {
			t.Errorf("got %v", err)
		}
		if _, err := keyring.NewOSKeyringSlot(vaultID, "laptop", newRoot(t)); err == nil {
			t.Error("a slot was made whose key could not be stored")
		}
		if err := keyring.ForgetOSKeyring(s); err == nil {
			t.Error("a key was forgotten in a locked keyring")
		}
	})
	_, public := newX25519(t)
	foreign, err := keyring.NewRecipientSlot(vaultID, "", public, newRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.ForgetOSKeyring(foreign); err != nil {
		t.Errorf("a slot that is not the keyring's: %v", err)
	}
}

func mustText(private, _ string) string { return private }

func hexID(s *keyring.Slot) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range s.ID {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// TestWithoutDesktop asks the real library on a machine without a session, in a
// process of its own because the stand-in cannot be taken back.
func TestWithoutDesktop(t *testing.T) {
	if os.Getenv("KEYRING_TEST_WITHOUT_DESKTOP") == "" {
		for _, address := range []string{"", "autolaunch:", "unix:path=/nonexistent/bus"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutDesktop$")
			// A dbus-launch in PATH would be noticed: it fails the test by leaving a file.
			dir := t.TempDir()
			trap := "#!/bin/sh\ntouch " + dir + "/launched\n"
			if err := os.WriteFile(dir+"/dbus-launch", []byte(trap), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(os.Environ(), "KEYRING_TEST_WITHOUT_DESKTOP=1", "DBUS_SESSION_BUS_ADDRESS="+address, "PATH="+dir+":"+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%q: %v\n%s", address, err, out)
			}
			if _, err := os.Stat(dir + "/launched"); err == nil {
				t.Errorf("%q: a session bus was launched", address)
			}
		}
		return
	}
	if _, err := os.Stat("/run/user"); err == nil && os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		if found, _ := os.ReadDir("/run/user"); len(found) > 0 {
			t.Skip("this machine has a session bus")
		}
	}
	_, err := keyring.NewOSKeyringSlot(vaultID, "laptop", newRoot(t))
	if err == nil || !strings.HasPrefix(err.Error(), "making a keyring slot: ") {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}
