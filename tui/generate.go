package tui

import (
	"crypto/rand"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"tacenda/keyring/secret"
)

// generated is how long a generated value is: 32 of 62 characters are 190 bits.
const generated = 32

// generate puts a random value in, in guarded memory from its first byte.
func (f *secretForm) generate(u *ui) tea.Cmd {
	b, err := randomText(generated)
	if err != nil {
		u.fail("generating a value", err)
		return nil
	}
	f.value.put(b)
	f.lost, f.typed = false, true
	u.say(toastInfo, "generated "+strconv.Itoa(generated)+" random letters and digits")
	return nil
}

// randomText returns n random letters and digits. Bytes beyond the largest
// multiple of 62 are thrown away: a remainder would favour some characters.
func randomText(n int) (*secret.Bytes, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b, err := secret.New(n)
	if err != nil {
		return nil, err
	}
	err = b.Use(func(p []byte) error {
		for i := 0; i < n; {
			if _, err := rand.Read(p[i : i+1]); err != nil {
				return err
			}
			if c := p[i]; c < 248 {
				p[i] = alphabet[c%62]
				i++
			}
		}
		return nil
	})
	if err != nil {
		b.Destroy()
		return nil, err
	}
	return b, nil
}
