package agent

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// protocolVersion changes with every change of what crosses the socket. The two
// sides are the same program, except after an upgrade under a running agent.
const protocolVersion = 1

// A frame is
//
//	length of the header   4 bytes, big endian
//	header                 JSON: a request or a response
//	segments               raw bytes, of the lengths that the header lists
//
// Segments are values. They are read straight into guarded memory and written
// straight from it; the header never holds one.
const (
	// maxHeader bounds what either side holds of a header: all texts of a
	// project, or the descriptions of an import of 100,000 secrets.
	maxHeader = 128 << 20
	// maxFarHeader bounds what somebody asks who came over SSH: an import of
	// 100,000 secrets without descriptions. Decoding takes up to six times as
	// much, and whoever may do nothing in the vault can have it decoded.
	maxFarHeader = 16 << 20
	// maxSegments bounds the values of one import, and maxValues their bytes: as
	// much as the longest file that is imported.
	maxSegments = 1 << 20
	maxValues   = 64 << 20
	// maxSegment bounds one value. One that is a little too long is the vault's to
	// refuse, with its words.
	maxSegment = 2 * vault.MaxValue
	// maxHello bounds the first header of a connection: whoever sends it has
	// shown nothing yet but their user.
	maxHello = 16 << 10
)

// Times that the other side has, in seconds of a machine under load.
const (
	helloTime = 5 * time.Second  // to introduce itself, and to answer that
	stallTime = 30 * time.Second // to take or to send the rest of a frame
)

// A request is the header that a client sends. Each operation uses the fields
// that its arguments need.
type request struct {
	Op string `json:"op"`

	Hello *hello `json:"hello,omitempty"`

	Project    string           `json:"project,omitempty"`
	Name       string           `json:"name,omitempty"`
	To         string           `json:"to,omitempty"`
	Names      []string         `json:"names,omitempty"`
	Kind       vault.TextKind   `json:"kind,omitempty"`
	Text       string           `json:"text,omitempty"`
	Version    uint64           `json:"version,omitempty"`
	Flag       bool             `json:"flag,omitempty"`
	Mode       vault.ImportMode `json:"mode,omitempty"`
	Permission vault.Permission `json:"permission,omitempty"`
	Drafts     drafts           `json:"drafts,omitempty"` // one segment each
	Edit       *edit            `json:"edit,omitempty"`   // a segment when the value changes
	Open       uint64           `json:"open,omitempty"`   // values that an earlier answer left with the agent
	At         int              `json:"at,omitempty"`     // from which of their names on

	Segments []int `json:"segments,omitempty"`

	values *secret.Bytes // the segments, one after the other, once they were read
	room   Room          // where this holds a place; nil for none
}

// drop lets go of what the request holds.
func (r *request) drop() {
	r.values.Destroy()
	if r.room != nil {
		<-r.room
	}
}

// hello is how a client introduces itself: with the file that it calls the
// vault, and with the options that hold for what it will ask.
type hello struct {
	Version     int           `json:"version"`
	Device      uint64        `json:"device"`
	Inode       uint64        `json:"inode"`
	LockTimeout time.Duration `json:"lock_timeout"`
}

// draft is a vault.Draft without its value.
type draft struct {
	Name         string    `json:"name"`
	Description  string    `json:"description,omitempty"`
	LLMSafe      bool      `json:"llm_safe,omitempty"`
	AllowedHosts []string  `json:"allowed_hosts,omitempty"`
	Expires      time.Time `json:"expires,omitzero"`
}

// drafts are those of an import. Each may take thirty times the memory of its
// text, so that too many are refused before they are all there.
type drafts []draft

// UnmarshalJSON implements json.Unmarshaler.
func (d *drafts) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if begin, err := dec.Token(); err != nil || begin == nil { // null
		return err
	}
	for dec.More() {
		var one draft
		if len(*d) == maxSegments {
			return errFrame
		}
		if err := dec.Decode(&one); err != nil {
			return err
		}
		*d = append(*d, one)
	}
	return nil
}

// edit is a vault.Edit without its value. Hosts stands apart from AllowedHosts
// because JSON would not tell an empty list from none.
type edit struct {
	Description  *string    `json:"description,omitempty"`
	LLMSafe      *bool      `json:"llm_safe,omitempty"`
	Hosts        bool       `json:"hosts,omitempty"`
	AllowedHosts []string   `json:"allowed_hosts,omitempty"`
	Expires      *time.Time `json:"expires,omitempty"`
	IfVersion    uint64     `json:"if_version,omitempty"`
}

// A response is the header that the agent sends: how far it is, or the answer.
type response struct {
	Progress []int      `json:"progress,omitempty"` // done, total: more follows
	Bye      bool       `json:"bye,omitempty"`      // the connection ends, and what was sent last was not looked at
	Error    *wireError `json:"error,omitempty"`
	Notes    []string   `json:"notes,omitempty"`
	Result   any        `json:"result,omitempty"`
	Segments []int      `json:"segments,omitempty"`
}

// answer is a response as a client reads it.
type answer struct {
	response
	Result json.RawMessage `json:"result"`
}

// errFrame is a frame that is none. It is a bug, or another program.
var errFrame = errors.New("malformed message")

// writeFrame writes a header, and then what segments writes; nil for nothing.
func writeFrame(c net.Conn, header any, segments func(io.Writer) error) error {
	return writeBounded(c, header, segments, maxHeader)
}

// writeBounded is writeFrame to a side that reads no longer header than limit.
func writeBounded(c net.Conn, header any, segments func(io.Writer) error, limit int) error {
	var b bytes.Buffer
	b.Write([]byte{0, 0, 0, 0})
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(header); err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	length := b.Len() - 4
	if length > limit {
		return fmt.Errorf("%w: %d MiB at most", errTooLong, limit>>20)
	}
	binary.BigEndian.PutUint32(b.Bytes(), uint32(length))
	if err := c.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
		return err
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return err
	}
	if segments == nil {
		return nil
	}
	return segments(patientWriter{c})
}

// errTooLong is an answer or a question that is longer than the other side reads.
// Nothing was sent.
var errTooLong = errors.New("this is too much at once")

// A patientWriter gives the other side its time anew for every segment.
type patientWriter struct{ c net.Conn }

func (w patientWriter) Write(p []byte) (int, error) {
	if err := w.c.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return w.c.Write(p)
}

// readLength reads the beginning of a frame.
func readLength(r io.Reader, limit int) (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n == 0 || uint64(n) > uint64(limit) {
		return 0, errFrame
	}
	return int(n), nil
}

// readHeader reads n bytes of JSON. What is reserved grows with what arrives:
// a length costs its sender nothing.
func readHeader(r io.Reader, n int, to any) error {
	const first = 64 << 10
	b := make([]byte, min(n, first))
	if _, err := io.ReadFull(r, b); err != nil {
		return unexpected(err)
	}
	if len(b) < n {
		buf := bytes.NewBuffer(b)
		if _, err := io.CopyN(buf, r, int64(n-len(b))); err != nil {
			return unexpected(err)
		}
		b = buf.Bytes()
	}
	if err := json.Unmarshal(b, to); err != nil {
		return errFrame
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readSegments reads values into one piece of guarded memory. There is a limit
// to the number of pieces that a process can have: whoever sends many values, or
// says that they will, must not leave none for others.
func readSegments(r io.Reader, lengths []int) (*secret.Bytes, error) {
	total, err := valuesLength(lengths)
	if err != nil || len(lengths) == 0 {
		return nil, err
	}
	return readSegment(r, total)
}

// valuesLength adds up what a request announces.
func valuesLength(lengths []int) (total int, err error) {
	for _, n := range lengths {
		if n < 0 || n > maxSegment {
			return 0, errFrame
		}
		total += n
		if total > maxValues {
			return 0, fmt.Errorf("%w: %d MiB of values at most", errTooLong, maxValues>>20)
		}
	}
	if len(lengths) > maxSegments {
		return 0, fmt.Errorf("%w: %d values at most", errTooLong, maxSegments)
	}
	return total, nil
}

func readSegment(r io.Reader, n int) (*secret.Bytes, error) {
	v, err := secret.New(n)
	if err != nil {
		return nil, err
	}
	err = v.Use(func(p []byte) error {
		_, err := io.ReadFull(r, p)
		return err
	})
	if err != nil {
		v.Destroy()
		return nil, unexpected(err)
	}
	return v, nil
}

// A part is one of the values that came with a request.
type part struct {
	of    *secret.Bytes
	at, n int
}

// Len implements vault.Value.
func (p part) Len() int { return p.n }

// Use implements vault.Value.
func (p part) Use(fn func(value []byte) error) error {
	return p.of.Use(func(all []byte) error { return fn(all[p.at : p.at+p.n : p.at+p.n]) })
}
