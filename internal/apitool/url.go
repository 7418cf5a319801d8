package apitool

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A destination is where a tool sends its requests, and no definition, argument, value or redirect changes it.
type destination struct {
	scheme   string // https or http
	host     string // in lower case, an IPv6 address without brackets
	port     string // the scheme's own unless given
	explicit bool   // the text gives the port
}

// origin is scheme://host:port as messages have it.
func (d destination) origin() string {
	host := d.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if d.explicit {
		host += ":" + d.port
	}
	return d.scheme + "://" + host
}

// loopback tells whether the host is one that names this machine: localhost, or an address of it. For a name the
// address is looked at again when it is dialled.
func (d destination) loopback() bool {
	if d.host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(d.host)
	return err == nil && addr.IsLoopback()
}

func (p *parser) url(n *node) {
	s, ok := p.plainText(n, "url")
	if !ok {
		return
	}
	p.tool.URL = s
	scheme, rest, ok := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		p.problem(n.at, "url begins with https:// or http://, as it is: no placeholder and no argument can choose it")
		return
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	d, why := authority(scheme, rest[:end])
	if why != "" {
		p.problem(n.at, "url: "+why)
		return
	}
	p.tool.dest = d
	switch {
	case scheme == "http" && !p.tool.AllowPlain && !d.loopback():
		p.problem(n.at, "url: http sends secrets as they are to everybody on the way; use https, or say allow_plain: true")
	case scheme == "http" && p.tool.TLS != (TLS{}):
		p.problem(n.at, "url: tls is for https")
	}
	if strings.ContainsRune(rest, '#') {
		p.problem(n.at, "url: a fragment (#) is never sent; write %23 for the character")
		return
	}
	path, query, asked := strings.Cut(rest[end:], "?")
	p.urlPath(n, path)
	if asked {
		p.tool.rawq = p.pairs(n, query, "url: query")
	}
}

// authority reads host and port, which are literal.
func authority(scheme, s string) (d destination, why string) {
	d.scheme = scheme
	if strings.ContainsAny(s, "${}") {
		return d, "host and port are literal: no placeholder and no argument can choose them"
	}
	if strings.Contains(s, "@") {
		return d, "a user or password in front of the host is not sent; use a header Authorization"
	}
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s[:end+1], "["), "]"))
		if end < 0 || err != nil || !addr.Is6() || addr.Zone() != "" {
			return d, "the address in brackets is no IPv6 address"
		}
		host, port = addr.String(), s[end+1:]
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
	}
	if !strings.HasPrefix(s, "[") {
		if why := whyNoHost(host); why != "" {
			return d, why
		}
	}
	d.host = strings.ToLower(host)
	d.port = map[string]string{"https": "443", "http": "80"}[scheme]
	if port != "" {
		number, err := strconv.ParseUint(port[1:], 10, 16)
		if port[0] != ':' || err != nil || number == 0 || strconv.FormatUint(number, 10) != port[1:] {
			return d, "the port is a number from 1 to 65535"
		}
		d.port, d.explicit = port[1:], true
	}
	return d, ""
}

// whyNoHost refuses what is no host name and no IPv4 address. A name whose last part is a number is one that some
// resolvers take for an address (0x7f.1, 2130706433) and others do not.
func whyNoHost(host string) string {
	if host == "" || len(host) > 253 {
		return "the host is missing, or longer than 253 bytes"
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return quote(host) + " is no host name"
		}
		for _, c := range []byte(label) {
			if c >= 0x80 {
				return quote(host) + ": write names of other scripts in their ASCII form, xn--…"
			}
			if !unreserved(c) || c == '~' {
				return quote(host) + " is no host name"
			}
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	if _, err := netip.ParseAddr(host); err != nil && (onlyDigits(last) || strings.HasPrefix(last, "0x")) {
		return quote(host) + " is neither a host name nor an IPv4 address"
	}
	return ""
}

// unreserved are the characters that mean nothing in a URL (RFC 3986, section 2.3).
func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// urlPath compiles a path, one segment at a time: the slashes are the definition's.
func (p *parser) urlPath(n *node, path string) {
	if path == "" {
		return
	}
	for s := range strings.SplitSeq(path[1:], "/") {
		t := p.compile(n, s, inPath, "url")
		if !p.urlLiterals(n, t, "!$&'()*+,;=:@") || !p.always(n, t, "url") {
			return
		}
		if t.constant() && len(t) > 0 && dotted([]byte(t[0].literal)) {
			p.problem(n.at, "url: the segment "+quote(s)+" would be taken for a way up or down")
			return
		}
		p.tool.path = append(p.tool.path, t)
	}
}

// pairs compiles a query, or the text of a form: names and their number are literal.
func (p *parser) pairs(n *node, s, where string) text {
	t := p.compile(n, s, inQuery, where)
	if !p.urlLiterals(n, t, "!$&'()*+,;=:@/?") {
		return nil
	}
	inValue := false
	for _, piece := range t {
		if piece.literal == "" && !inValue {
			p.problem(n.at, where+": the names of parameters are literal; write name=${argument}")
			return nil
		}
		for _, c := range []byte(piece.literal) {
			inValue = c == '=' || inValue && c != '&'
		}
	}
	p.always(n, t, where)
	return t
}

// urlLiterals refuses what does not stand in a URL as it is.
func (p *parser) urlLiterals(n *node, t text, also string) bool {
	for _, piece := range t {
		for i := 0; i < len(piece.literal); i++ {
			c := piece.literal[i]
			switch {
			case unreserved(c) || strings.IndexByte(also, c) >= 0:
			case c == '%' && i+2 < len(piece.literal) && isHex(piece.literal[i+1]) && isHex(piece.literal[i+2]):
			default:
				why := fmt.Sprintf("%s does not stand in a URL or a form as it is; write %%%02X", quote(piece.literal[i:i+1]), c)
				if c == '{' {
					why += ", or {{NAME}} for a secret, in capitals and without blanks"
				}
				p.problem(n.at, why)
				return false
			}
		}
	}
	return true
}

// always refuses arguments that may be missing where a text would have a hole without them.
func (p *parser) always(n *node, t text, where string) bool {
	for _, piece := range t {
		if piece.param != nil && !piece.param.always() {
			p.problem(n.at, fmt.Sprintf("%s: ${%s} may be missing; make it required, or give it a default", where, piece.param.Name))
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// dotted tells whether a segment as sent is, or holds behind an encoded separator, one that leads up or stays: servers
// decode before they look.
func dotted(p []byte) bool {
	dots, others := 0, 0
	ends := func() bool { return others == 0 && (dots == 1 || dots == 2) }
	for i := 0; i < len(p); i++ {
		c := p[i]
		if c == '%' && i+2 < len(p) {
			c = unhex(p[i+1])<<4 | unhex(p[i+2])
			i += 2
		}
		switch c {
		case '.':
			dots++
		case '/', '\\':
			if ends() {
				return true
			}
			dots, others = 0, 0
		default:
			others++
		}
	}
	return ends()
}

func unhex(c byte) byte {
	if c >= '0' && c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
