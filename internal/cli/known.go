package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tacenda/internal/agent"
	"tacenda/internal/atomicfile"
	"tacenda/internal/vault"
)

// places is which vault this machine found at each place, in the directory of
// the rollback memory: lines of the vault's id and the place. Whoever may write
// where a vault lies could otherwise put one of their own there, which the same
// key opens (they need only the public half), and wait for secrets.
const placesFile = "places"

// maxPlaces bounds the file, in bytes.
const maxPlaces = 1 << 20

// key is what a place is remembered as.
func (p place) key() string {
	if p.remote != nil {
		return strings.TrimSuffix(p.path, "/")
	}
	return agent.Canonical(p.path)
}

func (a *app) readPlaces() ([]string, error) {
	state := a.stateDir()
	if state == "" {
		return nil, fs.ErrNotExist
	}
	data, err := os.ReadFile(filepath.Join(state, placesFile))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPlaces {
		return nil, errors.New("it is too large")
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n"), nil
}

// knownPlace is the id of the vault that was at a place, "" for none.
func (a *app) knownPlace(at place) string {
	lines, _ := a.readPlaces() // one that cannot be read guards nothing
	for _, line := range lines {
		if id, where, ok := strings.Cut(line, " "); ok && where == at.key() {
			return id
		}
	}
	return ""
}

// settle holds the vault that was found at a place against the one that was
// there before, and remembers it. A memory that cannot be written is a note.
func (a *app) settle(at place, id vault.ID) error {
	is := hex.EncodeToString(id[:])
	was := a.knownPlace(at)
	switch {
	case was == is:
		return nil
	case was != "" && !a.globals.acceptRollback:
		return hinted(fmt.Errorf("%w: %s holds another vault than the one that this machine knows there", vault.ErrRollback, at.path),
			"if you put it there yourself, add --accept-rollback once")
	}
	a.rememberPlace(at, id)
	return nil
}

func (a *app) rememberPlace(at place, id vault.ID) {
	state := a.stateDir()
	if state == "" || strings.ContainsAny(at.key(), "\n\r") {
		return
	}
	lines, err := a.readPlaces()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		lines = nil // replaced: it guards nothing any more
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%x %s\n", id, at.key())
	for _, line := range lines {
		if _, where, ok := strings.Cut(line, " "); ok && where != at.key() && b.Len() < maxPlaces/2 {
			b.WriteString(line + "\n")
		}
	}
	err = os.MkdirAll(state, 0o700)
	if err == nil {
		err = a.writeWhole(filepath.Join(state, placesFile), b.String())
	}
	if err != nil {
		a.note(fmt.Sprintf("cannot remember which vault this place holds, so another one would not be noticed: %v", err))
	}
}

// writeWhole replaces a small file of the program's own.
func (a *app) writeWhole(path, text string) error {
	f, err := atomicfile.Create(path, atomicfile.Options{Warn: a.note})
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	return f.Commit()
}
