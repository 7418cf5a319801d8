package cli

import (
	"context"
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
	"tacenda/store"
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
	if state == "" {
		a.note("cannot remember the vault, so an older copy or another one in its place would not be noticed: neither HOME nor XDG_STATE_HOME is set to an absolute path")
		return
	}
	if strings.ContainsAny(at.key(), "\n\r") {
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
	err = store.MakeDirs(state)
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

// trustPlace lets a .tacenda file choose a vault only when this machine has
// opened it before, or somebody at a terminal agrees: whoever wrote the file
// (a checkout, say) could otherwise have secrets stored in a vault of theirs.
func (a *app) trustPlace(ctx context.Context, at place, engine store.Engine) error {
	info, err := vault.Peek(ctx, engine)
	if err != nil {
		return err
	}
	state := a.stateDir()
	if state != "" && vault.Seen(state, info.ID) {
		return nil
	}
	return a.confirmPlace(ctx, at)
}

// confirmPlace asks whether a .tacenda file may choose a vault that this machine
// does not know.
func (a *app) confirmPlace(ctx context.Context, at place) error {
	return a.consent(ctx, fmt.Sprintf("%s names the vault %s, which this machine has not opened before", at.from, at.path),
		"Use it?", "if you trust it, open it once with --vault "+at.path)
}

// agreeToPlace lets a .tacenda file choose where a vault is made or restored only when
// somebody at a terminal agrees: it cannot be known yet, and whoever wrote the
// file could have the vault made where they can take it away.
func (a *app) agreeToPlace(ctx context.Context, at place) error {
	if !at.file {
		return nil
	}
	return a.consent(ctx, fmt.Sprintf("%s wants a vault to be written at %s", at.from, at.path),
		"Do it?", "if you trust it, name the place with --vault "+at.path)
}

// consent states a fact and asks about it. Without somebody at a terminal who
// says yes, the fact is the error.
func (a *app) consent(ctx context.Context, fact, question, hint string) error {
	refusal := hinted(errors.New(fact), hint)
	if !a.hasTerminal() {
		return refusal
	}
	ok, err := a.confirm(ctx, fact+". "+question)
	if err == nil && !ok {
		err = refusal
	}
	return err
}
