package main

import (
	"fmt"
	"slices"
	"strings"
)

// A result is what became of a proof.
type result struct {
	proof  proof
	cases  []cases // added up, by kind
	failed bool
	notes  []string // what failed or was skipped, and why
	passed int      // tests
}

// judge adds up what the tests of a proof said. Only one whose every test passed
// and reported cases holds.
func judge(p proof, logs map[string]*log, trouble string) result {
	r := result{proof: p}
	if trouble != "" {
		return r.fail(trouble)
	}
	for _, name := range p.tests {
		l := logs[name]
		switch {
		case l == nil:
			r = r.fail(name + " did not run")
		case l.ended == "skip":
			r.notes = append(r.notes, "skipped: "+name+": "+reason(l))
		case l.ended != "pass":
			r = r.fail(why(name, logs))
		default:
			r = r.count(name, logs)
		}
	}
	return r
}

func (r result) fail(why string) result {
	r.failed = true
	r.notes = append(r.notes, "FAILED: "+why)
	return r
}

// count takes the reports of a test that passed and of the tests below it. For a
// proof that counts tests it counts those of the lowest level that passed.
func (r result) count(name string, logs map[string]*log) result {
	found := false
	for _, test := range below(name, logs) {
		l := logs[test]
		switch {
		case l.ended == "skip":
			r.notes = append(r.notes, "skipped: "+test+": "+reason(l))
		case r.proof.each == "":
			for _, c := range l.cases {
				r.cases, found = sum(r.cases, c), true
			}
		case len(below(test, logs)) == 1 && l.ended == "pass":
			r.cases, found = sum(r.cases, cases{1, r.proof.each}), true
		}
	}
	if !found {
		return r.fail(name + " passed, but reported no cases")
	}
	r.passed++
	return r
}

// below are a test and those below it, in order.
func below(name string, logs map[string]*log) []string {
	var names []string
	for test := range logs {
		if test == name || strings.HasPrefix(test, name+"/") {
			names = append(names, test)
		}
	}
	slices.Sort(names)
	return names
}

func sum(all []cases, c cases) []cases {
	for i := range all {
		if all[i].kind == c.kind {
			all[i].n += c.n
			return all
		}
	}
	return append(all, c)
}

// why names a test that failed, or the first one below it that did, and what it said.
func why(name string, logs map[string]*log) string {
	for _, test := range below(name, logs) {
		if l := logs[test]; l.ended != "pass" && l.ended != "skip" && (len(l.output) > 0 || len(below(test, logs)) == 1) {
			return test + ": " + reason(l)
		}
	}
	return name + ": " + reason(logs[name])
}

// reason is what a test said, from its first complaint on.
func reason(l *log) string {
	if l.ended == "" {
		return "it did not end"
	}
	if len(l.output) == 0 {
		return "it did not say why"
	}
	why := l.output[0]
	if at := slices.IndexFunc(l.output, func(s string) bool { return strings.Contains(s, "_test.go:") }); at > 0 {
		why = l.output[at]
	}
	if _, text, ok := strings.Cut(why, ".go:"); ok { // file.go:12: what it said
		if _, said, ok := strings.Cut(text, ": "); ok {
			why = said
		}
	}
	if runes := []rune(why); len(runes) > 160 {
		why = string(runes[:160]) + "…"
	}
	return why
}

// counts are the cases in words.
func (r result) counts() string {
	parts := make([]string, len(r.cases))
	for i, c := range r.cases {
		kind := c.kind
		if r.proof.each != "" && c.n != 1 {
			kind = plural(kind)
		}
		parts[i] = thousands(c.n) + " " + kind
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func plural(word string) string {
	if strings.HasSuffix(word, "ch") {
		return word + "es"
	}
	return word + "s"
}

// word is the result in words.
func (r result) word() string {
	switch {
	case r.failed || len(r.notes) > 0 && r.passed == 0:
		return strings.Join(r.notes, "; ")
	case len(r.notes) > 0:
		return "held; " + strings.Join(r.notes, "; ")
	}
	return "held"
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
