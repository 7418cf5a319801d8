//go:build !linux

package secret

import "github.com/awnumar/memcall"

// lockable tries whether n more bytes can be locked, by locking them.
func lockable(n int) bool {
	p, err := memcall.Alloc(n)
	if err != nil {
		return false
	}
	defer func() { _ = memcall.Free(p) }() // it holds nothing
	if memcall.Lock(p) != nil {
		return false
	}
	return memcall.Unlock(p) == nil
}
