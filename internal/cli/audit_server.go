package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"tacenda/internal/audit"
	"tacenda/internal/vault"
)

// serverLog is what a server on this machine recorded of this vault.
type serverLog struct {
	// read checks the log and calls its argument with each entry, as
	// audit.ReadLog does.
	read func(func(audit.Entry) error) (uint64, audit.Hash, error)
	all  bool // for an owner, whatever keys the server has
}

// serverLogPath is where a server keeps its log of a vault. Beside it lies the
// public half of the key that signs it, with another ending.
func serverLogPath(state string, id vault.ID) string {
	return filepath.Join(state, "server", hex.EncodeToString(id[:])+".log")
}

const logKeyEnding = ".pub"

// reserveServerLog keeps other servers away from a log until it is closed: two
// that write the same break it for both.
func reserveServerLog(path string) (*os.File, error) {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	reserved, held, err := holdAlone(path)
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	if held {
		return nil, hinted(errors.New("another tacenda serve on this machine serves this vault"), "stop it first, or serve with another XDG_STATE_HOME, which has a log of its own")
	}
	return reserved, nil
}

// openServerLog opens a server's log, to go on with it and to be read.
func (a *app) openServerLog(path string, key gossh.Signer) (*audit.Log, *serverLog, error) {
	sign := func(text []byte) ([]byte, error) {
		sig, err := key.Sign(nil, text)
		if err != nil {
			return nil, err
		}
		return gossh.Marshal(sig), nil
	}
	log, err := audit.OpenLog(path, sign, verifyBy(key.PublicKey()))
	if err != nil {
		return nil, nil, hinted(damagedLog(err), "after a change of the host key move the log away, and keep its old key with it")
	}
	if err := a.writeWhole(path+logKeyEnding, string(gossh.MarshalAuthorizedKey(key.PublicKey()))); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("keeping the key of the server's log: %w", err), log.Close())
	}
	return log, &serverLog{read: log.Read}, nil
}

// serverLog finds the log of a server; nil where none was ever kept. A caller of
// a server gets that server's.
func (a *app) serverLog(id vault.ID) (*serverLog, error) {
	if a.caller != nil {
		return a.caller.log, nil
	}
	state := a.stateDir()
	if state == "" {
		return nil, nil //nolint:nilnil // no place for a log, no log
	}
	path := serverLogPath(state, id)
	if _, err := os.Lstat(path); err != nil {
		return nil, nil //nolint:nilnil,nilerr // this machine never served the vault
	}
	text, err := os.ReadFile(path + logKeyEnding)
	if err != nil {
		return nil, fmt.Errorf("the server's log cannot be checked: %w", err)
	}
	key, _, _, _, err := gossh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the server's log cannot be checked: %s holds no key", vault.ErrDamaged, path+logKeyEnding)
	}
	return &serverLog{read: func(fn func(audit.Entry) error) (uint64, audit.Hash, error) {
		return audit.ReadLog(path, verifyBy(key), fn)
	}}, nil
}

// events are the entries since a time that concern a project, as audit shows
// them. Who came and went concerns owners, and everybody for themselves.
func (l *serverLog) events(v gate, project string, since time.Time) ([]vault.Event, error) {
	if l == nil {
		return nil, nil
	}
	everybody := l.all || v.Owner()
	var events []vault.Event
	_, _, err := l.read(func(e audit.Entry) error {
		if e.Time.Before(since) || e.Project != project && (e.Project != "" || !everybody && e.Member != v.Actor()) {
			return nil
		}
		event := vault.Event{
			Time: e.Time, Actor: e.Member, Action: e.Action, Project: e.Project,
			Origin: e.Origin + " " + e.Key, Hash: hex.EncodeToString(e.Hash[:]),
		}
		if len(e.Objects) == 0 {
			events = append(events, event)
		}
		for _, event.Object = range e.Objects {
			events = append(events, event)
		}
		return nil
	})
	return events, damagedLog(err)
}

// head is what to keep elsewhere of the log: LENGTH:HASH, "" without one.
func (l *serverLog) head() (string, error) {
	if l == nil {
		return "", nil
	}
	n, hash, err := l.read(nil)
	return fmt.Sprintf("%d:%x", n, hash[:]), damagedLog(err)
}

// check verifies the log, and that it passes through an earlier head.
func (l *serverLog) check(head string) error {
	if l == nil {
		if head != "" {
			return hinted(fmt.Errorf("%w: there is no server's log here, and the head names one", vault.ErrDamaged),
				"check it where the server is, with ssh HOST audit --verify=HEAD, or give the head without its third part")
		}
		return nil
	}
	passed := head == ""
	length, hash, _ := strings.Cut(head, ":")
	want, _ := strconv.ParseUint(length, 10, 64)
	passed = passed || want == 0
	_, _, err := l.read(func(e audit.Entry) error {
		passed = passed || e.Number == want && hex.EncodeToString(e.Hash[:]) == hash
		return nil
	})
	if err == nil && !passed {
		err = fmt.Errorf("%w: the server's log does not pass through the head that was given", vault.ErrDamaged)
	}
	return damagedLog(err)
}

// damagedLog makes the damage of a log what the damage of a vault is.
func damagedLog(err error) error {
	if errors.Is(err, audit.ErrChain) {
		return fmt.Errorf("%w: %w", vault.ErrDamaged, err)
	}
	return err
}

// byServer tells whether an event is a server's word.
func byServer(e vault.Event) bool {
	return slices.Contains([]audit.Action{audit.Used, audit.Denied, audit.Unlocked}, e.Action)
}

// shownOrigin is where something came from, as a table has room for it.
func shownOrigin(e vault.Event) string {
	if byServer(e) {
		from, _, _ := strings.Cut(e.Origin, " ")
		return from
	}
	return e.Origin
}

// shownObject is what it happened to: no object is every value of the project,
// be it to search an answer for them or to resolve them.
func shownObject(e vault.Event) string {
	if e.Action == audit.Used && e.Object == "" {
		return "every secret"
	}
	return e.Object
}
