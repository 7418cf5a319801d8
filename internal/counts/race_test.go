//go:build race

package counts

const race = true
