package leak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf16"
	"unicode/utf8"
)

// values is a source that holds its values, and counts how often they are opened.
type values struct {
	names  []string
	of     map[string][]byte
	opened atomic.Int64
	inside atomic.Bool
	fail   bool
}

func (v *values) Use(name string, fn func([]byte) error) error {
	if v.inside.Swap(true) {
		panic("two values are open at once")
	}
	defer v.inside.Store(false)
	v.opened.Add(1)
	if v.fail {
		return fmt.Errorf("%s does not open", name)
	}
	p := bytes.Clone(v.of[name])
	defer clear(p)
	return fn(p)
}

// source names the values V0, V1 and so on.
func source(texts ...string) *values {
	v := &values{of: map[string][]byte{}}
	for i, t := range texts {
		name := "V" + strconv.Itoa(i)
		v.names = append(v.names, name)
		v.of[name] = []byte(t)
	}
	return v
}

// span is a place where the reference finds a value.
type span struct {
	from, to int
	name     string
	encoding string
}

// reference finds values by trying every value in every form at every byte.
func reference(text []byte, v *values) []span {
	var all []span
	seen := map[string]bool{}
	for _, name := range v.names {
		value := v.of[name]
		if len(value) < 6 || seen[string(value)] {
			continue
		}
		seen[string(value)] = true
		for at := range text {
			for _, r := range readers {
				if to, ok := r.read(text, at, value); ok {
					encoding := r.encoding
					if encoding == "base64" && bytes.ContainsAny(text[at:to], "-_") {
						encoding = "base64url"
					}
					all = append(all, span{at, to, name, encoding})
				}
			}
		}
	}
	order := map[string]int{}
	for i, name := range v.names {
		order[name] = i
	}
	// At one place the longest, of these the first form that reads it.
	slices.SortStableFunc(all, func(x, y span) int {
		if x.from != y.from {
			return x.from - y.from
		}
		if x.to != y.to {
			return y.to - x.to
		}
		return slices.IndexFunc(readers, func(r form) bool { return strings.HasPrefix(x.encoding, r.encoding) }) -
			slices.IndexFunc(readers, func(r form) bool { return strings.HasPrefix(y.encoding, r.encoding) })
	})
	var out []span
	done, last := 0, -1
	chain := map[string]bool{}
	for _, s := range all {
		if s.from == last || s.to <= done {
			continue
		}
		last = s.from
		if s.from >= done {
			chain = map[string]bool{}
		}
		done = s.to
		if !chain[s.name] {
			chain[s.name] = true
			out = append(out, s)
		} else {
			out = append(out, span{s.from, s.to, "", ""}) // hidden, not told
		}
	}
	return out
}

// mask is what a masker must write.
func mask(text []byte, spans []span) string {
	var b strings.Builder
	done := 0
	for _, s := range spans {
		if s.from > done {
			b.Write(text[done:s.from])
		}
		if s.name != "" {
			b.WriteString("{{" + s.name + "}}")
		}
		done = s.to
	}
	b.Write(text[done:])
	return b.String()
}

type form struct {
	encoding string
	read     func(text []byte, at int, value []byte) (to int, ok bool)
}

var readers = []form{
	{"plain", func(text []byte, at int, value []byte) (int, bool) {
		return at + len(value), bytes.HasPrefix(text[at:], value)
	}},
	{"plain", readLines},
	{"percent", readPercent(false)},
	{"percent", readPercent(true)},
	{"json", readJSON},
	{"hex", readHex},
	{"base64", readBase64(0)},
	{"base64", readBase64(1)},
	{"base64", readBase64(2)},
}

// readLines compares with the value whose line feeds got carriage returns.
func readLines(text []byte, at int, value []byte) (int, bool) {
	start, with, without := at, false, false
	for n, c := range value {
		returned := n > 0 && bytes.HasPrefix(text[at:], []byte("\r\n"))
		if returned {
			with = with || at < start+6
			at++
		}
		if at >= len(text) || text[at] != c {
			return 0, false
		}
		without = without || c == '\n' && n > 0 && !returned && at < start+6
		at++
	}
	return at, !with || !without
}

func readPercent(form bool) func([]byte, int, []byte) (int, bool) {
	return func(text []byte, at int, value []byte) (int, bool) {
		for _, c := range value {
			if at >= len(text) {
				return 0, false
			}
			n := 1
			if text[at] == '%' && at+3 <= len(text) {
				n = 3
			}
			s, err := url.PathUnescape(string(text[at : at+n]))
			switch {
			case err != nil: // a percent sign that stands for itself
				s, n = "%", 1
			case n == 1 && form && s == " ":
				return 0, false
			case n == 1 && form && s == "+":
				s = " "
			}
			if s[0] != c {
				return 0, false
			}
			at += n
		}
		return at, true
	}
}

func readJSON(text []byte, at int, value []byte) (int, bool) {
	for len(value) > 0 {
		if at >= len(text) {
			return 0, false
		}
		token := text[at : at+1]
		var s string
		if text[at] == '\\' {
			for _, n := range []int{12, 6, 2} {
				if at+n > len(text) {
					continue
				}
				quoted := `"` + string(text[at:at+n]) + `"`
				if json.Unmarshal([]byte(quoted), &s) == nil && strings.HasPrefix(quoted, `"\`) && utf8.RuneCountInString(s) == 1 && (s != "\ufffd" || strings.EqualFold(quoted, `"\ufffd"`)) {
					token = text[at : at+n]
					break
				}
				s = ""
			}
			if s == "" && len(token) == 1 && at+6 <= len(text) && text[at+1] == 'u' {
				if u, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 32); err == nil && utf16.IsSurrogate(rune(u)) {
					return 0, false
				}
			}
		}
		if len(token) == 1 {
			s = string(token)
		}
		if !bytes.HasPrefix(value, []byte(s)) {
			return 0, false
		}
		value = value[len(s):]
		at += len(token)
	}
	return at, true
}

var (
	longLine = regexp.MustCompile(`[A-Za-z0-9+/_-]{60}$`)
	lineEnd  = regexp.MustCompile(`^\r?\n`)
	anyEnd   = regexp.MustCompile(`^[\r\n]{0,4}`)
)

// breaks goes over the end of a line, behind n bytes of a value and some characters.
func breaks(text []byte, at, n, characters int) int {
	switch {
	case n >= 6:
	case characters == 0, !longLine.Match(text[:at]), !lineEnd.Match(text[at:]):
		return at
	}
	return at + len(anyEnd.Find(text[at:]))
}

func readHex(text []byte, at int, value []byte) (int, bool) {
	if at+6 > len(text) {
		return 0, false
	}
	first := string(text[at : at+6])
	if first != strings.ToLower(first) && first != strings.ToUpper(first) {
		return 0, false
	}
	for n, c := range value {
		at = breaks(text, at, n, 2*n)
		if at+2 > len(text) || !strings.EqualFold(string(text[at:at+2]), hex.EncodeToString([]byte{c})) {
			return 0, false
		}
		at += 2
	}
	return at, true
}

// readBase64 compares bit by bit with the characters that an encoder makes of
// the value behind that many other bytes.
func readBase64(shift int) func([]byte, int, []byte) (int, bool) {
	return func(text []byte, at int, value []byte) (int, bool) {
		padded := append(make([]byte, shift), value...)
		for len(padded)%3 != 0 {
			padded = append(padded, 0)
		}
		std := base64.StdEncoding.EncodeToString(padded)
		url := base64.URLEncoding.EncodeToString(padded)
		first := shift * 8 / 6
		last := ((shift+len(value))*8 - 1) / 6
		start := at
		for i := first; i <= last; i++ {
			// Before the character is read, this many bytes of the value were.
			n := 0
			if i > first {
				n = max(i*6/8-shift, 0)
			}
			at = breaks(text, at, n, i-first)
			if at == len(text) {
				return 0, false
			}
			got := sextet(text[at])
			want := sextet(std[i])
			if got < 0 {
				return 0, false
			}
			mask := 0x3f
			if i == first {
				mask = []int{0x3f, 0xf, 0x3}[shift]
			}
			if end := (shift + len(value)) * 8; (i+1)*6 > end {
				mask &^= 1<<((i+1)*6-end) - 1
			}
			if got&mask != want&mask {
				return 0, false
			}
			at++
		}
		if shift > 0 {
			start++
		}
		window := string(text[start : start+6])
		_ = url
		return at, !strings.ContainsAny(window, "+/") || !strings.ContainsAny(window, "-_")
	}
}

func sextet(c byte) int {
	for _, a := range []string{"+/", "-_"} {
		if i := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"+a, c); i >= 0 {
			return i
		}
	}
	return -1
}
