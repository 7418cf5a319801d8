package apitool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of a connection. An answer's headers are masked as a whole and so must fit into memory: 64 KiB is eight times
// what common servers let a client send.
const (
	maxRedirects   = 10
	maxHeaderBytes = 64 << 10
	maxCAFile      = 1 << 20
	connectTimeout = 10 * time.Second
)

// addressError is the refusal of an address that was about to be dialled.
type addressError struct{ why string }

func (e *addressError) Error() string { return e.why }

// transport is made for one call and closed with it: no connection, cookie or session outlives it, and no proxy is
// asked whatever the environment says.
func (c *Caller) transport(t *Tool, open *connections) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLS.ServerName}
	if t.TLS.MinVersion == "1.3" {
		config.MinVersion = tls.VersionTLS13
	}
	if t.TLS.CAFile != "" {
		if c.NoFiles {
			return nil, errors.New("tls.ca_file: files of this machine are not for tools here")
		}
		roots, err := readRoots(t.TLS.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	dialer := &net.Dialer{Timeout: connectTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		return c.allow(t, address)
	}}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return open.add(conn)
		},
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    connectTimeout,
		ForceAttemptHTTP2:      true, // a dialer or a TLS configuration of one's own turn it off otherwise
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // see decoded
	}, nil
}

// connections are those that a call has opened. Closing them, rather than asking the transport to, ends every goroutine
// of it: one of HTTP/2 is not idle at once when its last stream is.
type connections struct {
	mu    sync.Mutex
	list  []net.Conn
	ended bool
}

func (c *connections) add(conn net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	c.list = append(c.list, conn)
	return conn, nil
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, conn := range c.list {
		_ = conn.Close()
	}
}

// allow looks at an address just before it is dialled: what a name resolved to earlier means nothing.
func (c *Caller) allow(t *Tool, address string) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return &addressError{"the address to dial cannot be read"}
	}
	if t.dest.scheme == "http" && !t.AllowPlain && !addr.Addr().Unmap().IsLoopback() {
		return &addressError{fmt.Sprintf("%s is %s here, which is not this machine: http goes there only with allow_plain", t.dest.host, addr.Addr())}
	}
	if c.AllowAddr == nil {
		return nil
	}
	if err := c.AllowAddr(netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())); err != nil {
		return &addressError{err.Error()}
	}
	return nil
}

// Public refuses addresses that are not everybody's: of this machine, of its link, of private networks, and those that
// mean no single host. It is an AllowAddr for a server that calls tools for others.
func Public(addr netip.AddrPort) error {
	a := addr.Addr().Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return fmt.Errorf("%s is not a public address, and tools here go nowhere else", a)
	}
	for _, shared := range notPublic {
		if shared.Contains(a) {
			return fmt.Errorf("%s is not a public address, and tools here go nowhere else", a)
		}
	}
	return nil
}

// notPublic is what the registries of special addresses (RFC 6890) have beside those that net/netip knows, and the
// prefixes through which an IPv6 address reaches an IPv4 one.
var notPublic = [...]netip.Prefix{
	netip.PrefixFrom(netip.AddrFrom4([4]byte{0}), 8),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 0}), 24),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18}), 15),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{240}), 4),
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b}), 32), // NAT64
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x02}), 16),             // 6to4
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01}), 32),             // Teredo
}

// readRoots reads the certificates that a tool trusts instead of the system's.
func readRoots(path string) (*x509.CertPool, error) {
	info, err := os.Stat(path) // first, because opening a FIFO waits
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("tls.ca_file: %s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile))
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM", path)
	}
	return roots, nil
}

// redirectError says where a redirect led that was not followed.
type redirectError struct{ why string }

func (e *redirectError) Error() string { return e.why }

// checkRedirect follows within the tool's scheme, host and port. The Referer that net/http adds would carry the query
// of the request before, with the values in it.
func (t *Tool) checkRedirect(req *http.Request, via []*http.Request) error {
	u := req.URL
	if len(via) > maxRedirects {
		return &redirectError{fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	if u.User != nil {
		return &redirectError{"the server redirects to an address with a user or a password in it"}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		// Not named: a server can put a value there, and it is in small letters by now, in which no mask finds it.
		return &redirectError{"the server redirects to another scheme than https and http"}
	}
	if u.Scheme != t.dest.scheme || !strings.EqualFold(u.Hostname(), t.dest.host) || port != t.dest.port {
		return &redirectError{fmt.Sprintf("the server redirects to %s://%s, another origin than %s", u.Scheme, u.Host, t.dest.origin())}
	}
	given := ""
	for _, h := range t.headers {
		if strings.EqualFold(h.name, "Referer") {
			given = "yes"
		}
	}
	if given == "" {
		req.Header.Del("Referer")
	}
	return nil
}

// reason is why a request failed, in words that are ours or the system's: what the server sent is in no error, because
// a value that it cut short could not be found in there.
func reason(err error) string {
	var op *net.OpError
	var refused *addressError
	var dns *net.DNSError
	var unverified *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var number syscall.Errno
	switch {
	case errors.As(err, &refused):
		return refused.why
	case errors.As(err, &dns):
		return "the host is not found: " + dns.Err
	case errors.As(err, &unverified):
		return "the server's certificate is not accepted: " + unverified.Err.Error()
	case errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS"
	case errors.As(err, &op) && op.Op == "remote error": // an alert of TLS, which is a number on the wire
		return "the server refuses the connection: " + op.Err.Error()
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &op) && op.Op == "dial":
		return "connecting failed"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server ended the connection before the answer was complete"
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return fmt.Sprintf("the answer's headers are longer than %d bytes", maxHeaderBytes)
	case strings.HasPrefix(err.Error(), "tls: "):
		return err.Error() // of the handshake: the server has no value yet that it could repeat
	}
	return "the answer cannot be read: it breaks the rules of HTTP"
}
