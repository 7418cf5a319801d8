package tui

import "math"

// strengthWords says in words how hard a passphrase is to guess. It is an
// estimate for people, not a rule: any passphrase may be used.
func strengthWords(e *entry) string {
	if e.empty() {
		return "several words are better than one complicated one"
	}
	words := ""
	e.use(func(p []byte) { words = strengthOf(bits(p)) })
	return words
}

// strengthOf words an estimate. Each guess costs an attacker about what it
// costs the user, half a second and 64 MiB; a rich one makes a few thousand a
// second, which is 2^36 in a year: 40 bits fall in years of that, 56 in ages.
func strengthOf(bits float64) string {
	switch {
	case bits < 28:
		return "weak: it can be guessed in hours"
	case bits < 40:
		return "fair: it can be guessed in months, with money"
	case bits < 56:
		return "good: out of reach for most"
	}
	return "strong: out of reach for everybody"
}

// bits estimates how much there is to guess, looking at p and keeping nothing.
// Characters count by the kinds that occur; what follows from the one before
// it, a repetition or the next in a row, counts one bit.
func bits(p []byte) float64 {
	var lower, upper, digit, other bool
	for _, c := range p {
		switch {
		case 'a' <= c && c <= 'z' || c == ' ':
			lower = true
		case 'A' <= c && c <= 'Z':
			upper = true
		case '0' <= c && c <= '9':
			digit = true
		default:
			other = true
		}
	}
	pool := 0.0
	for _, k := range []struct {
		is bool
		n  float64
	}{{lower, 26}, {upper, 26}, {digit, 10}, {other, 32}} {
		if k.is {
			pool += k.n
		}
	}
	// Letters of a language carry far less than random ones, and people's
	// passphrases are mostly words: a word of a list of 7,776 is 12.9 bits in
	// about seven characters with its space.
	per := math.Log2(max(pool, 2))
	if lower && !upper && !digit {
		per = 1.9
	} else {
		per = min(per, 3.5) // people add a capital and a digit where everybody does
	}
	total := 0.0
	for i, c := range p {
		if i > 0 && (c == p[i-1] || c == p[i-1]+1 || c == p[i-1]-1) {
			total++
			continue
		}
		total += per
	}
	return total
}
