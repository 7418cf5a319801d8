package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tacenda/keyring"
	"tacenda/resolver"
)

// objectRecord is what a tool's or an instruction's record holds.
type objectRecord struct {
	Name    string `cbor:"1,keyasint"`
	Text    string `cbor:"2,keyasint"` // with its placeholders
	Created int64  `cbor:"3,keyasint"` // Unix seconds
	Updated int64  `cbor:"4,keyasint"`
	Author  string `cbor:"5,keyasint"`
	Version uint64 `cbor:"6,keyasint"` // +1 with each edit
}

func decodeObject(k kind, content []byte) (objectRecord, error) {
	var r objectRecord
	if err := keyring.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("%w: %s cannot be read", ErrDamaged, k.one())
	}
	if CheckName(k.String(), r.Name) != nil { // a manager's own program may have written it
		return r, fmt.Errorf("%w: %s has a name that cannot be", ErrDamaged, k.one())
	}
	return r, nil
}

// objectName is the name under which an object of a kind is found.
func objectName(k kind, content []byte) (string, error) {
	switch k {
	case kindName:
		return "", nil
	case kindSecret:
		r, err := parseSecretRecord(content)
		return r.Name, err
	default:
		r, err := decodeObject(k, content)
		return r.Name, err
	}
}

// Reference is one use of a secret by a tool or an instruction.
type Reference struct {
	Kind  string // "tool" or "instruction"
	Name  string // of the tool or instruction
	Where string // "line 14", for people
	// Line and Column count from 1, the column in bytes.
	Line, Column int
}

// References says for each secret name, existing or not, which tools and
// instructions of the project refer to it: tools first, each kind by name and
// each text from its top.
func (v *Vault) References(ctx context.Context, project string) (map[string][]Reference, error) {
	refs := map[string][]Reference{}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		for _, k := range []kind{kindTool, kindInstruction} {
			if err := p.references(k, refs); err != nil {
				return err
			}
		}
		return nil
	})
	return refs, err
}

// references adds those of one kind of text.
func (p *project) references(k kind, refs map[string][]Reference) error {
	var records []objectRecord
	err := p.each(k, func(_ entry, content []byte) error {
		r, err := decodeObject(k, content)
		if err == nil {
			records = append(records, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	// Records come by their blind names, which say nothing to anybody.
	slices.SortFunc(records, func(a, b objectRecord) int { return strings.Compare(a.Name, b.Name) })
	for i := range records {
		if err := addReferences(refs, k, &records[i]); err != nil {
			return err
		}
	}
	return nil
}

func addReferences(refs map[string][]Reference, k kind, r *objectRecord) error {
	return resolver.Walk(strings.NewReader(r.Text), resolver.Options{File: r.Name}, func(o resolver.Occurrence) error {
		if o.Name != "" {
			refs[o.Name] = append(refs[o.Name], Reference{
				Kind: k.String(), Name: r.Name, Where: fmt.Sprintf("line %d", o.Line), Line: o.Line, Column: o.Column,
			})
		}
		return nil
	})
}
