package secret

import (
	"fmt"
	"os"
	"strings"
)

// Status says what the machine did not allow; Warning is empty when all is well.
type Status struct {
	Locked  bool   // all that the program will want to lock can be locked
	Warning string // one line for the user
}

// Protect hardens the process and tells how well memory can be guarded. It is called once, first thing: before other
// goroutines start and before anything secret is read. Without it memory is guarded just the same, but another process
// of the user may read it.
func Protect() Status {
	// The terminal libraries write every key to the file that these name.
	for _, name := range []string{"TEA_TRACE", "TEA_DEBUG"} {
		_ = os.Unsetenv(name) // fails for malformed names only
	}
	problems := harden()
	locked := mem.canLock()
	switch {
	case locked == 0:
		problems = append(problems, "no memory can be locked, so secrets may reach the swap"+raiseHint)
	case locked < maxLocked:
		problems = append(problems, fmt.Sprintf("only %d KiB of memory can be locked, so long secrets may reach the swap%s", locked>>10, raiseHint))
	}
	return Status{Locked: locked == maxLocked, Warning: strings.Join(problems, "; ")}
}

// canLock is how many more bytes can be locked at once, as a power of two; 0 if not even a slab can.
func (m *memory) canLock() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := maxLocked; n >= slabSize; n /= 2 {
		if m.mayLock(n) {
			return n
		}
	}
	return 0
}
