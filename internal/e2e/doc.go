// Package e2e tries the built program from outside: its memory, its file, and
// what is left when it is killed or when many run at once. It has no code of its
// own but tests.
package e2e
