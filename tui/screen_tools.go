package tui

import (
	"tacenda/internal/vault"
)

// toolWords are how tools are called.
var toolWords = textWords{
	title: "Tools", short: "Tools", one: "a tool", many: "tools",
	empty: "A tool is a call of an API, with {{NAME}} where a value belongs. Whoever calls it, an agent too, never sees the value.",
}

func newToolsScreen() *textsScreen { return newTextsScreen(vault.Tool, toolWords) }

// toolFacts says what a tool does, in a narrow pane in one line: the text stands
// right below.
func toolFacts(sw *sheetWriter, d *textDoc) {
	if sw.w < wideUses {
		sw.line("", d.tool.target())
		return
	}
	if d.tool.URL != "" {
		f := fold(sw.u, []string{d.tool.Method + " " + d.tool.URL}, sw.w)
		for i := range f.parts {
			r := sw.row()
			f.draw(r, i, false)
			sw.add(r.end())
		}
	}
	if d.tool.Description != "" {
		sw.para(sw.u.theme.dim, d.tool.Description)
	}
}

// paramWords says what an argument takes, in a few words.
func paramWords(p Param) string {
	words := p.Type
	if len(p.Choices) > 0 {
		words = "one of " + list(p.Choices, 6)
	}
	switch {
	case p.Required:
		words += ", required"
	case p.Default != "":
		words += ", " + p.Default + " if empty"
	default:
		words += ", optional"
	}
	if p.Description != "" {
		words += ": " + p.Description
	}
	return words
}

// toolBody lists a tool's arguments.
func toolBody(sw *sheetWriter, d *textDoc) {
	if len(d.tool.Params) == 0 {
		return
	}
	sw.space()
	sw.line(sw.u.theme.dim, "ARGUMENTS")
	for _, p := range d.tool.Params {
		r := sw.row()
		r.name("", p.Name, min(14, r.left))
		r.gap(2)
		r.text(sw.u.theme.dim, paramWords(p))
		sw.add(r.end())
	}
}
