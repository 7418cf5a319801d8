//go:build !goexperiment.runtimesecret

package secret

// Do runs fn, in the runtime's secret mode where the build has it: registers and stack are then erased when fn returns, and
// what it allocated when the collector finds it unused. Keys are given to Go's crypto packages only inside Do, because
// those copy them to the heap. This build has no such mode.
func Do(fn func()) { fn() }
