package tui

import (
	"tacenda/internal/vault"
)

// instructionWords are how instructions are called.
var instructionWords = textWords{
	title: "Instructions", short: "Instr.", one: "an instruction", many: "instructions",
	empty: "An instruction is what an agent is told. A {{NAME}} in it becomes the value, which the model then sees: it is for secrets that are safe for the model.",
}

func newInstructionsScreen() *textsScreen {
	return newTextsScreen(vault.Instruction, instructionWords)
}

// modelWarning names the secrets whose values a model will see.
func modelWarning(names []string, most int) string {
	if len(names) == 0 {
		return ""
	}
	return "WARNING: the model will see the value of " + list(names, most)
}

// instructionFacts warns of what a model will see.
func instructionFacts(sw *sheetWriter, d *textDoc) {
	if w := modelWarning(d.unsafe, len(d.unsafe)); w != "" {
		sw.notice(sw.u.theme.warn, "!", w)
	}
}
