package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNone: no agent has this vault open.
var ErrNone = errors.New("no unlock agent runs")

// maxSocketPath is the longest path of a socket: sun_path holds 104 bytes on
// macOS and 108 on Linux, and ends with a zero.
const maxSocketPath = 103

// Directory is where the sockets of this user's agents are. runtime is
// $XDG_RUNTIME_DIR, which the system removes when the user logs out; without
// one it is /run/user/UID where that is this user's, as for a cron job of
// somebody who is logged in; else a directory below state.
func Directory(runtime, state string) (string, error) {
	if filepath.IsAbs(runtime) {
		return filepath.Join(runtime, "tacenda"), nil
	}
	usual := filepath.Join("/run/user", strconv.Itoa(os.Geteuid()))
	if checkPrivate(usual) == nil {
		return filepath.Join(usual, "tacenda"), nil
	}
	if state == "" {
		return "", errors.New("there is no place for the unlock agent's socket: neither XDG_RUNTIME_DIR nor HOME is set to an absolute path")
	}
	return filepath.Join(state, "agent"), nil
}

// Canonical is the path that a vault's file has whichever way it was named.
func Canonical(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	dir, name := filepath.Split(abs)
	if real, err := filepath.EvalSymlinks(dir); err == nil { // the file went, its agent may not have
		return filepath.Join(real, name)
	}
	return abs
}

// Socket is the path of the socket of the agent for the vault whose canonical
// path is given, in dir. Several vaults may be unlocked at once.
func Socket(dir, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+socketSuffix)
}

const socketSuffix = ".sock"

// Sockets lists the sockets in dir, of whatever vault.
func Sockets(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for unlock agents: %w", err)
	}
	var sockets []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), socketSuffix) {
			sockets = append(sockets, filepath.Join(dir, e.Name()))
		}
	}
	return sockets, nil
}

// Prepare makes the directory of a socket, and refuses one that others could
// put a socket of theirs into.
func Prepare(socket string) error {
	if len(socket) > maxSocketPath {
		return fmt.Errorf("the path of the unlock agent's socket, %s, is longer than %d bytes; set XDG_RUNTIME_DIR to a shorter one", socket, maxSocketPath)
	}
	dir := filepath.Dir(socket)
	// Before anything is made there: root, with the environment of another user,
	// would leave a directory in which that user's own agent could not listen.
	if err := checkParent(filepath.Dir(dir)); err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of the unlock agent's socket: %w", err)
	}
	return checkDirectory(dir)
}

// checkDirectory refuses a directory for sockets that is not this user's alone,
// or that hangs in one where others can exchange it.
func checkDirectory(dir string) error {
	if err := checkPrivate(dir); err != nil {
		return err
	}
	return checkParent(filepath.Dir(dir))
}
