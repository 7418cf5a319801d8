package keyring

import (
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of every stored structure. A roster of some thousand projects and
// members fits; a hostile file cannot make the decoder allocate without end.
const (
	maxCBORElements = 1 << 17
	maxCBORNesting  = 8
)

// modes are built on first use: it takes as long as unsealing a record, and
// many commands decode nothing.
var modes = sync.OnceValues(func() (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("internal error: cbor options: " + err.Error())
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		MaxArrayElements:  maxCBORElements,
		MaxMapPairs:       maxCBORElements,
		MaxNestedLevels:   maxCBORNesting,
	}.DecMode()
	if err != nil {
		panic("internal error: cbor options: " + err.Error())
	}
	return enc, dec
})

// Marshal encodes v as deterministic CBOR (RFC 8949, section 4.2.1).
func Marshal(v any) ([]byte, error) {
	enc, _ := modes()
	return enc.Marshal(v)
}

// Unmarshal decodes exactly one CBOR item into v: a duplicate key, an unknown
// field, a tag, an indefinite length or trailing bytes are errors.
func Unmarshal(data []byte, v any) error {
	_, dec := modes()
	return dec.Unmarshal(data, v)
}
