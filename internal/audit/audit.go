// Package audit is the history of a vault: what an event says, and the chain of
// hashes that ties each event to the ones before it. It knows no key and no
// engine; internal/vault seals events and appends them in the transaction of
// the change that they tell of.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"tacenda/keyring"
)

// Action is what happened.
type Action string

// All actions. docs/audit.md is held to this list by a test.
const (
	Created     Action = "created"     // a secret or a project
	Edited      Action = "edited"      // a secret
	Deleted     Action = "deleted"     // secrets or a project
	Cloned      Action = "cloned"      // secrets, from the project named by Origin
	Imported    Action = "imported"    // secrets
	Overwritten Action = "overwritten" // secrets, by an import or a clone
	Renamed     Action = "renamed"     // a project; Origin is the old name
	Duplicated  Action = "duplicated"  // a project, from the one named by Origin
	KeyAdded    Action = "key-added"   // a slot
	KeyRemoved  Action = "key-removed" // a slot
	Rotated     Action = "rotated"     // every key of the vault
	Restored    Action = "restored"    // the vault, from a backup

	ToolSet            Action = "tool-set"            // a tool was created or changed
	ToolDeleted        Action = "tool-deleted"        // a tool
	InstructionSet     Action = "instruction-set"     // an instruction was created or changed
	InstructionDeleted Action = "instruction-deleted" // an instruction

	MemberAdded   Action = "member-added"   // a member of the vault
	MemberRemoved Action = "member-removed" // a member of the vault
	Granted       Action = "granted"        // permissions in a project to a member
	Revoked       Action = "revoked"        // a member's permissions in a project

	Used     Action = "used"     // secrets, on a server
	Denied   Action = "denied"   // a request, on a server
	Unlocked Action = "unlocked" // the vault for a member's session, on a server
)

// Actions lists every action, for documentation and tests.
func Actions() []Action {
	return []Action{
		Created, Edited, Deleted, Cloned, Imported, Overwritten, Renamed, Duplicated, KeyAdded, KeyRemoved, Rotated, Restored,
		ToolSet, ToolDeleted, InstructionSet, InstructionDeleted, MemberAdded, MemberRemoved, Granted, Revoked,
		Used, Denied, Unlocked,
	}
}

// MaxObjects is how many names one event may list.
const MaxObjects = 1000

// ErrChain is returned when events do not continue one another.
var ErrChain = errors.New("the history does not continue what came before")

// Hash is the hash of an event, chained to all events before it.
type Hash [sha256.Size]byte

// Event is one entry of a history:
//
//	{1: time in Unix milliseconds, 2: actor, 3: action, 4: [names], 5: origin, 6: hash of the event before}
type Event struct {
	Time    int64    `cbor:"1,keyasint"`
	Actor   string   `cbor:"2,keyasint"`
	Action  Action   `cbor:"3,keyasint"`
	Objects []string `cbor:"4,keyasint"`
	Origin  string   `cbor:"5,keyasint,omitempty"`
	Prev    Hash     `cbor:"6,keyasint"`
}

// Encode is the canonical encoding of e, which Sum hashes.
func (e Event) Encode() ([]byte, error) {
	if len(e.Objects) > MaxObjects {
		return nil, fmt.Errorf("an event of %d names, at most %d", len(e.Objects), MaxObjects)
	}
	return keyring.Marshal(e)
}

// Decode reads what Encode wrote.
func Decode(data []byte) (Event, error) {
	var e Event
	if err := keyring.Unmarshal(data, &e); err != nil {
		return Event{}, fmt.Errorf("reading an event: %v", err)
	}
	if len(e.Objects) > MaxObjects {
		return Event{}, fmt.Errorf("reading an event: %d names, at most %d", len(e.Objects), MaxObjects)
	}
	return e, nil
}

// Sum is the hash of an encoded event at its place: vault, project (zero for
// the vault's own history) and sequence number are part of it, so that an event
// cannot be told at another place.
func Sum(vaultID, project [16]byte, seq uint64, encoded []byte) Hash {
	return sha256.Sum256(keyring.Tuple("tacenda/v1/event", vaultID[:], project[:], binary.BigEndian.AppendUint64(nil, seq), encoded))
}

// Chain follows a history from its beginning.
type Chain struct {
	vault, project [16]byte
	Head           Hash   // of the last event, zero before the first
	Len            uint64 // events so far
}

// NewChain begins at the start of a project's history, or of the vault's own
// for the zero project.
func NewChain(vaultID, project [16]byte) *Chain { return &Chain{vault: vaultID, project: project} }

// Follow checks that the encoded event continues the chain, and moves on to it.
func (c *Chain) Follow(encoded []byte) (Event, error) {
	e, err := Decode(encoded)
	if err != nil {
		return Event{}, err
	}
	if e.Prev != c.Head {
		return Event{}, fmt.Errorf("event %d: %w", c.Len+1, ErrChain)
	}
	c.Head = Sum(c.vault, c.project, c.Len, encoded)
	c.Len++
	return e, nil
}
