package keyring

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"tacenda/keyring/secret"
)

var (
	// ed25519Shape: the arguments are four bytes of a fingerprint and a point.
	ed25519Shape = shape{
		stanza: "ssh-ed25519", prefix: "ssh-ed25519 ", text: [2]int{80, 80},
		args: []int{6, 43}, body: [2]int{fileKeySize + 16, fileKeySize + 16},
		publicOf: sshPublic,
	}
	// rsaShape: the body is as long as the modulus, 2,048 to 16,384 bits.
	rsaShape = shape{
		stanza: "ssh-rsa", prefix: "ssh-rsa ", text: [2]int{8, maxRecipient},
		args: []int{6}, body: [2]int{256, 2048},
		publicOf: sshPublic,
	}
)

// sshPublic is the key's blob, of which ssh-keygen prints the fingerprint.
func sshPublic(recipient string) []byte {
	_, text, _ := strings.Cut(recipient, " ")
	blob, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(blob) == 0 {
		return nil
	}
	return blob
}

// parseSSHRecipient reads "type base64 [comment]". Options in front, as in
// authorized_keys, are refused: they limit logins, and nobody could honour them here.
func parseSSHRecipient(text string) (Kind, string, age.Recipient, error) {
	fields := strings.Fields(text)
	typ := fields[0]
	switch {
	case typ == string(KindSSHEd25519), typ == string(KindSSHRSA):
	case strings.Contains(typ, "-cert-"):
		return "", "", nil, errors.New("this is an SSH certificate; give the key that it certifies")
	case strings.HasPrefix(typ, "sk-"):
		return "", "", nil, errors.New("SSH keys on a security key cannot decrypt; only ed25519 and RSA keys in a file can")
	case strings.HasPrefix(typ, "ecdsa-"), typ == "ssh-dss":
		return "", "", nil, errors.New("SSH keys of this type cannot decrypt; only ed25519 and RSA keys can")
	default:
		return "", "", nil, errors.New("it is neither an age1… key nor an SSH public key")
	}
	if len(fields) < 2 {
		return "", "", nil, errors.New("the SSH key is cut off")
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil {
		return "", "", nil, errors.New("the SSH key is not base64")
	}
	pub, err := ssh.ParsePublicKey(blob)
	if err != nil || pub.Type() != typ {
		return "", "", nil, errors.New("the SSH key is malformed")
	}
	var r age.Recipient
	if typ == string(KindSSHRSA) {
		r, err = agessh.NewRSARecipient(pub)
	} else {
		r, err = agessh.NewEd25519Recipient(pub)
	}
	if err != nil {
		return "", "", nil, fmt.Errorf("the SSH key is not usable: %v", err)
	}
	return Kind(typ), sshText(pub), r, nil
}

// sshText is the canonical text of an SSH key: its type and its blob.
func sshText(pub ssh.PublicKey) string {
	return pub.Type() + " " + base64.StdEncoding.EncodeToString(pub.Marshal())
}

// parseSSHIdentity reads a private key. One that is encrypted is decrypted only
// when a slot is for it.
func parseSSHIdentity(name string, text []byte, ask func(prompt string) (*secret.Bytes, error)) (*identity, error) {
	key, err := ssh.ParseRawPrivateKey(text)
	var missing *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &missing) && missing.PublicKey != nil:
		id, err := newSSHIdentity(missing.PublicKey)
		if err != nil {
			return nil, err
		}
		// Only the block itself is kept, on the heap: it is ciphertext, as in the file.
		block, _ := pem.Decode(text)
		sealed := pem.EncodeToMemory(block)
		id.load = func() (age.Identity, error) { return decryptSSHKey(name, sealed, id.recipient, ask) }
		return id, nil
	case errors.As(err, &missing):
		return nil, errors.New("is encrypted in an old format; convert it with ssh-keygen -p")
	case err != nil:
		// The parsers' errors are not repeated: they have the key before them.
		return nil, errors.New("is not a private key of a type that can decrypt; ed25519 and RSA keys in OpenSSH or PEM format can")
	}
	pub, err := sshPublicKey(key)
	if err != nil {
		return nil, err
	}
	id, err := newSSHIdentity(pub)
	if err != nil {
		return nil, err
	}
	id.load = func() (made age.Identity, err error) {
		secret.Do(func() { made, err = newSSHKey(key) })
		return made, err
	}
	return id, nil
}

// newSSHIdentity knows the public half only, which is enough to find its slot.
func newSSHIdentity(pub ssh.PublicKey) (*identity, error) {
	switch Kind(pub.Type()) {
	case KindSSHEd25519:
		return &identity{kind: KindSSHEd25519, shape: ed25519Shape, recipient: sshText(pub)}, nil
	case KindSSHRSA:
		if _, err := agessh.NewRSARecipient(pub); err != nil {
			return nil, errors.New("is an RSA key of less than 2048 bits")
		}
		return &identity{kind: KindSSHRSA, shape: rsaShape, recipient: sshText(pub)}, nil
	default:
		return nil, fmt.Errorf("is of type %s, which cannot decrypt; only ed25519 and RSA keys can", pub.Type())
	}
}

func sshPublicKey(key any) (ssh.PublicKey, error) {
	switch k := key.(type) {
	case *ed25519.PrivateKey:
		return ssh.NewPublicKey(k.Public())
	case ed25519.PrivateKey:
		return ssh.NewPublicKey(k.Public())
	case *rsa.PrivateKey:
		return ssh.NewPublicKey(&k.PublicKey)
	}
	return nil, errors.New("is of a type that cannot decrypt; only ed25519 and RSA keys can")
}

func newSSHKey(key any) (age.Identity, error) {
	switch k := key.(type) {
	case *ed25519.PrivateKey:
		return agessh.NewEd25519Identity(*k)
	case ed25519.PrivateKey:
		return agessh.NewEd25519Identity(k)
	case *rsa.PrivateKey:
		return agessh.NewRSAIdentity(k)
	}
	return nil, errors.New("is of a type that cannot decrypt")
}

// decryptSSHKey asks for the passphrase of a private key and decrypts it.
func decryptSSHKey(name string, sealed []byte, recipient string, ask func(prompt string) (*secret.Bytes, error)) (
	id age.Identity, err error,
) {
	if ask == nil {
		return nil, fmt.Errorf("the SSH key %s is encrypted, and there is no terminal to ask for its passphrase", name)
	}
	pass, err := ask("Passphrase of the SSH key " + name)
	if err != nil {
		return nil, fmt.Errorf("asking for the passphrase of the SSH key %s: %w", name, err)
	}
	defer pass.Destroy()
	if pass.Len() == 0 {
		return nil, fmt.Errorf("decrypting the SSH key %s: %w", name, ErrWrongPassphrase)
	}
	err = pass.Use(func(p []byte) (err error) {
		secret.Do(func() { id, err = openSSHKey(sealed, p, recipient) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("decrypting the SSH key %s: %w", name, err)
	}
	return id, nil
}

func openSSHKey(sealed, pass []byte, recipient string) (age.Identity, error) {
	key, err := ssh.ParseRawPrivateKeyWithPassphrase(sealed, pass)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrWrongPassphrase
	}
	if err != nil {
		return nil, errors.New("it is malformed")
	}
	// The public half stands in the clear, where anybody could have changed it.
	pub, err := sshPublicKey(key)
	if err != nil || sshText(pub) != recipient {
		return nil, errors.New("it holds another key than it says")
	}
	return newSSHKey(key)
}
