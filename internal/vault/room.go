package vault

import "tacenda/keyring/secret"

// room is guarded memory for one value at a time: as large as the largest so far.
type room struct{ mem *secret.Bytes }

// use calls fn with n bytes, which are wiped when it returns.
func (r *room) use(n int, fn func(buf []byte) error) error {
	if r.mem == nil || r.mem.Len() < n {
		r.mem.Destroy()
		var err error
		if r.mem, err = secret.New(n); err != nil {
			return err
		}
	}
	return r.mem.Use(func(buf []byte) error {
		defer secret.Wipe(buf[:n])
		return fn(buf[:n])
	})
}

func (r *room) destroy() { r.mem.Destroy() }
