package keyring

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// maxRecipient bounds the text of a recipient, in bytes: an SSH key of 16,384
// bits has 2,760.
const maxRecipient = 4096

// ParseRecipient reads the public key of somebody who may be given a key: age1…,
// age1pq1…, or a line as in an SSH public key file, whose comment is dropped. It
// returns the kind of slot for it and its canonical text. Errors do not repeat
// the text, which may be a private key pasted by mistake.
func ParseRecipient(text string) (Kind, string, age.Recipient, error) {
	text = strings.TrimSpace(text)
	kind, canonical, r, err := parseRecipient(text)
	if err != nil {
		return "", "", nil, fmt.Errorf("reading a public key: %w", err)
	}
	return kind, canonical, r, nil
}

func parseRecipient(text string) (Kind, string, age.Recipient, error) {
	upper := strings.ToUpper(text)
	switch {
	case text == "":
		return "", "", nil, errors.New("it is empty")
	case len(text) > maxRecipient:
		return "", "", nil, fmt.Errorf("it is longer than %d bytes", maxRecipient)
	case strings.ContainsAny(text, "\r\n"):
		return "", "", nil, errors.New("it has more than one line")
	case strings.HasPrefix(upper, "AGE-SECRET-KEY-"), strings.HasPrefix(upper, "AGE-PLUGIN-"), strings.HasPrefix(text, "-----BEGIN"):
		return "", "", nil, errors.New("this is a private key; give the public one")
	case strings.HasPrefix(text, "github:"):
		return "", "", nil, errors.New("keys are not fetched from GitHub; fetch them, look at them, and give one of them")
	case strings.HasPrefix(text, "age1pq1"):
		return parseHybridRecipient(text)
	case strings.HasPrefix(text, "age1"):
		return parseX25519Recipient(text)
	}
	return parseSSHRecipient(text)
}

// RecipientFingerprint is the fingerprint of a recipient that ParseRecipient
// returned, as of the slots for it.
func RecipientFingerprint(text string) string {
	kind, _, _, err := ParseRecipient(text)
	if err != nil {
		return ""
	}
	return (&Slot{Kind: kind, Recipient: text}).Fingerprint()
}
