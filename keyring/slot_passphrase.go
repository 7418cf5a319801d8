package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/argon2"

	"tacenda/keyring/secret"
)

// Cost are the parameters of Argon2id.
type Cost struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint32 // lanes
}

// MinimalCost opens in some 25 ms and is the least that any slot may have
// (OWASP's floor for memory). It is for tests and vaults made to be thrown away.
var MinimalCost = Cost{Time: 1, Memory: 19 << 10, Threads: 1}

// floorCost is RFC 9106's second recommendation.
var floorCost = Cost{Time: 3, Memory: 64 << 10, Threads: 4}

const (
	saltSize = 16

	// What a slot may ask for at all, and without being allowed to.
	maxTime      = 64
	maxMemory    = 4 << 20
	maxThreads   = 16
	costlyTime   = 16
	costlyMemory = 1 << 20

	// Calibration stops raising memory here and raises passes instead, so that a
	// vault made on a large machine still opens in a small container.
	calibratedMemory = 256 << 10
)

// check refuses what no slot may ask for: the file may be hostile, and this
// runs before a byte of memory is spent.
func (c Cost) check() error {
	if c.Time < 1 || c.Time > maxTime ||
		c.Memory < MinimalCost.Memory || c.Memory > maxMemory ||
		c.Threads < 1 || c.Threads > maxThreads {
		return fmt.Errorf("a key derivation with t=%d, m=%d KiB, p=%d is out of bounds", c.Time, c.Memory, c.Threads)
	}
	return nil
}

func (c Cost) costly() bool { return c.Memory > costlyMemory || c.Time > costlyTime }

// Calibrate measures this machine and returns a cost that takes about target
// here, never less than RFC 9106's second recommendation.
func Calibrate(target time.Duration) Cost {
	start := time.Now()
	// Its first run on fresh memory is what a command pays, so that one counts.
	argon2.IDKey(make([]byte, 16), make([]byte, saltSize), floorCost.Time, floorCost.Memory, uint8(floorCost.Threads), stretchedSize)
	return floorCost.scaled(time.Since(start), target)
}

// scaled raises a cost that took some time to one that takes target: memory
// first, which hurts an attacker's hardware most, then passes.
func (c Cost) scaled(took, target time.Duration) Cost {
	ratio := float64(target) / float64(max(took, time.Microsecond))
	if ratio <= 1 {
		return c
	}
	const step = 1 << 10 // whole MiB
	work := ratio * float64(c.Memory) * float64(c.Time)
	c.Memory = uint32(min(ratio*float64(c.Memory), calibratedMemory)) / step * step
	c.Time = max(c.Time, uint32(min(work/float64(c.Memory), costlyTime)))
	return c
}

// NewPassphraseSlot wraps root for a passphrase. The bytes of the passphrase
// are taken as they are: no Unicode normalisation, which would tie the format to
// a version of Unicode. A cost below RFC 9106's second recommendation is refused,
// except MinimalCost.
func NewPassphraseSlot(vaultID [16]byte, label string, pass *secret.Bytes, cost Cost, root *secret.Bytes) (*Slot, error) {
	if err := cost.check(); err != nil {
		return nil, fmt.Errorf("making a passphrase slot: %w", err)
	}
	if cost != MinimalCost && (cost.Time < floorCost.Time || cost.Memory < floorCost.Memory) {
		return nil, fmt.Errorf("making a passphrase slot: t=%d, m=%d KiB is too cheap to guess", cost.Time, cost.Memory)
	}
	s, err := newSlot(KindPassphrase, label)
	if err != nil {
		return nil, fmt.Errorf("making a passphrase slot: %w", err)
	}
	s.cost, s.salt = cost, make([]byte, saltSize)
	rand.Read(s.salt)
	stretched, err := stretch(pass, s.salt, cost)
	if err != nil {
		return nil, fmt.Errorf("making a passphrase slot: %w", err)
	}
	defer stretched.Destroy()
	if err := s.setHybrid(stretched); err != nil {
		return nil, fmt.Errorf("making a passphrase slot: %w", err)
	}
	if err := s.Rewrap(vaultID, root); err != nil {
		return nil, err
	}
	return s, nil
}

func checkPassphrase(s *Slot) error {
	if len(s.salt) != saltSize {
		return errors.New("its salt has a wrong length")
	}
	if err := s.cost.check(); err != nil {
		return err
	}
	return checkHybrid(s)
}

// stretch runs Argon2id. Its blocks stay on the Go heap until they are
// collected; the passphrase is not in them, but a key can be finished from the last.
func stretch(pass *secret.Bytes, salt []byte, cost Cost) (out *secret.Bytes, err error) {
	if pass.Len() == 0 {
		return nil, errors.New("the passphrase is empty")
	}
	err = pass.Use(func(p []byte) (err error) {
		var key []byte
		secret.Do(func() {
			key = argon2.IDKey(p, salt, cost.Time, cost.Memory, uint8(cost.Threads), stretchedSize)
		})
		out, err = secret.Move(key)
		return err
	})
	return out, err
}

type passphrase struct {
	pass        *secret.Bytes
	allowCostly bool
	stretch     func(pass *secret.Bytes, salt []byte, cost Cost) (*secret.Bytes, error)
}

// Passphrase opens passphrase slots. It keeps pass, which its owner destroys
// when done. Derivations above 1 GiB or 16 passes are ErrCostly unless allowed.
func Passphrase(pass *secret.Bytes, allowCostly bool) Unlocker {
	return &passphrase{pass, allowCostly, stretch}
}

func (p *passphrase) String() string { return "passphrase" }

func (p *passphrase) Unlock(vaultID [16]byte, s *Slot) (*secret.Bytes, error) {
	if s.Kind != KindPassphrase {
		return nil, ErrNotMine
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.cost.costly() && !p.allowCostly {
		return nil, fmt.Errorf("%w: %d MiB of memory, %d passes", ErrCostly, s.cost.Memory>>10, s.cost.Time)
	}
	stretched, err := p.stretch(p.pass, s.salt, s.cost)
	if err != nil {
		return nil, err
	}
	defer stretched.Destroy()
	return s.openHybrid(vaultID, stretched, ErrWrongPassphrase)
}
