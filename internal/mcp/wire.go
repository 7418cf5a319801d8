package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"tacenda/keyring/secret"
)

const (
	// maxLine bounds a message in bytes. The longest that is meant is a call whose
	// arguments are a document; what is longer is read to its end and refused.
	maxLine = 4 << 20
	// maxPending is how many requests may wait for their answers. With more, reading
	// stops until one is answered: an agent that asks without listening fills a pipe
	// and not our memory.
	maxPending = 256
	// drainTime is how long requests may still be answered once the input has ended,
	// so that a script can pipe them in. Clients that close our input wait two seconds
	// before they send a signal.
	drainTime = 1500 * time.Millisecond
	// longLived is the one request that is answered when its client goes.
	longLived = "subscriptions/listen"
	// callMethod and promptMethod are the requests that use values.
	callMethod   = "tools/call"
	promptMethod = "prompts/get"
)

// A wire is the connection: one JSON-RPC message a line. The SDK's own ends the
// session at the first line that is none; this one says what is wrong with it
// and goes on.
type wire struct {
	in     <-chan line
	out    io.Writer
	ended  <-chan struct{} // the context's: the SDK hides its end from Read
	closed chan struct{}
	close  sync.Once

	used func() // see Config

	write   sync.Mutex
	mu      sync.Mutex
	pending map[jsonrpc.ID]string // the methods of requests without an answer
	changed chan struct{}         // a request was answered; holds one
}

// A line is what one read gave: a message, or why there is none.
type line struct {
	text []byte
	err  error
}

var errTooLong = fmt.Errorf("the message has more than %d bytes", maxLine)

// newWire starts reading. The one goroutine ends with in, or with ctx.
func newWire(ctx context.Context, in io.Reader, out io.Writer, used func()) *wire {
	lines := make(chan line)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in, 64<<10)
		for {
			text, err := readLine(r)
			if len(text) > 0 || err != nil {
				select {
				case lines <- line{text, err}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil && !errors.Is(err, errTooLong) {
				return
			}
		}
	}()
	return &wire{
		in: lines, out: out, ended: ctx.Done(), closed: make(chan struct{}), used: used,
		pending: make(map[jsonrpc.ID]string), changed: make(chan struct{}, 1),
	}
}

// readLine reads to the next line feed. Of a line that is too long nothing is
// kept, and the whole of it is read.
func readLine(r *bufio.Reader) ([]byte, error) {
	var text []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(text)+len(part) > maxLine; long {
			text = nil
		} else {
			text = append(text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case long:
			return nil, errTooLong
		case err != nil && len(trim(text)) > 0:
			return trim(text), nil // the last line needs no line feed; the next read ends
		default:
			return trim(text), err
		}
	}
}

// trim removes the end of a line, and the blanks that JSON allows around a value.
func trim(text []byte) []byte {
	blank := func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
	for len(text) > 0 && blank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	for len(text) > 0 && blank(text[0]) {
		text = text[1:]
	}
	return text
}

// Connect implements the SDK's Transport: the wire is its own connection.
func (w *wire) Connect(context.Context) (sdk.Connection, error) { return w, nil }

// SessionID implements the SDK's Connection; a pipe has one session, without a name.
func (w *wire) SessionID() string { return "" }

// Read implements the SDK's Connection. It returns requests, notifications and
// answers, and io.EOF once the input has ended and what was asked is answered.
func (w *wire) Read(context.Context) (jsonrpc.Message, error) {
	for {
		if !w.settle(nil, func() bool { return len(w.pending) < maxPending }) {
			return nil, io.EOF
		}
		select {
		case <-w.closed:
			return nil, io.EOF
		case <-w.ended:
			return nil, io.EOF
		case l, open := <-w.in:
			if !open || l.err != nil && !errors.Is(l.err, errTooLong) {
				w.settle(time.After(drainTime), w.answered)
				return nil, io.EOF
			}
			msg, err := w.accept(l)
			if err == nil {
				return msg, nil
			}
			if err := w.refuse(l, err); err != nil {
				return nil, err
			}
		}
	}
}

// settle waits until what holds of the pending requests does. It returns false
// when the connection ended or late came first.
func (w *wire) settle(late <-chan time.Time, holds func() bool) bool {
	for {
		w.mu.Lock()
		done := holds()
		w.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-w.changed:
		case <-late:
			return false
		case <-w.closed:
			return false
		case <-w.ended:
			return false
		}
	}
}

// answered tells whether nothing is pending that would be answered by itself.
func (w *wire) answered() bool {
	for _, method := range w.pending {
		if method != longLived {
			return false
		}
	}
	return true
}

// accept makes a message of a line, and enters a request among those pending.
func (w *wire) accept(l line) (jsonrpc.Message, error) {
	if l.err != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: l.err.Error()}
	}
	if l.text[0] == '[' {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "batches are not supported: send one message a line"}
	}
	// The SDK's decoder would not see what stands behind a message on its line.
	if !json.Valid(l.text) {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeParseError, Message: "the line is not one JSON value"}
	}
	msg, err := jsonrpc.DecodeMessage(l.text)
	if err != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeParseError, Message: "not a JSON-RPC 2.0 message: " + err.Error()}
	}
	req, ok := msg.(*jsonrpc.Request)
	if !ok || !req.ID.IsValid() {
		return msg, nil
	}
	if oddID(l.text) != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "the id is neither a text nor a whole number of at most 53 bits"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, twice := w.pending[req.ID]; twice {
		// The SDK would leave this one without an answer.
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "a request with this id is not yet answered"}
	}
	w.pending[req.ID] = req.Method
	return msg, nil
}

// oddID is the id of a message if it is a number that the SDK would change, and
// answer under another id: it makes whole numbers of 64 bits from floating ones.
func oddID(text []byte) json.RawMessage {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	var number float64
	if json.Unmarshal(text, &m) != nil || json.Unmarshal(m.ID, &number) != nil {
		return nil
	}
	const most = 1 << 53 // up to there a floating one is exact
	if number == math.Trunc(number) && math.Abs(number) < most {
		return nil
	}
	return m.ID
}

// refuse answers a line that is no message. Its id is not known, so it is null,
// which the SDK's encoder leaves out; or it is one that only we can repeat.
func (w *wire) refuse(l line, problem error) error {
	text, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   error           `json:"error"`
	}{"2.0", oddID(l.text), problem})
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	return w.writeLine(text)
}

// Write implements the SDK's Connection. A result may hold a value that a prompt
// was asked for: its encodings are wiped once they are written.
func (w *wire) Write(_ context.Context, msg jsonrpc.Message) error {
	text, err := jsonrpc.EncodeMessage(msg)
	if resp, ok := msg.(*jsonrpc.Response); ok {
		defer w.settled(resp.ID)
		secret.Wipe(resp.Result)
	}
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	return w.writeLine(text)
}

// settled strikes a request off those that are pending.
func (w *wire) settled(id jsonrpc.ID) {
	w.mu.Lock()
	method := w.pending[id]
	delete(w.pending, id)
	w.mu.Unlock()
	if (method == callMethod || method == promptMethod) && w.used != nil {
		w.used()
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// writeLine writes one line and wipes it.
func (w *wire) writeLine(text []byte) error {
	defer secret.Wipe(text)
	w.write.Lock()
	defer w.write.Unlock()
	if _, err := w.out.Write(text); err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	_, err := w.out.Write([]byte{'\n'})
	return err
}

// Close implements the SDK's Connection. It closes neither stream.
func (w *wire) Close() error {
	w.close.Do(func() { close(w.closed) })
	return nil
}
