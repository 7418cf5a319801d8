package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// waitForLock is longer than any change here takes, so that "busy" is a mistake.
const waitForLock = 2 * time.Minute

// A worker is a process and the model of its project, which nobody else writes to.
type worker struct {
	t       *testing.T
	w       world
	random  *rand.Rand
	project string
	model   map[string]string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	orders  int
	kills   int
	counted int // acknowledged
	unsure  int // counts that a kill cut off
}

func (x *worker) start() error {
	x.cmd = child(x.t, "worker", x.w.args()...)
	var err error
	if x.in, err = x.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	x.out = json.NewDecoder(out)
	return x.cmd.Start()
}

func (x *worker) send(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = x.in.Write(append(line, '\n'))
	return err
}

// ask sends an order and waits for what comes of it.
func (x *worker) ask(o order) (r reply, err error) {
	x.orders++
	if err := x.send(o); err != nil {
		return r, err
	}
	err = x.out.Decode(&r)
	return r, err
}

func (x *worker) draw() order {
	name := func() string { return fmt.Sprintf("NAME_%d", x.random.IntN(12)) }
	names := make([]string, 0, 3)
	for range 1 + x.random.IntN(3) {
		if n := name(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	o := order{Project: x.project, Names: names, Value: strings.Repeat(fmt.Sprint(x.random.Uint64()), 1+x.random.IntN(60))}
	switch n := x.random.IntN(100); {
	case n < 22:
		o.Do = "create"
	case n < 40:
		o.Do = "edit"
	case n < 52:
		o.Do = "delete"
	case n < 62:
		o.Do = "import"
	case n < 70:
		o.Do, o.To = "clone", "common"
	case n < 82:
		o.Do = "count"
	case n < 86:
		o.Do, o.Value = "tool", o.Value[:5]
	case n < 94:
		o.Do = "reopen"
	case n < 96:
		o.Do = "verify"
	case n < 98:
		o.Do = "compact"
	default:
		o.Do = "rotate"
	}
	return o
}

// predict says how an order must end, and what the project then holds.
func (x *worker) predict(o order) (kind string, after map[string]string) {
	after = maps.Clone(x.model)
	_, exists := after[o.Names[0]]
	missing := slices.ContainsFunc(o.Names, func(n string) bool { return x.model[n] == "" })
	switch o.Do {
	case "create":
		if exists {
			return "exists", x.model
		}
		after[o.Names[0]] = o.Value
	case "edit":
		if !exists {
			return "notfound", x.model
		}
		after[o.Names[0]] = o.Value
	case "delete":
		if missing {
			return "notfound", x.model
		}
		for _, n := range o.Names {
			delete(after, n)
		}
	case "clone":
		if missing {
			return "notfound", x.model
		}
	case "import":
		for _, n := range o.Names {
			after[n] = o.Value
		}
	}
	return "", after
}

// step gives one order and holds what comes of it against the model; now and then
// it kills the process in the middle.
func (x *worker) step() error {
	o := x.draw()
	kind, after := x.predict(o)
	if x.random.IntN(40) == 0 {
		return x.kill(o, kind, after)
	}
	r, err := x.ask(o)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Do, err)
	}
	if o.Do == "count" && r.Kind == "conflict" {
		return nil // somebody else was first
	}
	if r.Kind != kind || kind == "" && r.Error != "" {
		return fmt.Errorf("%s %v in %s: got %q (%s), want %q", o.Do, o.Names, o.Project, r.Kind, r.Error, kind)
	}
	if o.Do == "count" {
		x.counted++
	}
	x.model = after
	if x.random.IntN(10) > 0 {
		return nil
	}
	return x.compare(x.model)
}

// compare asks for all that the project holds; it must be one of these, and is the
// model from then on.
func (x *worker) compare(models ...map[string]string) error {
	r, err := x.ask(order{Do: "dump", Project: x.project})
	if err != nil || r.Error != "" {
		return fmt.Errorf("dump: %s %w", r.Error, err)
	}
	if r.Values == nil {
		r.Values = map[string]string{}
	}
	for _, m := range models {
		if maps.Equal(m, r.Values) {
			x.model = m
			return nil
		}
	}
	return fmt.Errorf("project %s holds %v, want %v", x.project, slices.Sorted(maps.Keys(r.Values)), slices.Sorted(maps.Keys(models[0])))
}

// kill gives an order and kills the process while it obeys.
func (x *worker) kill(o order, kind string, after map[string]string) error {
	x.orders++
	x.kills++
	if err := x.send(o); err != nil {
		return err
	}
	time.Sleep(time.Duration(x.random.IntN(8000)) * time.Microsecond)
	if err := x.cmd.Process.Kill(); err != nil {
		return err
	}
	var r reply
	acked := x.out.Decode(&r) == nil
	_ = x.cmd.Wait()
	if err := x.start(); err != nil {
		return err
	}
	switch {
	case o.Do == "count" && !acked:
		x.unsure++
	case o.Do == "count" && r.Error == "":
		x.counted++
	}
	if acked {
		if o.Do != "count" && (r.Kind != kind || kind == "" && r.Error != "") {
			return fmt.Errorf("%s: got %q (%s), want %q", o.Do, r.Kind, r.Error, kind)
		}
		return x.compare(after)
	}
	return x.compare(x.model, after)
}

// TestSoak lets several processes work on one vault at random for as long as -soak
// says: create, edit, delete, import, clone, tools, rotations, compactions and
// verifications, with kills between. Each has a project of its own, whose model it
// is held against; one secret is counted up by all of them, and no count is lost.
func TestSoak(t *testing.T) {
	const processes = 4
	w := newWorld(t, t.TempDir())
	do(t, createVault(t.Context(), w))
	do(t, w.with(t.Context(), func(v *vault.Vault) error {
		for _, p := range []string{"common", "p0", "p1", "p2", "p3"} {
			if err := v.CreateProject(t.Context(), p); err != nil {
				return err
			}
		}
		return create(t.Context(), v, "COUNT", "0")
	}))
	end := time.Now().Add(*soak)
	workers := make([]*worker, processes)
	var running sync.WaitGroup
	for i := range workers {
		x := &worker{t: t, w: w, random: rand.New(rand.NewPCG(11, uint64(i))), project: fmt.Sprintf("p%d", i), model: map[string]string{}}
		workers[i] = x
		do(t, x.start())
		running.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				if err := x.step(); err != nil {
					t.Errorf("process %d, order %d: %v", i, x.orders, err)
				}
			}
			_ = x.in.Close()
			_ = x.cmd.Wait()
		})
	}
	running.Wait()
	if t.Failed() {
		return
	}
	wantCounted(t, w, workers)
	orders, deaths := 0, 0
	for _, x := range workers {
		orders, deaths = orders+x.orders, deaths+x.kills
	}
	prooftest.Cases(t, orders, fmt.Sprintf("operations by %d processes", processes))
	prooftest.Cases(t, deaths, "kills between")
	prooftest.Cases(t, int(soak.Seconds()), "seconds")
}

// wantCounted checks at the end: every count is there, and the vault is whole.
func wantCounted(t *testing.T, w world, workers []*worker) {
	t.Helper()
	_, err := w.contents(t.Context())
	do(t, err)
	do(t, store.CheckStructure(w.path()))
	least, most, n := 0, 0, 0
	for _, x := range workers {
		least, most = least+x.counted, most+x.counted+x.unsure
	}
	do(t, w.with(t.Context(), func(v *vault.Vault) error {
		text, err := vaulttest.Get(v, vaulttest.Project, "COUNT")
		if err == nil {
			_, err = fmt.Sscan(text, &n)
		}
		return err
	}))
	if n < least || n > most || least == 0 {
		t.Errorf("%d counts were acknowledged and %d cut off: the count is %d", least, most-least, n)
	}
	left, err := filepath.Glob(w.path() + ".tmp-*")
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}
