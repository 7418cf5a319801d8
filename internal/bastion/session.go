package bastion

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	gossh "golang.org/x/crypto/ssh"
)

// Bounds of what a client may say before its session begins.
const (
	maxEnv      = 16       // variables
	maxEnvBytes = 256      // of one
	maxCommand  = 64 << 10 // bytes of a command line
	maxSessions = 8        // at once on a connection
)

// A Size is that of the client's terminal, as it says: 0 and 2^32-1 occur.
type Size struct{ Width, Height int }

// A Session is one command or one terminal of a member.
type Session struct {
	Identity
	ID       string
	Remote   string   // address and port
	Command  string   // the command line as it was sent, empty for a terminal
	Environ  []string // TERM, and what the client may say of its language
	Terminal bool
	Sizes    <-chan Size // the present one first
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
}

// stopping is why a session ends that did not end by itself.
const stopping = "tacenda: the server is stopping\r\n"

// A connection is one that was let in.
type connection struct {
	server *Server
	id     Identity
	key    string
	remote string

	mu      sync.Mutex
	count   int      // sessions under way
	refused []string // kinds that were told
}

// serve opens channels of type "session", and no other, until the connection
// ends; then it waits for its sessions. No request of the connection is granted.
func (c *connection) serve(channels <-chan gossh.NewChannel, requests <-chan *gossh.Request) {
	ctx, cancel := context.WithCancel(c.server.ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { c.refuseRequests(requests) })
	for channel := range channels {
		switch {
		case channel.ChannelType() != "session":
			c.refuseChannel(channel, gossh.UnknownChannelType, "only sessions are served")
		case !c.countIn():
			c.refuseChannel(channel, gossh.ResourceShortage, "too many sessions")
		default:
			all.Go(func() {
				defer c.countOut()
				c.session(ctx, channel)
			})
		}
	}
	cancel()
	all.Wait()
}

func (c *connection) countIn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count >= maxSessions {
		return false
	}
	c.count++
	return true
}

func (c *connection) countOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count--
}

func (c *connection) session(ctx context.Context, channel gossh.NewChannel) {
	// Whoever was removed since they came in begins nothing more.
	id, ok := c.server.cfg.Authenticate(c.key)
	if !ok {
		c.refuseChannel(channel, gossh.Prohibited, "not let in")
		return
	}
	id.Fingerprint = c.id.Fingerprint
	ch, requests, err := channel.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	r := &request{channel: ch, refuse: c.refuseRequest, sizes: make(chan Size, 1)}
	session, ok := r.await(requests)
	if !ok {
		return
	}
	session.Identity, session.ID, session.Remote = id, newID(), c.remote
	if !c.server.enter(session) {
		_, _ = io.WriteString(session.Stderr, stopping)
		return
	}
	c.server.run(ctx, session, r, requests)
}

// run serves a session until its handler returns, its client goes, or the
// server stops.
func (s *Server) run(ctx context.Context, session *Session, r *request, requests <-chan *gossh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		r.follow(requests, cancel)
	}()
	log := s.cfg.Log.With("session", session.ID, "member", session.Member, "key", session.Fingerprint, "remote", session.Remote)
	log.Info("session began", "terminal", session.Command == "")
	code := s.handle(ctx, session)
	log.Info("session ended", "exit", code)
	if s.ctx.Err() != nil { // a picture is gone by now: it can be read
		_, _ = io.WriteString(session.Stderr, stopping)
	}
	s.leave(session)
	_, _ = r.channel.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{uint32(code)}))
	_ = r.channel.Close()
	<-followed
	s.cfg.Ended()
}

// handle contains a panic: it ends one session, not the server. What panicked
// may hold a value, so that nothing of it is logged.
func (s *Server) handle(ctx context.Context, session *Session) (code int) {
	defer func() {
		if recover() != nil {
			s.cfg.Log.Error("internal error", "session", session.ID)
			code = 1
		}
	}()
	return s.cfg.Handle(ctx, session)
}

// A request is what a client says about the session that it wants.
type request struct {
	channel  gossh.Channel
	refuse   func(*gossh.Request)
	term     string
	environ  []string
	terminal bool
	sizes    chan Size
}

// await answers requests until one of them begins the session.
func (r *request) await(requests <-chan *gossh.Request) (*Session, bool) {
	for q := range requests {
		switch q.Type {
		case "env":
			var v struct{ Name, Value string }
			ok := gossh.Unmarshal(q.Payload, &v) == nil && r.accept(v.Name, v.Value)
			_ = q.Reply(ok, nil)
		case "pty-req":
			if !r.pty(q.Payload) {
				r.refuse(q)
				continue
			}
			_ = q.Reply(true, nil)
		case "window-change":
			r.resize(q.Payload)
			_ = q.Reply(r.terminal, nil)
		case "shell":
			_ = q.Reply(true, nil)
			return r.begin(""), true
		case "exec":
			var v struct{ Command string }
			if gossh.Unmarshal(q.Payload, &v) != nil || len(v.Command) > maxCommand || strings.TrimSpace(v.Command) == "" {
				r.refuse(q)
				continue
			}
			_ = q.Reply(true, nil)
			return r.begin(v.Command), true
		default: // subsystem (sftp), x11-req, auth-agent-req@openssh.com, …
			r.refuse(q)
		}
	}
	return nil, false
}

// accept keeps what tells how to draw: no other variable may reach the server.
func (r *request) accept(name, value string) bool {
	if name != "LANG" && name != "NO_COLOR" && name != "COLORTERM" && name != "ACCESSIBLE" && !strings.HasPrefix(name, "LC_") {
		return false
	}
	if len(r.environ) >= maxEnv || len(name)+len(value) > maxEnvBytes || !drawable(name+value) {
		return false
	}
	r.environ = append(r.environ, name+"="+value)
	return true
}

// drawable tells whether a text is printable ASCII, which is all that names of
// terminals and languages are made of.
func drawable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (r *request) pty(payload []byte) bool {
	var v struct {
		Term                          string
		Width, Height, XPixel, YPixel uint32
		Modes                         string
	}
	if r.terminal || gossh.Unmarshal(payload, &v) != nil || len(v.Term) > maxEnvBytes || !drawable(v.Term) {
		return false
	}
	r.terminal, r.term = true, v.Term
	r.size(v.Width, v.Height)
	return true
}

func (r *request) resize(payload []byte) {
	var v struct{ Width, Height, XPixel, YPixel uint32 }
	if r.terminal && gossh.Unmarshal(payload, &v) == nil {
		r.size(v.Width, v.Height)
	}
}

// size keeps the newest size only: nobody needs those between.
func (r *request) size(width, height uint32) {
	const most = 1 << 16
	s := Size{int(min(width, most)), int(min(height, most))}
	for {
		select {
		case r.sizes <- s:
			return
		default:
		}
		select {
		case <-r.sizes:
		default:
		}
	}
}

func (r *request) begin(command string) *Session {
	s := &Session{
		Command: command, Terminal: r.terminal, Sizes: r.sizes,
		Environ: r.environ, Stdin: wholeReader{r.channel}, Stdout: r.channel, Stderr: r.channel.Stderr(),
	}
	if r.terminal {
		s.Environ = append(s.Environ, "TERM="+r.term)
		// There is no terminal driver of ours between: what ends a line there is two characters.
		s.Stdout, s.Stderr = newLineWriter(r.channel), newLineWriter(r.channel)
	}
	return s
}

// follow answers what comes while the session runs. A signal that ends programs
// ends it.
func (r *request) follow(requests <-chan *gossh.Request, cancel func()) {
	for q := range requests {
		switch q.Type {
		case "window-change":
			r.resize(q.Payload)
			_ = q.Reply(r.terminal, nil)
		case "signal":
			var v struct{ Name string }
			if gossh.Unmarshal(q.Payload, &v) == nil {
				switch v.Name {
				case "INT", "TERM", "HUP", "QUIT", "KILL":
					cancel()
				}
			}
			_ = q.Reply(true, nil)
		default:
			r.refuse(q)
		}
	}
	cancel() // the channel is closed: nobody is there any more
}

// A wholeReader tells the end of what a client has to say from the end of the
// client: the library says io.EOF to both, and half a value must not be taken
// for a whole one.
type wholeReader struct{ channel gossh.Channel }

// Read ends with io.EOF only when the client is there to say so. Clients answer
// a request that they do not know with a failure, which is an answer.
func (r wholeReader) Read(p []byte) (int, error) {
	n, err := r.channel.Read(p)
	if errors.Is(err, io.EOF) {
		if _, gone := r.channel.SendRequest("keepalive@openssh.com", true, nil); gone != nil {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// A lineWriter does what the driver of a terminal does to output: it ends lines
// with a carriage return and a line feed.
type lineWriter struct {
	to   io.Writer
	last byte
}

func newLineWriter(to io.Writer) *lineWriter { return &lineWriter{to: to} }

var lineEnd = []byte("\r\n")

// Write passes p on piece by piece, so that no copy of it is made.
func (w *lineWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		end := bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			end = len(p) - n
		}
		if end > 0 {
			m, err := w.to.Write(p[n : n+end])
			n += m
			if err != nil {
				return n, err
			}
			w.last = p[n-1]
		}
		if n == len(p) {
			break
		}
		ending := lineEnd
		if w.last == '\r' {
			ending = lineEnd[1:]
		}
		if _, err := w.to.Write(ending); err != nil {
			return n, err
		}
		n++
		w.last = '\n'
	}
	return n, nil
}
