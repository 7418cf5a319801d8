// Package faults holds the tests that take a vault's disk, its power, its process
// and its limits from under it, for every kind of write that the program knows.
// What can be shown on one engine alone is tested in store, and what a forger can do
// in internal/vault.
package faults
