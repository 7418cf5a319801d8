package vault

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A frame is how a plaintext is padded before it is sealed, so that a record's
// size tells little of what it holds:
//
//	length(4, big endian) ‖ content ‖ zeros
const frameHeader = 4

var errFrame = errors.New("malformed padding")

// metaFrameSize is the size of a frame around n bytes of metadata: the next
// multiple of 256.
func metaFrameSize(n int) int { return (n + frameHeader + 255) &^ 255 }

// valueFrameSize is the size of a frame around a value of n bytes: 64, 128,
// 256, 512 or 1024 bytes, then Padmé (Nikitin et al., "Reducing Metadata
// Leakage from Encrypted Files", PoPETs 2019), which adds at most 12 %.
func valueFrameSize(n int) int {
	l := n + frameHeader
	for step := 64; step <= 1024; step *= 2 {
		if l <= step {
			return step
		}
	}
	e := bits.Len(uint(l)) - 1 // floor(log2 l)
	s := bits.Len(uint(e))     // floor(log2 e) + 1
	mask := 1<<(uint(e-s)) - 1 // the low bits that are rounded away
	return (l + mask) &^ mask
}

// fillFrame writes a frame around content to dst, whose length is the frame's.
func fillFrame(dst, content []byte) {
	binary.BigEndian.PutUint32(dst, uint32(len(content)))
	n := copy(dst[frameHeader:], content)
	clear(dst[frameHeader+n:])
}

// frameContent is the content of an opened frame, as a part of it.
func frameContent(frame []byte) ([]byte, error) {
	if len(frame) < frameHeader {
		return nil, errFrame
	}
	n := binary.BigEndian.Uint32(frame)
	if uint64(n) > uint64(len(frame)-frameHeader) {
		return nil, errFrame
	}
	return frame[frameHeader : frameHeader+int(n)], nil
}
