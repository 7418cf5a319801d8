package keyring_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"github.com/fxamacker/cbor/v2"
	oskeyring "github.com/zalando/go-keyring"
	"golang.org/x/crypto/argon2"

	"tacenda/keyring"
)

// vectorsFile is kept for good: every later version must read these records.
const vectorsFile = "testdata/slots.json"

// vector is a slot, what opens it, and the steps between. Bytes are in hex.
type vector struct {
	Comment     string `json:"comment"`
	VaultID     string `json:"vault_id"`
	Root        string `json:"root_key"`
	Passphrase  string `json:"passphrase,omitempty"`
	KeyringText string `json:"oskeyring_text,omitempty"`
	Identity    string `json:"identity,omitempty"`
	Record      string `json:"record"`
	Digest      string `json:"digest"`
	Fingerprint string `json:"fingerprint"`
	Bound       string `json:"bound"`               // the tuple of what the wrapped key is bound to
	Stretched   string `json:"stretched,omitempty"` // private key and commitment
	FileKey     string `json:"file_key,omitempty"`
	Wrapping    string `json:"wrapping_key,omitempty"`
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v vector) slot(t testing.TB) *keyring.Slot {
	t.Helper()
	s, err := keyring.ParseSlot(unhex(t, v.Record))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (v vector) unlocker(t testing.TB) keyring.Unlocker {
	t.Helper()
	switch {
	case v.Passphrase != "":
		return keyring.Passphrase(guard(t, v.Passphrase), false)
	case v.KeyringText != "":
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
		oskeyring.MockInit()
		if err := oskeyring.Set("tacenda", hexID(v.slot(t)), v.KeyringText); err != nil {
			t.Fatal(err)
		}
		return keyring.OSKeyring()
	}
	return unlocker(t, v.Identity)
}

func TestVectors(t *testing.T) {
	kinds := map[keyring.Kind]bool{}
	for _, v := range readVectors(t) {
		t.Run(v.Comment, func(t *testing.T) {
			s := v.slot(t)
			kinds[s.Kind] = true
			digest, err := s.Digest()
			if err != nil || hex.EncodeToString(digest[:]) != v.Digest {
				t.Errorf("digest %x, %v; want %s", digest, err, v.Digest)
			}
			if s.Fingerprint() != v.Fingerprint {
				t.Errorf("fingerprint %s, want %s", s.Fingerprint(), v.Fingerprint)
			}
			root, err := v.unlocker(t).Unlock([16]byte(unhex(t, v.VaultID)), s)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Destroy()
			if !root.Equal(guard(t, string(unhex(t, v.Root)))) {
				t.Error("another root key")
			}
		})
	}
	for _, k := range []keyring.Kind{
		keyring.KindPassphrase, keyring.KindOSKeyring, keyring.KindAge, keyring.KindAgePQ,
		keyring.KindSSHEd25519, keyring.KindSSHRSA, keyring.KindRecovery,
	} {
		if !kinds[k] {
			t.Errorf("there is no vector for kind %s", k)
		}
	}
}

// TestVectorsByHand reads the vectors with nothing of this package, as somebody
// would who has only docs/format.md and the libraries that it names.
func TestVectorsByHand(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Comment, func(t *testing.T) {
			got, err := v.openByHand(t)
			if err != nil {
				t.Fatal(err)
			}
			if want := (steps{v.Bound, v.Stretched, v.FileKey, v.Wrapping, v.Root}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// steps is what lies between a holder's secret and the root key.
type steps struct{ bound, stretched, fileKey, wrapping, root string }

func (v vector) openByHand(t *testing.T) (s steps, err error) {
	var m map[int]any
	if err := cbor.Unmarshal(unhex(t, v.Record), &m); err != nil {
		return s, err
	}
	text := func(i int) string { s, _ := m[i].(string); return s }
	octets := func(i int) []byte { b, _ := m[i].([]byte); return b }
	number := func(i int) uint64 { n, _ := m[i].(uint64); return n }
	id, vaultID := octets(1), unhex(t, v.VaultID)
	label := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	bound := label("tacenda/v1/slot")
	for _, field := range [][]byte{
		vaultID, id, []byte(text(2)), []byte(text(3)), binary.BigEndian.AppendUint64(nil, number(4)), []byte(text(5)),
		octets(6), binary.BigEndian.AppendUint32(nil, uint32(number(7))), binary.BigEndian.AppendUint32(nil, uint32(number(8))),
		binary.BigEndian.AppendUint32(nil, uint32(number(9))), octets(10), octets(11),
	} {
		bound = append(bound, label(string(field))...)
	}
	s.bound = hex.EncodeToString(bound)

	var stretched []byte
	switch text(2) {
	case "passphrase":
		stretched = argon2.IDKey([]byte(v.Passphrase), octets(6), uint32(number(7)), uint32(number(8)), uint8(number(9)), 64)
	case "oskeyring":
		key, err := base64.RawStdEncoding.DecodeString(v.KeyringText)
		if err != nil {
			return s, err
		}
		info := append(append(label("tacenda/v1/oskeyring"), label(string(vaultID))...), label(string(id))...)
		if stretched, err = hkdf.Key(sha256.New, key, nil, string(info), 64); err != nil {
			return s, err
		}
	default:
		return v.openStanzaByHand(s, m, bound, octets(14))
	}
	s.stretched = hex.EncodeToString(stretched)
	if !bytes.Equal(stretched[32:], octets(10)) {
		return s, fmt.Errorf("commitment %x", octets(10))
	}
	k, err := hpke.MLKEM768X25519().NewPrivateKey(stretched[:32])
	if err != nil {
		return s, err
	}
	if !bytes.Equal(k.PublicKey().Bytes(), octets(11)) {
		return s, fmt.Errorf("public key %x", octets(11))
	}
	root, err := hpke.Open(k, hpke.HKDFSHA256(), hpke.AES256GCM(), bound, octets(14))
	s.root = hex.EncodeToString(root)
	return s, err
}

func (v vector) openStanzaByHand(s steps, m map[int]any, bound, wrapped []byte) (steps, error) {
	var id age.Identity
	var err error
	stanza := age.Stanza{Body: m[13].([]byte)}
	for _, a := range m[12].([]any) {
		stanza.Args = append(stanza.Args, a.(string))
	}
	switch kind := m[2].(string); kind {
	case "age":
		stanza.Type = "X25519"
		id, err = age.ParseX25519Identity(strings.TrimSpace(v.Identity))
	case "age-pq", "recovery":
		stanza.Type = "mlkem768x25519"
		id, err = age.ParseHybridIdentity(strings.TrimSpace(v.Identity))
	case "ssh-ed25519", "ssh-rsa":
		stanza.Type = kind
		id, err = agessh.ParseIdentity([]byte(v.Identity))
	}
	if err != nil {
		return s, err
	}
	fileKey, err := id.Unwrap([]*age.Stanza{&stanza})
	if err != nil {
		return s, err
	}
	s.fileKey = hex.EncodeToString(fileKey)
	key, err := hkdf.Key(sha256.New, fileKey, nil, string(bound), 32)
	if err != nil {
		return s, err
	}
	s.wrapping = hex.EncodeToString(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return s, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return s, err
	}
	root, err := gcm.Open(nil, wrapped[:12], wrapped[12:], bound)
	s.root = hex.EncodeToString(root)
	return s, err
}
