package vault

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"tacenda/keyring"
	"tacenda/store"
)

// seen is what a machine remembers of a vault, so that an older or forked file
// is noticed: the owner key, the roster, and each project's manifest.
//
//	{1: owner public key, 2: roster counter, 3: roster digest, 4: {project id: [epoch, counter, digest]},
//	 5: [earlier owner keys], 6: the same map, of a vault that is being restored}
type seen struct {
	Owner    []byte             `cbor:"1,keyasint"`
	Counter  uint64             `cbor:"2,keyasint"`
	Roster   digest             `cbor:"3,keyasint"`
	Projects map[ID]projectSeen `cbor:"4,keyasint"`
	Past     [][]byte           `cbor:"5,keyasint,omitempty"` // owner keys before this one, by the roster's successions

	// What this machine was about to put in the vault's place when it was last
	// asked to restore one. If it did, but died before it remembered so, the
	// vault is known by this.
	Restoring *seen `cbor:"6,keyasint,omitempty"`
}

type projectSeen struct {
	_       struct{} `cbor:",toarray"`
	Epoch   uint64
	Counter uint64
	Digest  digest
}

// maxMemory bounds the file: 64 bytes for each of maxProjects projects, and room.
const maxMemory = 8 << 20

// memory keeps one small file for each vault id in a directory of this user. It
// guards against what others do to the vault, not against who can write here.
type memory struct {
	dir    string // empty: nothing is remembered
	forget bool   // take the vault as it is, once: --accept-rollback
	note   func(string)
	last   seen // what this process saw itself, wherever it may or may not write
}

func (m *memory) path(id ID) string {
	return filepath.Join(m.dir, hex.EncodeToString(id[:])+".seen")
}

// read returns what is remembered of a vault, or an empty memory.
func (m *memory) read(id ID) *seen {
	if m.dir == "" || m.forget {
		return &m.last
	}
	s, err := readSeen(m.path(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.note(fmt.Sprintf("what this machine remembers of the vault cannot be read, so an older copy would not be noticed: %v", err))
	}
	merged := s.merge(m.last)
	return &merged
}

func readSeen(path string) (*seen, error) {
	f, err := os.Open(path)
	if err != nil {
		return &seen{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return &seen{}, err
	}
	if info.Size() > maxMemory {
		return &seen{}, fmt.Errorf("%s is too large", path)
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil && len(data) > 0 {
		return &seen{}, err
	}
	var s seen
	if err := keyring.Unmarshal(data, &s); err != nil {
		return &seen{}, fmt.Errorf("%s is damaged", path)
	}
	return &s, nil
}

// remember writes what was seen where it is newer. It does so under a lock and
// without fsync: a memory that is lost in a crash is an older one, never a wrong
// one. A failure is a note, never an error.
func (m *memory) remember(id ID, now seen) {
	if now.Counter == 0 {
		return
	}
	m.last = m.last.merge(now)
	if m.dir == "" {
		return
	}
	if old, err := readSeen(m.path(id)); err == nil && !m.forget && old.covers(now) {
		return
	}
	if err := m.write(id, now, false); err != nil {
		m.note(fmt.Sprintf("cannot remember the state of the vault, so an older copy will not be noticed: %v", err))
		return
	}
	m.forget = false
}

// announce remembers, beside what was seen, a vault that is about to be put in
// the place of that: on the medium, so that no crash leaves the vault without it.
func (m *memory) announce(id ID, next seen) {
	if m.dir == "" {
		return
	}
	if err := m.write(id, seen{Restoring: &next}, true); err != nil {
		m.note(fmt.Sprintf("cannot remember what is restored, so the vault may need --accept-rollback if this is interrupted: %v", err))
	}
}

// write merges now into the file; with sync it is on the medium when it returns.
func (m *memory) write(id ID, now seen, sync bool) error {
	if err := store.MakeDirs(m.dir); err != nil {
		return err
	}
	unlock, err := lockFile(filepath.Join(m.dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	old := &seen{}
	if !m.forget {
		// One that cannot be read is replaced: it guards nothing any more.
		old, _ = readSeen(m.path(id))
	}
	data, err := keyring.Marshal(old.merge(now))
	if err != nil {
		return err
	}
	tmp := m.path(id) + ".tmp" // one writer at a time: the lock is held
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o600); err != nil { // the umask may have taken bits away
		return err
	}
	if !sync {
		return os.Rename(tmp, m.path(id))
	}
	if err := syncPath(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, m.path(id)); err != nil {
		return err
	}
	return syncPath(m.dir)
}

// syncPath flushes a file or a directory. Directories cannot be flushed everywhere.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil && !info.IsDir() {
		return err
	}
	return nil
}

// newer tells whether a project's state a came after b.
func (a projectSeen) newer(b projectSeen) bool {
	return a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Counter > b.Counter
}

// covers tells whether merging now would change nothing.
func (s *seen) covers(now seen) bool {
	if now.Counter > s.Counter {
		return false
	}
	for id, p := range now.Projects {
		if known, ok := s.Projects[id]; !ok || p.newer(known) {
			return false
		}
	}
	return true
}

// merge is the newer of both, project by project.
func (s *seen) merge(now seen) seen {
	out := now
	if s.Counter > now.Counter {
		out.Owner, out.Counter, out.Roster, out.Past = s.Owner, s.Counter, s.Roster, s.Past
	}
	projects := []map[ID]projectSeen{now.Projects}
	if r := s.Restoring; out.Restoring == nil && r != nil {
		if now.Counter == 0 || !now.owned(r.Owner) {
			out.Restoring = r // it has not been seen in its place
		} else {
			projects = append(projects, r.Projects)
		}
	}
	out.Projects = make(map[ID]projectSeen, len(s.Projects)+len(now.Projects))
	maps.Copy(out.Projects, s.Projects)
	for _, of := range projects {
		for id, p := range of {
			if known, ok := out.Projects[id]; !ok || p.newer(known) {
				out.Projects[id] = p
			}
		}
	}
	return out
}

// owned tells whether this key owned the vault, now or before, as far as this
// machine knows; one that knows nothing believes everything.
func (s *seen) owned(key []byte) bool {
	return s.Counter == 0 || bytes.Equal(s.Owner, key) ||
		slices.ContainsFunc(s.Past, func(p []byte) bool { return bytes.Equal(p, key) })
}

// foreignError is the ErrRollback of a vault whose owner the remembered owner
// did not appoint: it may be older or newer, but it is another line.
type foreignError struct{ got, known string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("not the vault that this machine knows: its owner is %s, and not %s; it was restored or rotated elsewhere, or replaced", e.got, e.known)
}

// Unwrap makes it an ErrRollback.
func (e *foreignError) Unwrap() error { return ErrRollback }

// expecting is what is to be held against a roster: what was seen, or what this
// machine was restoring, if that is what stands there. No other vault has the
// owner key that a restore makes.
func (s *seen) expecting(r *roster) *seen {
	if s.Restoring != nil && r.follows(s.Restoring.Owner) {
		return s.Restoring
	}
	return s
}

// verified tells whether a project's manifest with this digest was checked on
// this machine, under the key that the roster names now.
func (s *seen) verified(ref *projectRef, d digest) bool {
	p, ok := s.Projects[ref.ID]
	return ok && p.Epoch == ref.Epoch && p.Digest == d
}

// checkRoster refuses a roster older than the one remembered, a fork of it, and
// one of an owner that the remembered owner did not appoint.
func (s *seen) checkRoster(r *roster, d digest) error {
	if s.Counter == 0 {
		return nil
	}
	if !r.follows(s.Owner) {
		return &foreignError{got: Fingerprint(r.Owner), known: Fingerprint(s.Owner)}
	}
	if r.Counter < s.Counter {
		return fmt.Errorf("%w: its roster has the number %d, this machine saw %d", ErrRollback, r.Counter, s.Counter)
	}
	if r.Counter == s.Counter && d != s.Roster {
		return fmt.Errorf("%w: its roster is a fork of the one this machine saw", ErrRollback)
	}
	return nil
}

// checkProject does the same for a project's manifest.
func (s *seen) checkProject(id ID, now projectSeen) error {
	known, ok := s.Projects[id]
	if !ok {
		return nil
	}
	if known.newer(now) {
		return fmt.Errorf("%w: change %d of epoch %d, this machine saw change %d of epoch %d", ErrRollback, now.Counter, now.Epoch, known.Counter, known.Epoch)
	}
	if !now.newer(known) && now.Digest != known.Digest {
		return fmt.Errorf("%w: it is a fork of the state that this machine saw", ErrRollback)
	}
	return nil
}
