package e2e_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tacenda/internal/memscan"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// ways are how a secret reaches the program.
var ways = []string{"typed", "pasted", "pipe", "file"}

// A known is a home whose vault's keys the test knows, to look for them.
type known struct {
	*home
	needles map[string][]byte
}

// newKnown makes a vault that an identity and a passphrase open.
func newKnown(t *testing.T) *known {
	t.Helper()
	k := &known{home: newHome(t), needles: map[string][]byte{"passphrase": needle(t), "value": needle(t)}}
	key := vaulttest.NewKey(t)
	k.needles["identity"] = []byte(strings.TrimPrefix(key.Identity, "AGE-SECRET-KEY-1")) // which the program has
	k.file("key.txt", key.Identity+"\n")
	k.vault = filepath.Join(k.dir, "known.db")
	k.env = append(k.env, "TACENDA_VAULT="+k.vault)
	slots := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		_ = root.Use(func(p []byte) error { k.needles["root key"] = append([]byte{}, p...); return nil })
		byPassphrase, err := keyring.NewPassphraseSlot(id, "words", vaulttest.Value(t, string(k.needles["passphrase"])), keyring.MinimalCost, root)
		if err != nil {
			return nil, err
		}
		all, err := key.Slots(id, root)
		return append(all, byPassphrase), err
	}
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		e, err := store.CreateBolt(t.Context(), k.vault, store.BoltOptions{}, fill)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	v, err := vault.Create(t.Context(), create, slots, vaulttest.Project, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	return k
}

// withoutIdentity leaves the passphrase as the only way in.
func (k *known) withoutIdentity() { k.env = append(k.env, "TACENDA_IDENTITY=") }

// outside looks for every needle outside of guarded memory, and returns which the
// process has at all. In a build without secret mode Go's crypto packages leave
// copies of keys there, and everywhere they are garbage until they are collected,
// which commands that end at once do not wait for: those are counted only.
func (k *known) outside(t *testing.T, pid int, when string, collected bool) (held map[string]bool) {
	t.Helper()
	held = map[string]bool{}
	for name, n := range k.needles {
		r := scan(t, pid, n)
		held[name] = len(r.Copies) > 0
		hits := unguarded(t, pid, r)
		if len(hits) == 0 {
			continue
		}
		if name == "value" || k.program != "" && (collected || name == "passphrase") {
			t.Errorf("%s, the %s outside of guarded memory, at %d places: %v", when, name, len(hits), r)
			continue
		}
		r.Copies = slices.DeleteFunc(hits, func(h memscan.Hit) bool { return h.Window >= 0 })
		t.Logf("%s, the %s outside of guarded memory: %d copies", when, name, len(r.Copies))
	}
	return held
}

// enter types or pastes an answer.
func (x *terminal) enter(way string, answer []byte) {
	x.t.Helper()
	if way == "pasted" {
		x.send("\x1b[200~" + string(answer) + "\x1b[201~")
	} else {
		for _, c := range answer {
			x.send(string(c))
		}
	}
	x.send("\r")
}

// A stopped is a program that did its work, and waits to be let go.
type stopped struct {
	cmd *exec.Cmd
	out *os.File // of all that it says
	end func()
}

// stop starts the program with an answer that comes in one of the ways: to the
// questions on its terminal, or in the file or pipe that flag names. It is stopped
// by a pipe that takes no more when it says what it did.
func (k *known) stop(t *testing.T, way string, questions []string, answer []byte, flag string, args ...string) *stopped {
	t.Helper()
	r, w := fullPipe(t)
	s := &stopped{out: r}
	in, none, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	switch way { // behind the command, and before what another command is given
	case "pipe":
		args = slices.Insert(args, 1, flag, "/dev/fd/0")
	case "file":
		args = slices.Insert(args, 1, flag, k.file("answer", string(answer)))
	}
	s.cmd = k.command(args...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = in, w, w
	if way == "typed" || way == "pasted" {
		none.Close()
		x := newTerminal(t, s.cmd)
		for _, q := range questions {
			x.see(q)
			x.enter(way, answer)
		}
	} else {
		if err := s.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if way == "pipe" {
			if _, err := none.Write(answer); err != nil {
				t.Fatal(err)
			}
		}
		none.Close()
	}
	s.end = func() {
		t.Helper()
		w.Close()
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
		if err := s.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	return s
}

// byWay is what each command does with what came in one of the ways.
var byWay = map[string]func(*known, *testing.T, string){
	"create": (*known).storesByWay, "edit": (*known).editsByWay, "rotate": (*known).rotatesByWay,
	"resolve": (*known).resolvesByWay, "run": (*known).runsByWay, "call": (*known).callsByWay, "lock": (*known).locksByWay,
}

// TestMemoryByWay stops each command with its work done, after what is secret in it
// came in each of the ways: the value of a new secret, or the passphrase that opens
// the vault for the others. A value may be in guarded memory and nowhere else; of one
// that was stored nothing is left at all. Keys are for TestSecretMode.
func TestMemoryByWay(t *testing.T) {
	for _, way := range ways {
		for name, test := range byWay {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				test(newKnown(t), t, way)
			})
		}
	}
}

// TestSecretMode builds the program as releases for Linux are: with the runtime's
// secret mode no passphrase, and of a vault that is open or locked again no key, is
// anywhere but in guarded memory. What the ordinary build leaves is in its log.
func TestSecretMode(t *testing.T) {
	program := filepath.Join(t.TempDir(), "tacenda")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "tacenda") // as CI does too
	build.Env = append(os.Environ(), "GOEXPERIMENT=runtimesecret", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "runtimesecret") {
			t.Skipf("this toolchain has no secret mode: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range [][2]string{
		{"lock", "typed"}, {"lock", "pasted"}, {"lock", "file"}, {"create", "typed"}, {"create", "pipe"}, {"edit", "file"},
		{"resolve", "pasted"}, {"resolve", "pipe"}, {"run", "typed"}, {"call", "file"}, {"rotate", "typed"}, {"rotate", "pipe"},
	} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			t.Parallel()
			k := newKnown(t)
			k.program = program
			byWay[c[0]](k, t, c[1])
		})
	}
}

func (k *known) storesByWay(t *testing.T, way string) {
	s := k.stop(t, way, []string{"Value", "again"}, k.needles["value"], "--value-file", "create", "API_KEY")
	k.stored(t, s, func() bool {
		out, err := k.try("", "list", "--names")
		return err == nil && strings.Contains(out, "API_KEY")
	})
}

func (k *known) editsByWay(t *testing.T, way string) {
	k.run("another value", "create", "API_KEY", "--value-file", "-")
	s := k.stop(t, way, []string{"New value", "again"}, k.needles["value"], "--value-file", "edit", "API_KEY")
	k.stored(t, s, func() bool {
		out, err := k.try("{{API_KEY}}", "resolve", "-")
		return err == nil && out == string(k.needles["value"])
	})
}

// stored waits until the value is in the vault, and searches.
func (k *known) stored(t *testing.T, s *stopped, done func() bool) {
	t.Helper()
	waitFor(t, "the value to be stored", done)
	settle(t, s.cmd.Process.Pid)
	if held := k.outside(t, s.cmd.Process.Pid, "with the value stored", false); held["value"] {
		t.Error("the value is held although it was stored")
	}
	s.end()
	if got := k.run("{{API_KEY}}", "resolve", "-"); got != string(k.needles["value"]) {
		t.Errorf("another value was stored, of %d bytes", len(got))
	}
}

// opened prepares a vault with the value, for a command that the passphrase opens.
func (k *known) opened() []string {
	k.t.Helper()
	k.run(string(k.needles["value"]), "create", "API_KEY", "--value-file", "-")
	k.withoutIdentity()
	return []string{"Passphrase"}
}

func (k *known) rotatesByWay(t *testing.T, way string) {
	questions := k.opened()
	before := k.sealedRoster(t)
	s := k.stop(t, way, questions, k.needles["passphrase"], "--passphrase-file", "key", "rotate")
	waitFor(t, "the keys to be made anew", func() bool { return k.sealedRoster(t) != before })
	settle(t, s.cmd.Process.Pid)
	k.outside(t, s.cmd.Process.Pid, "after rotate", false)
	s.end()
}

// sealedRoster is the file as it is: it changes when the keys do.
func (k *known) sealedRoster(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(k.vault)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (k *known) resolvesByWay(t *testing.T, way string) {
	questions := k.opened()
	// The value is out, and the pipe takes no more of what follows.
	k.file("long.tmpl", "key = {{API_KEY}}\n"+strings.Repeat("a line without a placeholder\n", 1<<16))
	s := k.stop(t, way, questions, k.needles["passphrase"], "--passphrase-file", "resolve", "long.tmpl")
	waitFor(t, "the program to write", s.writes)
	settle(t, s.cmd.Process.Pid)
	k.outside(t, s.cmd.Process.Pid, "while it resolves", false)
	s.end()
}

// writes tells whether the program waits in a write.
func (s *stopped) writes() bool {
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/task/*/wchan")
	for _, path := range tasks {
		if where, err := os.ReadFile(path); err == nil && strings.Contains(string(where), "pipe_write") {
			return true
		}
	}
	return false
}

func (k *known) callsByWay(t *testing.T, way string) {
	a := newAPI(t, k.needles["value"])
	k.run(strings.ReplaceAll(strings.ReplaceAll(lookupTool, "%API%", a.URL), "TOKEN", "API_KEY"), "tool", "set", "lookup", "-f", "-")
	questions := k.opened()
	s := k.stop(t, way, questions, k.needles["passphrase"], "--passphrase-file", "call", "lookup", "--param", "id=item")
	waitFor(t, "the request", func() bool { return a.authorized.Load() == 1 })
	settle(t, s.cmd.Process.Pid)
	// What net/http copies of a value is counted in internal/apitool.
	delete(k.needles, "value")
	k.outside(t, s.cmd.Process.Pid, "after a call", false)
	s.end()
}

func (k *known) runsByWay(t *testing.T, way string) {
	questions := k.opened()
	ready := filepath.Join(k.dir, "ready")
	s := k.stop(t, way, questions, k.needles["passphrase"], "--passphrase-file", "run", "--", "sh", "-c", "touch "+ready+"; echo \"$API_KEY\"")
	waitFor(t, "the command", func() bool { _, err := os.Stat(ready); return err == nil })
	settle(t, s.cmd.Process.Pid)
	k.outside(t, s.cmd.Process.Pid, "while the command runs", false)
	s.end()
}

func (k *known) locksByWay(t *testing.T, way string) {
	k.opened()
	cmd := k.command()
	if way == "pipe" || way == "file" {
		cmd.Args = append(cmd.Args, "--passphrase-file", k.file("answer", string(k.needles["passphrase"])))
	}
	x := newTerminal(t, cmd)
	pid := cmd.Process.Pid
	if way == "typed" || way == "pasted" {
		x.see("Unlock vault")
		time.Sleep(500 * time.Millisecond) // what opens by itself ignores keys at first
		x.enter(way, k.needles["passphrase"])
	}
	x.see("API_KEY")
	time.Sleep(500 * time.Millisecond) // the collection
	k.outside(t, pid, "while it is open", true)
	x.send("L")
	x.see("Unlock vault")
	time.Sleep(500 * time.Millisecond)
	k.outside(t, pid, "when it is locked", true)
	for name, n := range k.needles {
		if r := scan(t, pid, n); k.program != "" && len(r.Copies) > 0 {
			t.Errorf("the %s is held although it is locked: %v", name, r)
		}
	}
	x.send("\x03")
}
