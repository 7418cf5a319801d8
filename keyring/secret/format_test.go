package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// leaks tells whether s shows the value in a form that a printer would choose.
func leaks(s, value string) bool {
	for _, form := range []string{
		value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprint([]byte(value)),
		strings.Trim(fmt.Sprintf("%#v", []byte(value)), "[]byte{}"),
	} {
		if strings.Contains(s, form) {
			return true
		}
	}
	return false
}

func TestNothingPrintsTheValue(t *testing.T) {
	const value = "hunter2-hunter2"
	b := fill(t, value)
	defer b.Destroy()
	type holder struct {
		Open   *Bytes
		hidden *Bytes
		list   []*Bytes
	}
	holding := holder{b, b, []*Bytes{b}}
	naked := reflect.ValueOf(b).Elem().Interface() // a copy, which has no methods; go vet refuses to write it as *b
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%08b", "%T", "%p", "%!", "%w", "%20.3s"} {
		if got := fmt.Sprintf(verb, b); verb != "%T" && verb != "%p" && verb != "%!" && verb != "%w" && got != mask {
			t.Errorf("%s printed %q", verb, got)
		}
		for name, arg := range map[string]any{
			"secret": b, "struct": holding, "pointer": &holding, "slice": holding.list,
			"map": map[string]*Bytes{"k": b}, "copy": naked, "error": fmt.Errorf("opening: %v", b), "any": []any{b},
		} {
			if got := fmt.Sprintf(verb, arg); leaks(got, value) {
				t.Errorf("%s of %s printed %q", verb, name, got)
			}
		}
	}
	if b.String() != mask || b.GoString() != mask {
		t.Errorf("String %q, GoString %q", b.String(), b.GoString())
	}
	var none *Bytes
	if got := fmt.Sprint(none); got != mask {
		t.Errorf("nil printed %q", got)
	}
}

func TestNothingEncodesTheValue(t *testing.T) {
	const value = "hunter2-hunter2"
	b := fill(t, value)
	defer b.Destroy()
	type holder struct{ Value *Bytes }
	want := map[string]string{
		"json": `{"Value":"[secret]"}`,
		"xml":  `<holder><Value>[secret]</Value></holder>`,
		"yaml": "value: '[secret]'\n",
		"gob":  "", // refuses: nothing is exported
	}
	for name, encode := range map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"xml":  xml.Marshal,
		"yaml": yaml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var out bytes.Buffer
			err := gob.NewEncoder(&out).Encode(v)
			if err == nil {
				err = errors.New("gob encoded it")
			}
			return nil, err
		},
	} {
		got, err := encode(holder{b})
		if string(got) != want[name] || (err != nil) != (name == "gob") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"json": func(w *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		"text": func(w *bytes.Buffer) slog.Handler { return slog.NewTextHandler(w, nil) },
	} {
		var out bytes.Buffer
		slog.New(handler(&out)).Info("opened", "value", b, "holder", holder{b}, slog.Group("g", "inner", b))
		if leaks(out.String(), value) || !strings.Contains(out.String(), mask) {
			t.Errorf("slog %s: %s", name, out.String())
		}
	}
}
