package vault

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// FormatVersion is the version of everything this package writes.
const FormatVersion = 1

// suiteV1 names AES-256-GCM, HKDF-SHA256, HMAC-SHA256, SHA-256 and Ed25519.
const suiteV1 = 1

// ID is the random identity of a vault, a project or a slot.
type ID = [16]byte

// The engine keys of a vault. The first byte tells what a record is:
//
//	00                                     header: magic, format version, vault id
//	01                                     roster, signed by the owner key
//	02 slot-id(16)                         slot: the root key, wrapped
//	03 HMAC(vault id, recipient)(16) project(16)   grant to a member
//	04 project(16)                         the project's keys, sealed under the root key
//	05 sequence(8)                         event of the vault itself
//	10 project(16) prefix(8) kind(1) id    record of a project, see below
const (
	keyHeader byte = 0x00
	keyRoster byte = 0x01
	keySlot   byte = 0x02
	keyGrant  byte = 0x03
	keyKeys   byte = 0x04
	keyEvent  byte = 0x05
	keyRecord byte = 0x10
)

// kind is the kind of a project's record.
type kind byte

// The id behind each kind: nothing for the manifest, the first byte of the
// blind names for a page, a sequence of eight bytes for an event, and 16 bytes
// of blind name for all others.
const (
	kindManifest    kind = 'm'
	kindPage        kind = 'p'
	kindEvent       kind = 'e'
	kindName        kind = 'n' // the project's own name
	kindSecret      kind = 's'
	kindValue       kind = 'v'
	kindTool        kind = 't'
	kindInstruction kind = 'i'
)

// objectKinds are the kinds that stand in index pages. A value stands in the
// entry of its secret.
var objectKinds = [...]kind{kindName, kindSecret, kindTool, kindInstruction}

func (k kind) String() string {
	switch k {
	case kindManifest:
		return "manifest"
	case kindPage:
		return "index page"
	case kindEvent:
		return "event"
	case kindName:
		return "project name"
	case kindSecret:
		return "secret"
	case kindValue:
		return "value"
	case kindTool:
		return "tool"
	case kindInstruction:
		return "instruction"
	}
	return fmt.Sprintf("kind 0x%02x", byte(k))
}

// one is a record of the kind, with its article.
func (k kind) one() string {
	name := k.String()
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

const (
	prefixSize = 8  // bytes of an epoch's prefix
	blindSize  = 16 // bytes of a blind name
	digestSize = 32 // bytes of SHA-256
	pageCount  = 256
)

type (
	prefix = [prefixSize]byte
	blind  = [blindSize]byte
	digest = [digestSize]byte
)

func headerKey() []byte           { return []byte{keyHeader} }
func rosterKey() []byte           { return []byte{keyRoster} }
func slotKey(id ID) []byte        { return append([]byte{keySlot}, id[:]...) }
func projectKeysKey(p ID) []byte  { return append([]byte{keyKeys}, p[:]...) }
func eventKey(seq uint64) []byte  { return binary.BigEndian.AppendUint64([]byte{keyEvent}, seq) }
func projectPrefix(p ID) []byte   { return append([]byte{keyRecord}, p[:]...) }
func seqID(seq uint64) []byte     { return binary.BigEndian.AppendUint64(nil, seq) }
func epochBytes(e uint64) []byte  { return binary.BigEndian.AppendUint64(nil, e) }
func recordKeySize(id []byte) int { return 1 + 16 + prefixSize + 1 + len(id) }

// recordKey is the engine key of a project's record.
func recordKey(p ID, epoch prefix, k kind, id []byte) []byte {
	key := make([]byte, 0, recordKeySize(id))
	key = append(key, keyRecord)
	key = append(key, p[:]...)
	key = append(key, epoch[:]...)
	key = append(key, byte(k))
	return append(key, id...)
}
