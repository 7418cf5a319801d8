package keyring

import (
	"bytes"
	"errors"
	"fmt"

	"filippo.io/age"

	"tacenda/keyring/secret"
)

// MaxIdentityFile bounds what ParseIdentities reads, in bytes. An RSA key of
// 16,384 bits has 13,000.
const MaxIdentityFile = 64 << 10

// identity is a private key that somebody owns already.
type identity struct {
	name      string
	kind      Kind
	shape     shape
	recipient string                       // its public half, by which it finds its slot
	load      func() (age.Identity, error) // makes key; nil if key is there
	key       age.Identity
}

// ParseIdentities reads the private keys of a file: age identities, one a line,
// or one SSH key. The name stands for the file in messages. An encrypted SSH key
// asks for its passphrase when a slot is for it; what ask returns is destroyed here,
// and ask may be nil where there is no terminal. The keys live on the Go heap, as age
// keeps them, for as long as the unlockers do; data stays the caller's.
func ParseIdentities(name string, data *secret.Bytes, ask func(prompt string) (*secret.Bytes, error)) (ids []Unlocker, err error) {
	if data.Len() > MaxIdentityFile {
		return nil, fmt.Errorf("reading identities from %s: it is longer than %d bytes", name, MaxIdentityFile)
	}
	err = data.Use(func(p []byte) (err error) {
		secret.Do(func() { ids, err = parseIdentities(name, p, ask) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading identities from %s: %w", name, err)
	}
	return ids, nil
}

func parseIdentities(name string, text []byte, ask func(prompt string) (*secret.Bytes, error)) ([]Unlocker, error) {
	is := func(prefix string) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte(prefix)) }
	switch {
	case is("age-encryption.org/"), is("-----BEGIN AGE ENCRYPTED"):
		return nil, errors.New("it is encrypted with age; decrypt it first and pass the result on standard input or a file descriptor")
	case is("PuTTY-User-Key-File-"):
		return nil, errors.New("it is a PuTTY key; export it in OpenSSH format")
	case is("-----BEGIN "):
		id, err := parseSSHIdentity(name, text, ask)
		if err != nil {
			return nil, fmt.Errorf("it %w", err)
		}
		id.name = name
		return []Unlocker{id}, nil
	}
	var ids []Unlocker
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		id, err := parseAgeIdentity(string(line))
		if err != nil {
			return nil, fmt.Errorf("line %d %w", n, err)
		}
		id.name = name
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, errors.New("there is none")
	}
	return ids, nil
}

func (id *identity) String() string { return fmt.Sprintf("%s (%s)", id.name, id.kind) }

// Unlock compares texts first: a slot of somebody else costs no arithmetic and
// asks for no passphrase.
func (id *identity) Unlock(vaultID [16]byte, s *Slot) (*secret.Bytes, error) {
	if s.Recipient != id.recipient {
		return nil, ErrNotMine
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := id.Prepare(); err != nil {
		return nil, err
	}
	return id.shape.open(id.key, vaultID, s)
}
