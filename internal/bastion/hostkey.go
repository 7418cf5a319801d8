package bastion

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"

	"tacenda/keyring/secret"
)

// maxHostKey bounds a host key's file, in bytes.
const maxHostKey = 64 << 10

// HostKey reads the server's own key, and makes an Ed25519 key when there is
// none. made says that it is new, so that somebody can be told its fingerprint.
func HostKey(path string) (key gossh.Signer, made bool, err error) {
	key, err = readHostKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	if err := makeHostKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, false, fmt.Errorf("making the host key: %w", err)
	}
	key, err = readHostKey(path)
	return key, err == nil, err
}

func readHostKey(path string) (gossh.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the host key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the host key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("reading the host key: %s must be a file that only its owner can read", path)
	}
	data, err := secret.ReadAll(f, maxHostKey)
	if err != nil {
		return nil, fmt.Errorf("reading the host key %s: %w", path, err)
	}
	defer data.Destroy()
	var key gossh.Signer
	err = data.Use(func(text []byte) (err error) {
		key, err = gossh.ParsePrivateKey(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the host key %s: it is no private key without a passphrase", path)
	}
	return key, nil
}

// makeHostKey writes a new key whole or not at all, and never over another.
func makeHostKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	defer secret.Wipe(private)
	block, err := gossh.MarshalPrivateKey(private, "tacenda host key")
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(block)
	defer secret.Wipe(text)
	defer secret.Wipe(block.Bytes)
	tmp, err := os.CreateTemp(filepath.Dir(path), ".host-key-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // it is gone once linked
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Link(tmp.Name(), path)
}
