package vault

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckSecretName refuses, with ErrInvalid, what is not ^[A-Z_][A-Z0-9_]*$ of
// at most MaxSecretName bytes.
func CheckSecretName(s string) error {
	if len(s) > MaxSecretName {
		return fmt.Errorf("%w secret name: %d bytes, at most %d", ErrInvalid, len(s), MaxSecretName)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '_' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9' {
			continue
		}
		return fmt.Errorf("%w secret name %s: capitals, digits and _ only, not beginning with a digit", ErrInvalid, quote(s))
	}
	if s == "" {
		return fmt.Errorf("%w secret name: it is empty", ErrInvalid)
	}
	return nil
}

// CheckName refuses, with ErrInvalid, a name of a project, tool, instruction or
// member (what says which) that is not ^[a-z0-9][a-z0-9._-]{0,63}$.
func CheckName(what, s string) error {
	if s == "" {
		return fmt.Errorf("%w %s name: it is empty", ErrInvalid, what)
	}
	if len(s) > MaxName {
		return fmt.Errorf("%w %s name: %d bytes, at most %d", ErrInvalid, what, len(s), MaxName)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || i > 0 && strings.IndexByte("._-", c) >= 0 {
			continue
		}
		return fmt.Errorf("%w %s name %s: small letters, digits, and after the first . _ -", ErrInvalid, what, quote(s))
	}
	return nil
}

// CheckDescription refuses, with ErrInvalid, what is not one line of UTF-8 of
// at most MaxDescription bytes without control characters.
func CheckDescription(s string) error {
	if len(s) > MaxDescription {
		return fmt.Errorf("%w description: %d bytes, at most %d", ErrInvalid, len(s), MaxDescription)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w description: not UTF-8", ErrInvalid)
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("%w description: it must be one line without control characters (found %U)", ErrInvalid, r)
		}
	}
	return nil
}

// CheckValue refuses, with ErrInvalid, a value of n bytes that is empty or
// longer than MaxValue.
func CheckValue(n int) error {
	switch {
	case n == 0:
		return fmt.Errorf("%w value: it is empty", ErrInvalid)
	case n > MaxValue:
		return fmt.Errorf("%w value: %d bytes, at most %d", ErrInvalid, n, MaxValue)
	}
	return nil
}

// maxHosts bounds the hosts that one secret may be bound to.
const maxHosts = 64

// CheckHosts refuses, with ErrInvalid, a list with something that is not HOST
// or HOST:PORT: a name of letters, digits, dots and dashes, or an IP address in
// brackets, in small letters.
func CheckHosts(hosts []string) error {
	if len(hosts) > maxHosts {
		return fmt.Errorf("%w allowed hosts: %d of them, at most %d", ErrInvalid, len(hosts), maxHosts)
	}
	for _, h := range hosts {
		if !validHost(h) {
			return fmt.Errorf("%w allowed host %s: write HOST or HOST:PORT%s", ErrInvalid, quote(h), whyNoHost(h))
		}
	}
	return nil
}

// whyNoHost says more of what people write by mistake.
func whyNoHost(h string) string {
	switch {
	case validHost(strings.ToLower(h)):
		return ", in small letters"
	case strings.Contains(h, "/"):
		return ", without scheme and path"
	case strings.Trim(h, "0123456789abcdefABCDEF:") == "" && strings.Count(h, ":") > 1:
		return ", an IPv6 address in brackets"
	case strings.ContainsFunc(h, func(r rune) bool { return r >= utf8.RuneSelf }):
		return ", names of other scripts as xn--…"
	}
	return ""
}

func validHost(h string) bool {
	host, port := h, ""
	if strings.HasPrefix(h, "[") {
		end := strings.IndexByte(h, ']')
		if end < 0 {
			return false
		}
		host, port = h[1:end], h[end+1:]
		if strings.Trim(host, "0123456789abcdef:.") != "" || !strings.Contains(host, ":") {
			return false
		}
	} else {
		if i := strings.IndexByte(h, ':'); i >= 0 {
			host, port = h[:i], h[i:]
		}
		for i := 0; i < len(host); i++ {
			c := host[i]
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-') {
				return false
			}
		}
	}
	if host == "" || len(host) > 253 || strings.HasPrefix(host, "-") || strings.HasPrefix(host, ".") {
		return false
	}
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
	return port[0] == ':' && err == nil && n > 0
}

// quote shows at most forty characters of a name that was refused.
func quote(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}
