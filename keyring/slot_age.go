package keyring

import (
	"errors"
	"strings"

	"filippo.io/age"
)

var (
	// x25519Shape: the argument is a point in unpadded base64.
	x25519Shape = shape{
		stanza: "X25519", prefix: "age1", text: [2]int{62, 62},
		args: []int{43}, body: [2]int{fileKeySize + 16, fileKeySize + 16},
		publicOf: agePublic,
	}
	// hybridShape: the argument is an encapsulated key of 1,120 bytes.
	hybridShape = shape{
		stanza: "mlkem768x25519", prefix: "age1pq1", text: [2]int{1959, 1959},
		args: []int{1494}, body: [2]int{fileKeySize + 16, fileKeySize + 16},
		publicOf: agePublic,
	}
)

// agePublic is what an age key's fingerprint is made of: its text, which is
// all that its owner ever sees of it.
func agePublic(recipient string) []byte { return []byte(recipient) }

func parseX25519Recipient(text string) (Kind, string, age.Recipient, error) {
	r, err := age.ParseX25519Recipient(text)
	if err != nil {
		// age1NAME1… belongs to a plugin, a program of that name from PATH.
		return "", "", nil, errors.New("it is not a valid age1… key; keys of plugins are not supported")
	}
	return KindAge, r.String(), r, nil
}

func parseHybridRecipient(text string) (Kind, string, age.Recipient, error) {
	r, err := age.ParseHybridRecipient(text)
	if err != nil {
		return "", "", nil, errors.New("it is not a valid age1pq1… key")
	}
	return KindAgePQ, r.String(), r, nil
}

// parseAgeIdentity reads one line of an identity file. age takes a string and
// its errors quote characters of it, so they go no further than this.
func parseAgeIdentity(line string) (*identity, error) {
	switch {
	case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
		if id, err := age.ParseX25519Identity(line); err == nil {
			return &identity{kind: KindAge, shape: x25519Shape, recipient: id.Recipient().String(), key: id}, nil
		}
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		if id, err := age.ParseHybridIdentity(line); err == nil {
			return &identity{kind: KindAgePQ, shape: hybridShape, recipient: id.Recipient().String(), key: id}, nil
		}
	case strings.HasPrefix(line, "AGE-PLUGIN-"):
		return nil, errors.New("belongs to an age plugin, which is not supported")
	case strings.HasPrefix(line, "age1"), strings.HasPrefix(line, "ssh-"):
		return nil, errors.New("is a public key; the private one is needed")
	}
	return nil, errors.New("is not a valid age identity")
}
