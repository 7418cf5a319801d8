package vault

import (
	"context"
	"fmt"
	"testing"

	"filippo.io/age"

	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

type benchValue string

func (b benchValue) Len() int                        { return len(b) }
func (b benchValue) Use(fn func([]byte) error) error { return fn([]byte(b)) }

// BenchmarkSealing makes the sealed records of 100,000 secrets, and gives them
// to no engine: hint, encoding, padding, blind name, two seals, two digests.
func BenchmarkSealing(b *testing.B) {
	const n = 100_000
	id, err := age.GenerateX25519Identity()
	if err != nil {
		b.Fatal(err)
	}
	e := store.NewMem()
	create := func(fill func(store.Tx) error) (store.Engine, error) { return e, e.Update(context.Background(), fill) }
	slots := func(vaultID ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		s, err := keyring.NewRecipientSlot(vaultID, "bench", id.Recipient().String(), root)
		return []*keyring.Slot{s}, err
	}
	v, err := Create(context.Background(), create, slots, "default", Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	var mem room
	defer mem.destroy()
	drafts := make([]Draft, n)
	for i := range drafts {
		drafts[i] = Draft{
			Name: fmt.Sprintf("SERVICE_%06d_TOKEN", i), Value: benchValue(fmt.Sprintf("sk-live-%040d", i)),
			Description: "token of a service",
		}
	}
	for b.Loop() {
		err := v.view(context.Background(), func(s *session) error {
			p, err := s.gate("default", PermManage)
			if err != nil {
				return err
			}
			for _, d := range drafts {
				e, _, err := p.lookup(kindSecret, d.Name)
				if err != nil {
					return err
				}
				if _, err := p.create(e, d, &mem); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/secret")
}
