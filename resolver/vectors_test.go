package resolver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// vector is one case of testdata/*.json. Bytes that JSON cannot carry are in the fields named _base64. Positions are
// in a file called t.
type vector struct {
	Name           string            `json:"name"`
	Reason         string            `json:"reason"`
	Template       string            `json:"template"`
	TemplateBase64 []byte            `json:"template_base64"`
	Values         map[string]string `json:"values"`
	ValuesBase64   map[string][]byte `json:"values_base64"`
	Escape         string            `json:"escape"`
	Output         *string           `json:"output"`
	OutputBase64   []byte            `json:"output_base64"`
	Problems       []string          `json:"problems"` // instead of an output
	Near           []string          `json:"near"`
	Missing        []string          `json:"missing"`
	Hints          map[string]string `json:"hints"`
	ASCII          bool              `json:"ascii"`
	Preview        *string           `json:"preview"`
}

func (v *vector) template() []byte { return append([]byte(v.Template), v.TemplateBase64...) }

func (v *vector) values() lookup {
	l := lookup{}
	for name, value := range v.Values {
		l[name] = []byte(value)
	}
	maps.Copy(l, v.ValuesBase64)
	return l
}

func (v *vector) options(t testing.TB) Options {
	o := Options{File: "t", Known: v.values().has}
	if v.Escape != "" {
		f, err := ParseFilter(v.Escape)
		if err != nil {
			t.Fatal(err)
		}
		o.Escape = f
	}
	return o
}

// lookup is a project in a map.
type lookup map[string][]byte

func (l lookup) has(name string) bool { _, ok := l[name]; return ok }

func (l lookup) Use(name string, fn func([]byte) error) error {
	value, ok := l[name]
	if !ok {
		return fmt.Errorf("no secret %s", name)
	}
	return fn(value)
}

// loadVectors reads every vector there is. Fewer than the contract asks for is an error: an empty set proves nothing.
func loadVectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	seen := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		var some []vector
		if err := d.Decode(&some); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range some {
			if v.Name == "" || v.Reason == "" || seen[v.Name] {
				t.Errorf("%s: %q needs a reason and a name of its own", file, v.Name)
			}
			seen[v.Name] = true
			if v.Output == nil && v.OutputBase64 == nil && v.Problems == nil && v.Missing == nil && v.Preview == nil {
				t.Errorf("%s: %q expects nothing", file, v.Name)
			}
		}
		all = append(all, some...)
	}
	if len(all) < 80 {
		t.Fatalf("%d vectors in testdata, there should be at least 80", len(all))
	}
	return all
}

func lines(ps Problems) []string {
	var s []string
	for _, p := range ps.First {
		s = append(s, p.String())
	}
	return s
}

func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			tmpl, err := Scan(bytes.NewReader(v.template()), v.options(t))
			if err != nil {
				t.Fatal(err)
			}
			same(t, "near misses", v.Near, lines(tmpl.NearMisses()))
			if v.Output != nil || v.OutputBase64 != nil || v.Problems != nil {
				v.resolve(t, tmpl)
			}
			if v.Missing != nil {
				missing, err := tmpl.Missing(slices.Collect(maps.Keys(v.values())))
				if err != nil {
					t.Fatal(err)
				}
				same(t, "missing", v.Missing, lines(missing))
			}
			if v.Preview != nil {
				var out bytes.Buffer
				hint := func(name string) (string, bool) { h, ok := v.Hints[name]; return h, ok }
				if err := tmpl.Preview(&out, hint, v.ASCII); err != nil {
					t.Fatal(err)
				}
				same(t, "preview", *v.Preview, out.String())
			}
		})
	}
}

func (v *vector) resolve(t *testing.T, tmpl *Template) {
	t.Helper()
	want := v.OutputBase64
	if v.Output != nil {
		want = []byte(*v.Output)
	}
	var out bytes.Buffer
	err := tmpl.Resolve(&out, v.values())
	var problems *Error
	switch {
	case errors.As(err, &problems):
		same(t, "problems", v.Problems, lines(problems.Problems))
	case err != nil:
		t.Fatal(err)
	case v.Problems != nil:
		t.Errorf("resolved, expected %q", v.Problems)
	}
	same(t, "output", string(want), out.String())
}

func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// restart makes any reader a source for Scan: it starts anew at each Seek to the start.
type restart struct {
	make func() io.Reader
	io.Reader
}

func newRestart(mk func() io.Reader) *restart { return &restart{mk, mk()} }

func (r *restart) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 {
		return 0, errors.New("only to the start")
	}
	if whence == io.SeekStart {
		r.Reader = r.make()
	}
	return 0, nil
}
