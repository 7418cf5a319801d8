//go:build !linux

package trap

// Child does nothing where there is no Run.
func Child() {}
