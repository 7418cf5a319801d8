// Package memscan searches the memory of a process for a value, whole or in pieces, in the forms that programs turn text
// into. Tests use it to prove that a secret is gone; nothing else may import it. It promises to look at every readable
// mapping and to say what it could not read, and knows nothing of what it searches for.
//
// A needle must be random in each run, 12 bytes or longer, and must reach the process that is searched by no way that
// leaves it there for good: neither by arguments, nor by environment, nor as a constant of the program.
package memscan
