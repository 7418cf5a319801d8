package vault

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tacenda/internal/audit"
	"tacenda/keyring"
)

// MaxText bounds a tool's definition and an instruction, in bytes.
const MaxText = 1 << 20

// TextKind tells tools from instructions: both are texts with placeholders that
// a project keeps sealed.
type TextKind byte

// NewText is the version of a text that is to be made: SetText fails with a
// ConflictError when somebody was quicker.
const NewText = math.MaxUint64

// The kinds of text.
const (
	Tool        = TextKind(kindTool)        // the definition of an API tool, in YAML or JSON
	Instruction = TextKind(kindInstruction) // what an agent is told
)

func (k TextKind) String() string { return kind(k).String() }

// actions are what the history says of a change to a text of this kind.
func (k TextKind) actions() (set, deleted audit.Action) {
	if k == Tool {
		return audit.ToolSet, audit.ToolDeleted
	}
	return audit.InstructionSet, audit.InstructionDeleted
}

// Text is a tool's definition or an instruction, as it was written.
type Text struct {
	Project string
	Kind    TextKind
	Name    string
	Text    string // with its placeholders
	Created time.Time
	Updated time.Time
	Author  string
	Version uint64 // 1 when created, +1 with each change
}

func (r *objectRecord) public(project string, k TextKind) Text {
	return Text{
		Project: project, Kind: k, Name: r.Name, Text: r.Text, Version: r.Version,
		Created: fromUnix(r.Created), Updated: fromUnix(r.Updated), Author: r.Author,
	}
}

// text finds a text by name; found is false where there is none.
func (p *project) text(k TextKind, name string) (e entry, r objectRecord, found bool, err error) {
	e, found, err = p.lookup(kind(k), name)
	if err != nil || !found {
		return e, r, found, err
	}
	content, err := p.readObject(e)
	if err != nil {
		return e, r, found, err
	}
	r, err = decodeObject(kind(k), content)
	switch {
	case err != nil:
	case r.Name != name:
		err = misplaced(kind(k), r.Name, p.name)
	case !counts(r.Version):
		err = fmt.Errorf("%w: the %s %s of project %s has a version that cannot be", ErrDamaged, k, name, p.name)
	}
	return e, r, found, err
}

// Texts lists a project's tools or instructions by name.
func (v *Vault) Texts(ctx context.Context, project string, k TextKind) ([]Text, error) {
	out := []Text{}
	if err := k.check(); err != nil {
		return nil, err
	}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		return p.each(kind(k), func(_ entry, content []byte) error {
			r, err := decodeObject(kind(k), content)
			if err == nil {
				out = append(out, r.public(project, k))
			}
			return err
		})
	})
	slices.SortFunc(out, func(a, b Text) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(out) && err == nil; i++ {
		if out[i].Name == out[i-1].Name {
			err = misplaced(kind(k), out[i].Name, project)
		}
	}
	return out, err
}

// Text is one tool or instruction.
func (v *Vault) Text(ctx context.Context, project string, k TextKind, name string) (Text, error) {
	var out Text
	if err := checkTextName(k, name); err != nil {
		return out, err
	}
	err := v.view(ctx, func(s *session) error {
		p, err := s.gate(project, PermRead)
		if err != nil {
			return err
		}
		_, r, found, err := p.text(k, name)
		if err == nil && !found {
			err = fmt.Errorf("%s %s: %w", k, name, ErrNotFound)
		}
		out = r.public(project, k)
		return err
	})
	return out, err
}

// SetText creates a tool or an instruction, or replaces its text. It decides
// where values go, and so needs to manage and to use. With ifVersion it fails
// with a ConflictError when the text is no longer the version that the caller
// saw; 0 asks for nothing, and NewText that there is none.
func (v *Vault) SetText(ctx context.Context, project string, k TextKind, name, text string, ifVersion uint64) (Text, error) {
	var out Text
	if err := CheckName(k.String(), name); err != nil {
		return out, err
	}
	if err := checkText(k, text); err != nil {
		return out, err
	}
	err := v.update(ctx, func(s *session) error {
		p, err := s.gate(project, PermManage|PermUse)
		if err != nil {
			return err
		}
		e, r, found, err := p.text(k, name)
		if err != nil {
			return err
		}
		if ifVersion != 0 && ifVersion != r.Version && (found || ifVersion != NewText) {
			if !found {
				return fmt.Errorf("%s %s: %w", k, name, ErrNotFound)
			}
			return &ConflictError{Name: name, Author: r.Author, Updated: fromUnix(r.Updated), Version: r.Version}
		}
		r.Updated, r.Author = s.v.opts.Now().Unix(), s.v.actor
		if !found {
			r.Name, r.Created = name, r.Updated
		}
		r.Text = text
		r.Version++
		content, err := keyring.Marshal(r)
		if err != nil {
			return fmt.Errorf("encoding a %s: %w", k, err)
		}
		set, _ := k.actions()
		p.event(set, "", name)
		out = r.public(project, k)
		return p.put(entry{id: e.id, kind: kind(k)}, content)
	})
	return out, err
}

// DeleteText deletes a tool or an instruction for good.
func (v *Vault) DeleteText(ctx context.Context, project string, k TextKind, name string) error {
	if err := checkTextName(k, name); err != nil {
		return err
	}
	return v.update(ctx, func(s *session) error {
		p, err := s.gate(project, PermManage|PermUse)
		if err != nil {
			return err
		}
		e, found, err := p.lookup(kind(k), name)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%s %s: %w", k, name, ErrNotFound)
		}
		_, deleted := k.actions()
		p.event(deleted, "", name)
		return p.remove(e)
	})
}

// check refuses, with ErrInvalid, what is no kind of text: a client of the gate
// may ask for any record of a project's so.
func (k TextKind) check() error {
	if k != Tool && k != Instruction {
		return fmt.Errorf("%w: no such kind of text", ErrInvalid)
	}
	return nil
}

func checkTextName(k TextKind, name string) error {
	if err := k.check(); err != nil {
		return err
	}
	return CheckName(k.String(), name)
}

// checkText refuses, with ErrInvalid, what is no text to keep.
func checkText(k TextKind, text string) error {
	if err := k.check(); err != nil {
		return err
	}
	switch {
	case text == "":
		return fmt.Errorf("%w %s: it is empty", ErrInvalid, k)
	case len(text) > MaxText:
		return fmt.Errorf("%w %s: %d bytes, at most %d", ErrInvalid, k, len(text), MaxText)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w %s: not UTF-8", ErrInvalid, k)
	}
	return nil
}
