package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Entry is one line of a server's log: who did what through it. Unlike an
// event it is the server's word, not the member's.
type Entry struct {
	Number  uint64    `json:"n"` // from 1
	Time    time.Time `json:"time"`
	Member  string    `json:"member"`
	Key     string    `json:"key"` // fingerprint of the key they came in with
	Action  Action    `json:"action"`
	Project string    `json:"project,omitempty"`
	Objects []string  `json:"objects,omitempty"`
	Origin  string    `json:"origin"` // the address they came from
	Prev    string    `json:"prev"`   // hex, the hash of the entry before
	Hash    Hash      `json:"-"`      // of the entry, once it was read
}

// maxLogLine bounds what is read as one line, in bytes: MaxObjects names of 255
// bytes each, and room.
const maxLogLine = 1 << 19

// logLine is how an entry is stored: its own bytes, so that whoever checks it
// hashes what was signed, and the server's signature of its hash.
type logLine struct {
	Entry     json.RawMessage `json:"entry"`
	Signature string          `json:"sig"` // base64
}

// signedHash is what a server signs: the hash, told apart from everything else
// that its key may sign.
func signedHash(hash Hash) []byte { return append([]byte("tacenda/v1/server-log\x00"), hash[:]...) }

// Log is a server's log, a file of JSON lines that only grows. Several
// goroutines may append.
type Log struct {
	path    string
	reading sync.Mutex // one at a time: a long log is work, and whoever reads it is not alone here

	mu   sync.Mutex
	file *os.File
	sign func(text []byte) ([]byte, error)
	size int64 // of what was written, in bytes
	next uint64
	head Hash
}

// OpenLog opens or creates a log, and goes to its end. sign signs with the
// server's key, verify checks: a log that does not verify is not continued, with
// ErrChain. A last line without an end is one that a crash cut short, before
// what it tells of happened: it is dropped.
func OpenLog(path string, sign func([]byte) ([]byte, error), verify func(text, signature []byte) bool) (*Log, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	l := &Log{path: path, file: file, sign: sign}
	l.next, l.head, l.size, err = readLog(file, verify, nil)
	if err == nil {
		err = file.Truncate(l.size)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// Append numbers, chains, signs and writes an entry. What cannot be written is
// an error: a use that leaves no trace must not happen.
func (l *Log) Append(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(e.Objects) > MaxObjects {
		e.Objects = append(e.Objects[:MaxObjects:MaxObjects], "…")
	}
	e.Number, e.Prev = l.next+1, hex.EncodeToString(l.head[:])
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("writing the server's log: %w", err)
	}
	hash := Hash(sha256.Sum256(raw))
	sig, err := l.sign(signedHash(hash))
	if err != nil {
		return fmt.Errorf("signing the server's log: %w", err)
	}
	line, err := json.Marshal(logLine{raw, base64.StdEncoding.EncodeToString(sig)})
	if err != nil {
		return fmt.Errorf("writing the server's log: %w", err)
	}
	if err := l.write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the server's log: %w", err)
	}
	l.next, l.head = e.Number, hash
	return nil
}

// write adds a line, and waits until it is on the disk: a value that went out
// before the power failed must not be one that nobody knows of.
func (l *Log) write(line []byte) error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != l.size {
		return fmt.Errorf("%w: something else wrote to it, another server perhaps", ErrChain)
	}
	if now, err := os.Stat(l.path); err != nil || !os.SameFile(now, info) {
		return fmt.Errorf("%w: it was moved away under a running server", ErrChain) // and nobody would look where it is
	}
	_, err = l.file.Write(line)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(err, l.file.Truncate(l.size)) // half a line would end the log for good
	}
	l.size += int64(len(line))
	return nil
}

// Read calls fn with each entry, oldest first, and returns how many there are and
// the hash of the last. Every signature was checked when the log was opened, or
// made since, so that it is enough that the hashes still lead to the last one:
// ErrChain where they do not, which what fn was called with is to be dropped for.
func (l *Log) Read(fn func(Entry) error) (uint64, Hash, error) {
	l.mu.Lock()
	n, head, size := l.next, l.head, l.size
	l.mu.Unlock()
	l.reading.Lock()
	defer l.reading.Unlock()
	signed := func([]byte, []byte) bool { return true }
	got, last, _, err := readLog(io.NewSectionReader(l.file, 0, size), signed, fn)
	if err == nil && (got != n || last != head) {
		err = fmt.Errorf("%w: it is not as it was left", ErrChain)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", l.path, err)
	}
	return n, head, err
}

// Close makes sure that what was written is on the disk.
func (l *Log) Close() error { return errors.Join(l.file.Sync(), l.file.Close()) }

// ReadLog checks a log and calls fn with each entry, oldest first. It returns
// how many there are and the hash of the last. A log that does not exist is
// empty.
func ReadLog(path string, verify func(text, signature []byte) bool, fn func(Entry) error) (uint64, Hash, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, Hash{}, nil
	}
	if err != nil {
		return 0, Hash{}, fmt.Errorf("reading the server's log: %w", err)
	}
	defer file.Close()
	n, head, _, err := readLog(file, verify, fn)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return n, head, err
}

// readLog reads the lines that have an end, and returns their length as well:
// what stands behind the last may be an entry that is being written.
func readLog(r io.Reader, verify func(text, signature []byte) bool, fn func(Entry) error) (n uint64, head Hash, size int64, err error) {
	lines := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return n, head, size, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return n, head, size, fmt.Errorf("entry %d: %w: it is too long", n+1, ErrChain)
		case err != nil:
			return n, head, size, fmt.Errorf("entry %d: %w", n+1, err)
		}
		e, hash, err := readEntry(line[:len(line)-1], verify)
		if err == nil && (e.Number != n+1 || e.Prev != hex.EncodeToString(head[:])) {
			err = ErrChain
		}
		if err != nil {
			return n, head, size, fmt.Errorf("entry %d: %w", n+1, err)
		}
		n, head, size = e.Number, hash, size+int64(len(line))
		if fn != nil {
			if err := fn(e); err != nil {
				return n, head, size, err
			}
		}
	}
}

// errUnreadable is a line that no server wrote.
var errUnreadable = fmt.Errorf("%w: it cannot be read", ErrChain)

func readEntry(line []byte, verify func(text, signature []byte) bool) (Entry, Hash, error) {
	var stored logLine
	var e Entry
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&stored); err != nil || dec.InputOffset() != int64(len(line)) {
		return e, Hash{}, errUnreadable
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(stored.Signature)
	hash := Hash(sha256.Sum256(stored.Entry))
	if err != nil || !verify(signedHash(hash), sig) {
		return e, Hash{}, fmt.Errorf("%w: it was not signed by this server", ErrChain)
	}
	if err := json.Unmarshal(stored.Entry, &e); err != nil {
		return e, Hash{}, errUnreadable
	}
	e.Hash = hash
	return e, hash, nil
}
