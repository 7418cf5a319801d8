package faults_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tacenda/internal/prooftest"
)

// A hostileTemplate is a template, and what it comes to.
type hostileTemplate struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	Text string `json:"text"`
	Code int    `json:"code"`
	Want string `json:"want"`
}

// TestHostileTemplates resolves templates and values that want to be read as
// something else.
func TestHostileTemplates(t *testing.T) {
	u := newUser(t)
	for name, value := range map[string]string{"NEST": "{{ONE}} {{TWO}}", "HALF": "{{", "QUOTE": "a'; rm -rf / #", "JS": `x","admin":true,"y":"`} {
		u.must(value, "create", name, "--value-file", "-")
	}
	all := load(t, "testdata/templates.json", func(h hostileTemplate) (string, string) { return h.Name, h.Why })
	for _, h := range all {
		e := u.run(nil, h.Text, "resolve", "-")
		if e.hung || e.code != h.Code || e.out != h.Want {
			t.Errorf("%s (%s): exit code %d, want %d; %q, want %q; hung %t: %.300q", h.Name, h.Why, e.code, h.Code, e.out, h.Want, e.hung, e.err)
		}
		if bad := steers(e.err); bad != "" {
			t.Errorf("%s: the message has %s in it", h.Name, bad)
		}
	}
	u.wantVault("hostile templates")
	prooftest.Cases(t, len(all), "templates")
}

// A hostileValue is a value that does not fit into a header.
type hostileValue struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	Text string `json:"text"`
}

// TestHostileHeaders calls a tool with values in a header that would end it: each is
// refused before anything is sent, and is not said.
func TestHostileHeaders(t *testing.T) {
	u := newUser(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	u.must("url: "+server.URL+"/\nheaders: {X-Key: '{{VALUE}}'}\n", "tool", "set", "call-it", "-f", "-")
	u.must("an ordinary value", "create", "VALUE", "--value-file", "-")
	if e := u.run(nil, "", "call", "call-it"); e.code != 0 || asked.Load() != 1 {
		t.Fatalf("an ordinary value: exit code %d, %d requests: %s", e.code, asked.Load(), e.err)
	}
	all := load(t, "testdata/headers.json", func(h hostileValue) (string, string) { return h.Name, h.Why })
	for _, h := range all {
		u.must("CaNaRy"+h.Text, "edit", "VALUE", "--value-file", "-", "--exact")
		e := u.run(nil, "", "call", "call-it")
		if e.code != 7 || asked.Load() != 1 || strings.Contains(e.out+e.err, "CaNaRy") || steers(e.err) != "" {
			t.Errorf("%s (%s): exit code %d, want 7; %d requests, want 1: %.300q", h.Name, h.Why, e.code, asked.Load(), e.err)
		}
	}
	prooftest.Cases(t, len(all), "values")
}

// A hostilePath is what stands in the place of an output, or what it is called.
type hostilePath struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	Kind string `json:"kind"`
	Path string `json:"path"` // where a link leads, or the output's own
	Code int    `json:"code"`
}

// TestHostilePaths resolves into outputs that are no place for a value: each is
// refused, and nothing is written anywhere.
func TestHostilePaths(t *testing.T) {
	u := newUser(t)
	do(t, os.WriteFile(filepath.Join(u.dir, "template"), []byte("{{ONE}} CaNaRy"), 0o644))
	victim := filepath.Join(u.dir, "secret-target")
	do(t, os.WriteFile(victim, []byte("as it was"), 0o644))
	do(t, os.Mkdir(filepath.Join(u.dir, "dir"), 0o755))
	key, err := os.ReadFile(filepath.Join(u.dir, "key.txt"))
	do(t, err)
	all := load(t, "testdata/paths.json", func(h hostilePath) (string, string) { return h.Name, h.Why })
	for _, h := range all {
		out := filepath.Join(u.dir, "out")
		do(t, os.RemoveAll(out))
		do(t, h.make(out))
		name := "out"
		if h.Kind == "name" {
			name = h.Path
		}
		e := u.run(nil, "", "resolve", "template", "-o", name)
		if e.hung || e.code != h.Code || !message.MatchString(e.err) || steers(e.err) != "" {
			t.Errorf("%s (%s): exit code %d, want %d, hung %t: %.300q", h.Name, h.Why, e.code, h.Code, e.hung, e.err)
		}
		for path, want := range map[string]string{victim: "as it was", filepath.Join(u.dir, "key.txt"): string(key), filepath.Join(u.dir, "template"): "{{ONE}} CaNaRy"} {
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s: %s was written to: %v", h.Name, path, err)
			}
		}
		if inside, err := os.ReadDir(filepath.Join(u.dir, "dir")); err != nil || len(inside) > 0 {
			t.Errorf("%s: something is in the directory: %v %v", h.Name, inside, err)
		}
	}
	u.wantVault("hostile paths")
	prooftest.Cases(t, len(all), "outputs")
}

func (h hostilePath) make(out string) error {
	switch h.Kind {
	case "link":
		return os.Symlink(h.Path, out)
	case "directory":
		return os.Mkdir(out, 0o700)
	case "socket":
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: out, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return l.Close()
	}
	return nil
}
