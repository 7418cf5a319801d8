package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"tacenda/internal/vault"
)

// defaultProject is where a command works when nothing says otherwise.
const defaultProject = "default"

// maxSettings bounds the .tacenda and config.toml files, which hold a few lines.
const maxSettings = 64 << 10

// home is the user's home directory, "" when the environment does not say.
func (a *app) home() string {
	if runtime.GOOS == "windows" {
		return a.sys.Getenv("USERPROFILE")
	}
	return a.sys.Getenv("HOME")
}

// xdg returns a base directory of the XDG specification, which says that a
// relative path in one of its variables counts as unset.
func (a *app) xdg(variable, fallback string) (string, error) {
	if dir := a.sys.Getenv(variable); filepath.IsAbs(dir) {
		return dir, nil
	}
	home := a.home()
	if !filepath.IsAbs(home) {
		return "", fmt.Errorf("finding the directory ~/%s: neither HOME nor %s is set to an absolute path", fallback, variable)
	}
	return filepath.Join(home, filepath.FromSlash(fallback)), nil
}

// stateDir is where this machine remembers what it saw of each vault; "" when
// there is no place for it, which rememberPlace tells the user.
func (a *app) stateDir() string {
	dir, err := a.xdg("XDG_STATE_HOME", ".local/state")
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "tacenda")
}

// A place is where the vault is and who said so.
type place struct {
	path string
	from string // a flag, a variable, the path of a .tacenda file, or "" for the default
	file bool   // from is a .tacenda file

	remote *sshPlace // behind a server: path is the whole of WHERE, and there is no file
}

// vaultPlace finds the vault's file, for what works on nothing else.
func (a *app) vaultPlace() (place, error) {
	at, err := a.vaultWhere()
	if err == nil && at.remote != nil {
		err = errNeedsFile(at)
	}
	return at, err
}

// vaultWhere finds the vault: flag or variable, .tacenda, the default.
func (a *app) vaultWhere() (place, error) {
	where, from := a.globals.vault, a.globals.vaultFrom
	if where == "" {
		local, err := a.localSettings()
		if err != nil {
			return place{}, err
		}
		if local.Vault != "" {
			remote, path, err := splitPlace(local.Vault)
			if err != nil {
				return place{}, fmt.Errorf("%s: vault: %w", local.path, err)
			}
			if remote == nil && !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(local.path), path)
			}
			return place{path: path, from: local.path, file: true, remote: remote}, nil
		}
		dir, err := a.xdg("XDG_DATA_HOME", ".local/share")
		if err != nil {
			return place{}, hinted(err, "name the vault with --vault")
		}
		return place{path: filepath.Join(dir, "tacenda", "vault.db")}, nil
	}
	remote, path, err := splitPlace(where)
	if err != nil {
		return place{}, fmt.Errorf("%s: %w", from, err)
	}
	return place{path: path, from: from, remote: remote}, nil
}

// splitPlace tells a file from a server, and refuses the places that this
// program does not reach.
func splitPlace(where string) (remote *sshPlace, path string, err error) {
	scheme, _, ok := strings.Cut(where, "://")
	if ok && scheme+"://" != sshScheme {
		return nil, "", usagef("this tacenda opens files and ssh:// places, not %s:// vaults", scheme)
	}
	remote, err = parseSSH(where)
	return remote, where, err
}

// projectName finds the project, and says once when a .tacenda file chose it:
// the user did not type it, and secrets land there.
func (a *app) projectName() (string, error) {
	g := &a.globals
	if g.project == "" {
		local, err := a.localSettings()
		if err != nil {
			return "", err
		}
		g.project, g.projectFrom = defaultProject, ""
		if local.Project != "" {
			g.project, g.projectFrom = local.Project, local.path
			a.note(fmt.Sprintf("project %s (from %s)", local.Project, local.path))
		}
	}
	if err := vault.CheckName("project", g.project); err != nil {
		if g.projectFrom != "" {
			return "", fmt.Errorf("%s: %w", g.projectFrom, err)
		}
		return "", err
	}
	return g.project, nil
}

// localSettings is what a .tacenda file says.
type localSettings struct {
	Vault   string `toml:"vault"`
	Project string `toml:"project"`
	path    string
}

// localSettings reads the nearest .tacenda file upwards from the working
// directory; the zero value when there is none. It is looked for at most once.
func (a *app) localSettings() (localSettings, error) {
	if a.local != nil {
		return *a.local, nil
	}
	var found localSettings
	if dir, err := os.Getwd(); err == nil {
		if found, err = a.searchUpwards(dir); err != nil {
			return localSettings{}, err
		}
	}
	a.local = &found
	return found, nil
}

// searchUpwards climbs from dir, not above the home directory and not past the
// edge of a file system: what lies beyond belongs to somebody else.
func (a *app) searchUpwards(dir string) (localSettings, error) {
	home := filepath.Clean(a.home())
	device, ok := deviceOf(dir)
	for ok {
		path := filepath.Join(dir, ".tacenda")
		data, err := readTrusted(path)
		var refused *untrustedError
		switch {
		case err == nil:
			s := localSettings{path: path}
			if err := decodeSettings(path, data, &s); err != nil {
				return localSettings{}, err
			}
			return s, nil
		case errors.As(err, &refused):
			// Somebody else's file in a shared directory must neither choose
			// our vault nor keep us from working there.
			a.warn(fmt.Sprintf("not reading %s: %s", path, refused.why))
		case !errors.Is(err, fs.ErrNotExist):
			var system *fs.PathError
			if errors.As(err, &system) {
				err = system.Err
			}
			return localSettings{}, fmt.Errorf("reading %s: %w", path, err)
		}
		parent := filepath.Dir(dir)
		if dir == home || parent == dir {
			break
		}
		if d, known := deviceOf(parent); !known || d != device {
			break
		}
		dir = parent
	}
	return localSettings{}, nil
}

// An untrustedError is a settings file that somebody else could have written.
type untrustedError struct{ why string }

func (e *untrustedError) Error() string { return e.why }

// readTrusted reads a small settings file if it is a regular file of this user
// or root that nobody else can write.
func readTrusted(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if why := untrusted(info); why != "" {
		return nil, &untrustedError{why}
	}
	f, err := openNoFollow(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Asked again of what was opened: the name may mean another file by now.
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if why := untrusted(info); why != "" {
		return nil, &untrustedError{why}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(data) > maxSettings {
		err = usagef("longer than %d bytes", maxSettings)
	}
	return data, err
}

// decodeSettings reads TOML strictly: a key that this program does not know is
// a spelling mistake, or a wish that it cannot fulfil.
func decodeSettings(path string, data []byte, to any) error {
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(to)
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		row, _ := strict.Errors[0].Position()
		return usagef("%s:%d: unknown key %q", path, row, strings.Join(strict.Errors[0].Key(), "."))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, column := decode.Position()
		if key := decode.Key(); strings.Contains(decode.Error(), "cannot decode") || strings.Contains(decode.Error(), "cannot store") {
			// The library names types of this program, which say nothing to a user.
			return usagef("%s:%d:%d: %s has a value of the wrong type", path, row, column, cmp.Or(strings.Join(key, "."), "a key"))
		}
		return usagef("%s:%d:%d: %s", path, row, column, decode.Error())
	}
	if err != nil {
		return usagef("%s: %v", path, err)
	}
	return nil
}
