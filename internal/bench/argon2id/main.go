// Command argon2id does one Argon2id call of the given passes, KiB and lanes:
// what an unlock by passphrase cannot be faster than.
package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/crypto/argon2"
)

func main() {
	var n [3]uint64
	for i := range n {
		if len(os.Args) != 4 {
			fmt.Fprintln(os.Stderr, "usage: argon2id PASSES KIB LANES")
			os.Exit(2)
		}
		var err error
		if n[i], err = strconv.ParseUint(os.Args[i+1], 10, 32); err != nil {
			fmt.Fprintln(os.Stderr, "argon2id:", err)
			os.Exit(2)
		}
	}
	argon2.IDKey([]byte("correct horse battery staple"), make([]byte, 16), uint32(n[0]), uint32(n[1]), uint8(n[2]), 64)
}
