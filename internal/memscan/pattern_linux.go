package memscan

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// windowSize is how many bytes of the needle in a row count as a find. Fewer would be found by chance in 100 MiB of text.
const windowSize = 12

// pattern is a form of the needle or of a window of it.
type pattern struct {
	bytes    []byte
	encoding string
	window   int // where in the needle, -1 for the whole
}

func patternsOf(needle []byte) ([]pattern, error) {
	if len(needle) < windowSize {
		return nil, fmt.Errorf("a needle of %d bytes is shorter than %d", len(needle), windowSize)
	}
	all := encode(needle, -1)
	for i := range len(needle) - windowSize + 1 {
		all = append(all, encode(needle[i:i+windowSize], i)...)
	}
	return all, nil
}

// encode lists the forms of piece that differ and are long enough to be found, which only UTF-16 of other scripts may
// not be.
func encode(piece []byte, window int) []pattern {
	lower := hex.EncodeToString(piece)
	forms := []pattern{
		{piece, "plain", window},
		{[]byte(lower), "hex", window},
		{[]byte(strings.ToUpper(lower)), "HEX", window},
	}
	for alignment := range 3 {
		name := fmt.Sprintf("base64+%d", alignment)
		forms = append(forms,
			pattern{inBase64(base64.StdEncoding, piece, alignment), name, window},
			pattern{inBase64(base64.URLEncoding, piece, alignment), name + "url", window})
	}
	if utf8.Valid(piece) { // a window may begin or end inside a character
		runes := []rune(string(piece))
		units := utf16.Encode(runes)
		little, _ := binary.Append(nil, binary.LittleEndian, units) // fails for other types only
		big, _ := binary.Append(nil, binary.BigEndian, units)
		wide, _ := binary.Append(nil, binary.LittleEndian, runes)
		forms = append(forms, pattern{little, "utf-16le", window}, pattern{big, "utf-16be", window}, pattern{wide, "utf-32le", window})
	}
	seen := map[string]bool{}
	var different []pattern
	for _, f := range forms {
		if !seen[string(f.bytes)] && len(f.bytes) >= stride+wordSize {
			seen[string(f.bytes)] = true
			different = append(different, f)
		}
	}
	return different
}

// inBase64 is what piece becomes inside a longer text of which alignment bytes, modulo 3, come before it: the characters
// that depend on piece alone.
func inBase64(e *base64.Encoding, piece []byte, alignment int) []byte {
	padded := append(make([]byte, alignment), piece...)
	text := e.EncodeToString(padded)
	first := (alignment*8 + 5) / 6 // characters that hold bits of what comes before
	last := len(padded) * 8 / 6    // behind it, bits of what follows
	return []byte(text[first:last])
}
