package keyring

import "tacenda/keyring/secret"

// RememberingPassphrase is Passphrase with each derivation done once: the suite
// opens thousands of slots that differ in everything but salt and cost.
func RememberingPassphrase(pass *secret.Bytes) Unlocker {
	type input struct {
		salt string
		cost Cost
	}
	known := map[input][]byte{}
	return &passphrase{pass: pass, stretch: func(pass *secret.Bytes, salt []byte, cost Cost) (*secret.Bytes, error) {
		key := input{string(salt), cost}
		if known[key] == nil {
			out, err := stretch(pass, salt, cost)
			if err != nil {
				return nil, err
			}
			defer out.Destroy()
			_ = out.Use(func(p []byte) error { known[key] = append([]byte(nil), p...); return nil })
		}
		return secret.Move(append([]byte(nil), known[key]...))
	}}
}
