package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"tacenda/keyring/secret"
)

// An arena collects the decoded scalars of a YAML file on their way into guarded
// memory. They are strings because the library has made them so.
type arena struct {
	parts []string
	size  int
}

// yaml reads one document whose root is a mapping. Aliases and merge keys are
// refused rather than bounded: no import needs them, and they are how a small
// file becomes a huge one.
func (b *builder) yaml(c *cursor) (*arena, error) {
	if len(c.p) > maxYAML {
		return nil, fmt.Errorf("the file has %d bytes, more than the %d of YAML that can be imported at once", len(c.p), maxYAML)
	}
	a := new(arena)
	var err error
	// The library copies the text and every scalar to the heap: in secret mode
	// those copies are erased when they are collected.
	secret.Do(func() {
		var root *yaml.Node
		if root, err = yamlRoot(c.p[c.i:]); err == nil && root != nil {
			err = b.yamlMapping(a, root, nil)
		}
	})
	return a, err
}

// yamlRoot is nil for a file that holds nothing but comments.
func yamlRoot(p []byte) (root *yaml.Node, err error) {
	defer func() {
		// The library panics on its own mistakes ("please report"), and what it says
		// then may quote the file.
		if recover() != nil {
			root, err = nil, errors.New("the YAML library failed on this file")
		}
	}()
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(p))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, yamlError(err)
	}
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, yamlError(err)
	default:
		return nil, &parseError{at: yamlAt(&second), what: "a second document; an import is one"}
	}
	root = doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, &parseError{at: yamlAt(root), what: "an import is a mapping of names to values"}
	}
	return root, nil
}

// yamlMessage is compiled when there is something to say: not by every start of the program.
var yamlMessage = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
})

// yamlError takes over the library's line and message. The one message that
// quotes the file is that of an unknown anchor: a value that begins with *.
func yamlError(err error) error {
	m := yamlMessage().FindStringSubmatch(err.Error())
	switch {
	case m == nil:
		return errors.New("the file is not YAML")
	case strings.HasPrefix(m[2], "unknown anchor"):
		return errors.New("the file has an alias without its anchor; a value that begins with * stands in quotes")
	case m[1] == "":
		return errors.New("the file is not YAML: " + m[2])
	}
	line, _ := strconv.Atoi(m[1])
	return &parseError{at: position{line: line}, what: m[2], syntax: true}
}

// yamlAt is a node's place. Its column counts characters, the library's measure.
func yamlAt(n *yaml.Node) position { return position{n.Line, n.Column} }

func (b *builder) yamlMapping(a *arena, n *yaml.Node, path []string) error {
	if len(path) == maxDepth {
		return &parseError{at: yamlAt(n), what: "mappings are nested too deeply"}
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			return &parseError{at: yamlAt(k), what: "a key must be plain text"}
		case k.Tag == "!!merge":
			return &parseError{at: yamlAt(k), what: "merge keys (<<) are not imported; write the values out"}
		case seen[k.Value]:
			return &parseError{at: yamlAt(k), key: k.Value, what: "the key stands twice in one mapping"}
		}
		seen[k.Value] = true
		if err := b.yamlValue(a, v, yamlAt(k), append(path[:len(path):len(path)], k.Value)); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) yamlValue(a *arena, v *yaml.Node, at position, path []string) error {
	if v.Kind == yaml.MappingNode && yamlTag(v) {
		return b.yamlMapping(a, v, path)
	}
	e := &parseError{at: yamlAt(v), key: b.name(path)}
	switch {
	case v.Kind == yaml.SequenceNode:
		e.what = "a list cannot become a secret"
		return e
	case v.Kind == yaml.AliasNode:
		e.what = "aliases (*) are not imported; write the value out"
		return e
	case !yamlTag(v):
		// What a tag such as !vault stands for is known to the program that it was
		// written for; the text behind it is not the value.
		e.what = "the meaning of its tag (!) is unknown"
		return e
	}
	off := a.size
	if a.size += len(v.Value); a.size > 2*maxYAML {
		// Without aliases scalars are hardly longer than their source ("\L" means three
		// bytes); this bound holds whatever the library does.
		e.what = "the values are too long in all"
		return e
	}
	a.parts = append(a.parts, v.Value)
	return b.add(at, e.key, off, len(v.Value), true)
}

// yamlTag tells whether a node has no tag of its own, or one of YAML's own.
func yamlTag(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle == 0 {
		return true
	}
	switch n.Tag {
	case "!!map", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!binary":
		return true
	}
	return false
}

// adopt moves the scalars into guarded memory, in the place of the input.
func (b *builder) adopt(a *arena) error {
	if a.size == 0 {
		return nil
	}
	buf, err := secret.New(a.size)
	if err != nil {
		return fmt.Errorf("keeping the values in guarded memory: %w", err)
	}
	b.file.buf.Destroy()
	b.file.buf = buf
	return buf.Use(func(p []byte) error {
		for _, s := range a.parts {
			p = p[copy(p, s):]
		}
		return nil
	})
}
