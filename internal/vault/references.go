package vault

import (
	"bytes"
	"context"
	"fmt"

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
		return r, fmt.Errorf("%w: a %s cannot be read", ErrDamaged, k)
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
	Where string // "line 14"
}

// References says for each secret name, existing or not, which tools and
// instructions of the project refer to it.
func (v *Vault) References(ctx context.Context, project string) (map[string][]Reference, error) {
	refs := map[string][]Reference{}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		for _, k := range []kind{kindTool, kindInstruction} {
			err := p.each(k, func(_ entry, content []byte) error {
				r, err := decodeObject(k, content)
				if err != nil {
					return err
				}
				return addReferences(refs, k, &r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return refs, err
}

func addReferences(refs map[string][]Reference, k kind, r *objectRecord) error {
	return resolver.Walk(bytes.NewReader([]byte(r.Text)), resolver.Options{File: r.Name}, func(o resolver.Occurrence) error {
		if o.Name != "" {
			refs[o.Name] = append(refs[o.Name], Reference{Kind: k.String(), Name: r.Name, Where: fmt.Sprintf("line %d", o.Line)})
		}
		return nil
	})
}
