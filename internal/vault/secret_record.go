package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// secretRecord is what a secret's record holds besides its value: a CBOR map of
// exactly these keys, in this order.
type secretRecord struct {
	Name         string   `cbor:"1,keyasint"`
	Hint         string   `cbor:"2,keyasint"`
	Description  string   `cbor:"3,keyasint"`
	Created      int64    `cbor:"4,keyasint"` // Unix seconds
	Updated      int64    `cbor:"5,keyasint"`
	Author       string   `cbor:"6,keyasint"`
	Flags        uint64   `cbor:"7,keyasint"` // bit 0: safe for the model
	AllowedHosts []string `cbor:"8,keyasint"`
	Expires      int64    `cbor:"9,keyasint"`  // Unix seconds, 0: never
	Version      uint64   `cbor:"10,keyasint"` // +1 with each edit
	ValueVersion uint64   `cbor:"11,keyasint"` // +1 with each new value
}

const flagLLMSafe = 1

func (r *secretRecord) public(project string) Secret {
	return Secret{
		Project: project, Name: r.Name, Hint: r.Hint, Description: r.Description,
		Version: r.Version, Created: fromUnix(r.Created), Updated: fromUnix(r.Updated), Author: r.Author,
		LLMSafe: r.Flags&flagLLMSafe != 0, AllowedHosts: r.AllowedHosts, Expires: fromUnix(r.Expires),
	}
}

func fromUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func toUnix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

var errSecretRecord = errors.New("malformed")

// parseSecretRecord reads what keyring.Marshal makes of a secretRecord. It is
// written out because listing 100,000 secrets spends more time in a decoder that
// works by reflection than in opening them; a test holds it against that decoder.
// A name is held against its rules here as well: managers can write records with
// a program of their own, and scripts take names for what they are.
func parseSecretRecord(content []byte) (secretRecord, error) {
	var r secretRecord
	p := cborParser{text: string(content)} // one allocation; the fields are parts of it
	p.expect(0xa0 | 11)                    // a map of eleven
	for key := byte(1); key <= 11 && p.err == nil; key++ {
		p.expect(key)
		switch key {
		case 1:
			r.Name = p.string()
		case 2:
			r.Hint = p.string()
		case 3:
			r.Description = p.string()
		case 4:
			r.Created = p.int()
		case 5:
			r.Updated = p.int()
		case 6:
			r.Author = p.string()
		case 7:
			r.Flags = p.uint()
		case 8:
			r.AllowedHosts = p.strings(maxHosts)
		case 9:
			r.Expires = p.int()
		case 10:
			r.Version = p.uint()
		case 11:
			r.ValueVersion = p.uint()
		}
	}
	if p.err == nil && (p.text != "" || CheckSecretName(r.Name) != nil) {
		p.err = errSecretRecord
	}
	if p.err != nil {
		return secretRecord{}, fmt.Errorf("%w: the record of a secret cannot be read", ErrDamaged)
	}
	return r, nil
}

// cborParser takes CBOR items of expected types off the front of a text. After
// the first that is not as expected it has an error and returns zeros.
type cborParser struct {
	text string
	err  error
}

func (p *cborParser) expect(b byte) {
	if p.err != nil || p.text == "" || p.text[0] != b {
		p.err = errSecretRecord
		return
	}
	p.text = p.text[1:]
}

// head takes an item's major type and argument (RFC 8949, section 3), in the
// shortest form only.
func (p *cborParser) head() (major byte, arg uint64) {
	if p.err != nil || p.text == "" {
		p.err = errSecretRecord
		return 0, 0
	}
	first := p.text[0]
	info := first & 0x1f
	if info < 24 {
		p.text = p.text[1:]
		return first >> 5, uint64(info)
	}
	size := 1 << (info - 24)
	if info > 27 || len(p.text) < 1+size {
		p.err = errSecretRecord
		return 0, 0
	}
	var b [8]byte
	copy(b[8-size:], p.text[1:1+size])
	arg = binary.BigEndian.Uint64(b[:])
	if least := [...]uint64{24, 1 << 8, 1 << 16, 1 << 32}[info-24]; arg < least {
		p.err = errSecretRecord
		return 0, 0
	}
	p.text = p.text[1+size:]
	return first >> 5, arg
}

func (p *cborParser) uint() uint64 {
	major, arg := p.head()
	if major != 0 {
		p.err = errSecretRecord
	}
	return arg
}

func (p *cborParser) int() int64 {
	major, arg := p.head()
	if major > 1 || arg > 1<<63-1 {
		p.err = errSecretRecord
	}
	if major == 1 {
		return -1 - int64(arg)
	}
	return int64(arg)
}

func (p *cborParser) string() string {
	major, n := p.head()
	if p.err != nil || major != 3 || n > uint64(len(p.text)) || !utf8.ValidString(p.text[:n]) {
		p.err = errSecretRecord
		return ""
	}
	s := p.text[:n]
	p.text = p.text[n:]
	return s
}

func (p *cborParser) strings(most uint64) []string {
	major, n := p.head()
	if p.err != nil || major != 4 || n > most {
		p.err = errSecretRecord
		return nil
	}
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = p.string()
	}
	return out
}

// byName is the order of the records by name. It sorts the eight bytes behind
// what all names have in common, and looks at whole names only where those are
// the same: names of one project tend to begin alike. twice is the place in
// records of one whose name another has too, or -1.
func byName(records []secretRecord) (order []int, twice int) {
	if len(records) == 0 {
		return nil, -1
	}
	common := len(records[0].Name)
	for i := range records {
		common = commonPrefix(records[0].Name[:common], records[i].Name)
	}
	type place struct {
		key uint64
		at  int
	}
	places := make([]place, len(records))
	for i := range records {
		var b [8]byte
		copy(b[:], records[i].Name[common:])
		places[i] = place{binary.BigEndian.Uint64(b[:]), i}
	}
	slices.SortFunc(places, func(a, b place) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return strings.Compare(records[a.at].Name, records[b.at].Name)
	})
	order, twice = make([]int, len(places)), -1
	for i, p := range places {
		order[i] = p.at
		// Only beside one with the same eight bytes: whole names lie all over the memory.
		if i > 0 && p.key == places[i-1].key && records[p.at].Name == records[places[i-1].at].Name {
			twice = p.at
		}
	}
	return order, twice
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
