package resolver_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"tacenda/keyring/secret"
	"tacenda/resolver"
)

// vault stands in for a real one, which opens each value from its sealed record when it is used.
type vault map[string]*secret.Bytes

func (v vault) Use(name string, fn func(value []byte) error) error { return v[name].Use(fn) }

func newVault(values map[string]string) vault {
	v := vault{}
	for name, value := range values {
		v[name], _ = secret.Move([]byte(value))
	}
	return v
}

func ExampleTemplate_Resolve() {
	src := strings.NewReader("password: \"{{DB_PASSWORD|json}}\"\n")
	t, err := resolver.Scan(src, resolver.Options{File: "app.yaml"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Names())
	if err := t.Resolve(os.Stdout, newVault(map[string]string{"DB_PASSWORD": `a"b`})); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [DB_PASSWORD]
	// password: "a\"b"
}

// A value that does not fit is reported with every place where it would have landed, and nothing is written.
func ExampleError() {
	t, err := resolver.Scan(strings.NewReader("export KEY={{KEY|sh}}\n"), resolver.Options{File: "env.sh"})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = t.Resolve(os.Stdout, newVault(map[string]string{"KEY": "a\x00b"}))
	if e := (*resolver.Error)(nil); errors.As(err, &e) {
		for _, p := range e.Problems.First {
			fmt.Println(p)
		}
	}
	// Output:
	// env.sh:1:12: {{KEY|sh}}: the value holds a NUL byte, which a shell word cannot carry
}

func ExampleTemplate_Missing() {
	t, err := resolver.Scan(strings.NewReader("a: {{API_KEYS}}\n"), resolver.Options{File: "app.yaml"})
	if err != nil {
		fmt.Println(err)
		return
	}
	missing, err := t.Missing([]string{"API_KEY", "DB_PASSWORD"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range missing.First {
		fmt.Println(p)
	}
	// Output:
	// app.yaml:1:4: {{API_KEYS}}: no such secret; did you mean {{API_KEY}}?
}

func ExampleTemplate_Preview() {
	t, err := resolver.Scan(strings.NewReader("Authorization: Bearer {{API_KEY}}\n"), resolver.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hint := func(name string) (string, bool) { return "sk-p••••wXyZ", name == "API_KEY" }
	if err := t.Preview(os.Stdout, hint, false); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Authorization: Bearer ⟦sk-p••••wXyZ⟧
}

func ExampleWalk() {
	text := strings.NewReader("{{A}} and {{ B }}\n")
	err := resolver.Walk(text, resolver.Options{File: "notes"}, func(o resolver.Occurrence) error {
		fmt.Printf("%d:%d %s name=%q why=%q\n", o.Line, o.Column, o.Text, o.Name, o.Why)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1:1 {{A}} name="A" why=""
	// 1:11 {{ B }} name="" why="write it without white space: {{B}}"
}
