// Package archtest holds the architecture as a test: who may import whom, which
// outside libraries have a single user, and that every package says what it is
// for. It contains nothing else.
package archtest
