//go:build goexperiment.runtimesecret

package secret

import "runtime/secret"

// Do runs fn in the runtime's secret mode: registers and stack are erased when fn returns, and what it allocated when the
// collector finds it unused. Keys are given to Go's crypto packages only inside Do, because those copy them to the heap.
func Do(fn func()) { secret.Do(fn) }
