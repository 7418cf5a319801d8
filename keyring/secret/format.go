package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what stands for a Bytes wherever something prints it.
const mask = "[secret]"

// Format prints [secret] for every verb.
func (b *Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// String is [secret].
func (b *Bytes) String() string { return mask }

// GoString is [secret].
func (b *Bytes) GoString() string { return mask }

// LogValue is [secret].
func (b *Bytes) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText is [secret].
func (b *Bytes) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON is "[secret]".
func (b *Bytes) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }
