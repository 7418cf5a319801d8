package vault

import (
	"unicode"
	"unicode/utf8"
)

const (
	hintDots    = "••••"
	hintNothing = "••••••••••••"
)

// Hint is what may be seen of a value: with n characters, k = min(4, (n-8)/2
// rounded down) of them at each end, so that at least eight stay hidden. A value
// that is short, of several lines, not UTF-8 or with characters that do not
// print shows nothing.
func Hint(value []byte) string {
	n := 0
	for rest := value; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size <= 1 || !unicode.IsPrint(r) {
			return hintNothing
		}
		rest = rest[size:]
		n++
	}
	k := min(4, (n-8)/2)
	if k <= 0 {
		return hintNothing
	}
	head, tail := 0, len(value)
	for range k {
		_, size := utf8.DecodeRune(value[head:])
		head += size
		_, size = utf8.DecodeLastRune(value[:tail])
		tail -= size
	}
	return string(value[:head]) + hintDots + string(value[tail:])
}
