package keyring_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacenda/keyring"
	"tacenda/keyring/secret"
)

// fixturePassphrase opens the encrypted keys in testdata/ssh, all made by ssh-keygen.
const fixturePassphrase = "correct horse"

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "ssh", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func slotFor(t testing.TB, recipient string, root *secret.Bytes) *keyring.Slot {
	t.Helper()
	s, err := keyring.NewRecipientSlot(vaultID, "fixture", recipient, root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSSHFormats opens slots with every format that ssh-keygen writes, and holds
// our fingerprints against those that ssh-keygen -l printed.
func TestSSHFormats(t *testing.T) {
	for _, c := range []struct{ private, public, fingerprint string }{
		{"id_ed25519", "id_ed25519.pub", "SHA256:r2wQLmCNJ6QTTU1FvK09KOzSN6huOMuVTXy/MJZXwgg"},
		{"id_rsa", "id_rsa.pub", "SHA256:umCBjF7xTna+3St/1AISJO0PXAT89l2ku4/DXECzP78"},
		{"id_rsa_pem", "id_rsa.pub", "SHA256:umCBjF7xTna+3St/1AISJO0PXAT89l2ku4/DXECzP78"},
		{"id_rsa_pkcs8", "id_rsa.pub", "SHA256:umCBjF7xTna+3St/1AISJO0PXAT89l2ku4/DXECzP78"},
	} {
		root := newRoot(t)
		s := slotFor(t, fixture(t, c.public), root)
		if s.Fingerprint() != c.fingerprint {
			t.Errorf("%s: fingerprint %s, want %s", c.public, s.Fingerprint(), c.fingerprint)
		}
		got, err := unlocker(t, fixture(t, c.private)).Unlock(vaultID, s)
		if err != nil || !got.Equal(root) {
			t.Errorf("%s: %v", c.private, err)
		}
		got.Destroy()
	}
}

// asker is a terminal that counts.
type asker struct {
	answer  string
	err     error
	prompts []string
	given   []*secret.Bytes
}

func (a *asker) ask(prompt string) (*secret.Bytes, error) {
	a.prompts = append(a.prompts, prompt)
	if a.err != nil {
		return nil, a.err
	}
	b, err := secret.Move([]byte(a.answer))
	a.given = append(a.given, b)
	return b, err
}

func TestEncryptedSSHKeys(t *testing.T) {
	for _, c := range []struct{ private, public string }{
		{"id_ed25519_encrypted", "id_ed25519_encrypted.pub"},
		{"id_rsa_encrypted", "id_rsa.pub"},
	} {
		t.Run(c.private, func(t *testing.T) {
			root := newRoot(t)
			mine := slotFor(t, fixture(t, c.public), root)
			other := slotFor(t, fixture(t, "id_ed25519.pub"), newRoot(t))
			terminal := &asker{answer: "wrong"}
			ids, err := keyring.ParseIdentities("~/.ssh/id", guard(t, fixture(t, c.private)), terminal.ask)
			if err != nil || len(ids) != 1 {
				t.Fatalf("%d identities, %v", len(ids), err)
			}
			if _, err := ids[0].Unlock(vaultID, other); !errors.Is(err, keyring.ErrNotMine) {
				t.Errorf("another's slot: %v", err)
			}
			if len(terminal.prompts) != 0 {
				t.Fatal("asked for a passphrase although no slot is for the key")
			}
			for _, wrong := range []string{"wrong", ""} {
				terminal.answer = wrong
				if _, err := ids[0].Unlock(vaultID, mine); !errors.Is(err, keyring.ErrWrongPassphrase) {
					t.Errorf("passphrase %q: %v", wrong, err)
				}
			}
			terminal.answer = fixturePassphrase
			for range 2 {
				got, err := ids[0].Unlock(vaultID, mine)
				if err != nil || !got.Equal(root) {
					t.Fatalf("the right passphrase: %v", err)
				}
				got.Destroy()
			}
			if len(terminal.prompts) != 3 {
				t.Errorf("asked %d times: %q", len(terminal.prompts), terminal.prompts)
			}
			for _, p := range terminal.prompts {
				if !strings.Contains(p, "~/.ssh/id") {
					t.Errorf("the prompt %q does not name the key", p)
				}
			}
			for i, b := range terminal.given {
				if b.Len() != 0 {
					t.Errorf("answer %d was not wiped", i)
				}
			}
		})
	}
}

func TestEncryptedSSHKeyWithoutTerminal(t *testing.T) {
	mine := slotFor(t, fixture(t, "id_ed25519_encrypted.pub"), newRoot(t))
	_, err := unlocker(t, fixture(t, "id_ed25519_encrypted")).Unlock(vaultID, mine)
	if err == nil || !strings.Contains(err.Error(), "terminal") || errors.Is(err, keyring.ErrNotMine) {
		t.Errorf("got %v", err)
	}
	gone := errors.New("interrupted")
	terminal := &asker{err: gone}
	ids, err := keyring.ParseIdentities("id", guard(t, fixture(t, "id_ed25519_encrypted")), terminal.ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ids[0].Unlock(vaultID, mine); !errors.Is(err, gone) {
		t.Errorf("a prompt that fails: %v", err)
	}
}

// TestSwappedPublicHalf: the public half of an encrypted key stands in the clear.
// Somebody changes it to send the passphrase's owner to another slot.
func TestSwappedPublicHalf(t *testing.T) {
	blob := func(public string) []byte {
		b, err := base64.StdEncoding.DecodeString(strings.Fields(public)[1])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	target := fixture(t, "id_ed25519.pub")
	block, _ := pem.Decode([]byte(fixture(t, "id_ed25519_encrypted")))
	block.Bytes = bytes.Replace(block.Bytes, blob(fixture(t, "id_ed25519_encrypted.pub")), blob(target), 1)
	terminal := &asker{answer: fixturePassphrase}
	ids, err := keyring.ParseIdentities("id", guard(t, string(pem.EncodeToMemory(block))), terminal.ask)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ids[0].Unlock(vaultID, slotFor(t, target, newRoot(t)))
	if err == nil || !strings.Contains(err.Error(), "another key") || len(terminal.prompts) != 1 {
		t.Errorf("%d prompts, %v", len(terminal.prompts), err)
	}
}

func TestIdentityFiles(t *testing.T) {
	x1, x1pub := newX25519(t)
	x2, x2pub := newX25519(t)
	pq, pqpub := newHybrid(t)
	text := "# created: 2026-01-02\n# public key: " + x1pub + "\r\n" + x1 + "\r\n\n  " + x2 + "\t\n#" + pq + "\n" + pq
	ids, err := keyring.ParseIdentities("keys.txt", guard(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	if got := strings.Join(names, "; "); got != "keys.txt (age); keys.txt (age); keys.txt (age-pq)" {
		t.Fatalf("found %s", got)
	}
	for i, public := range []string{x1pub, x2pub, pqpub} {
		root := newRoot(t)
		s := slotFor(t, public, root)
		for j, id := range ids {
			got, err := id.Unlock(vaultID, s)
			switch {
			case i == j && (err != nil || !got.Equal(root)):
				t.Errorf("identity %d, its slot: %v", j, err)
			case i != j && !errors.Is(err, keyring.ErrNotMine):
				t.Errorf("identity %d, slot %d: %v", j, i, err)
			}
			got.Destroy()
		}
	}
}

func TestBadIdentities(t *testing.T) {
	x, xpub := newX25519(t)
	pq, _ := newHybrid(t)
	sshKey := fixture(t, "id_ed25519")
	for name, c := range map[string]struct{ text, want string }{
		"empty":                {"\n", "none"},
		"comments only":        {"# nothing\n\n#" + x + "\n", "none"},
		"age public key":       {xpub, "public key"},
		"SSH public key":       {fixture(t, "id_ed25519.pub"), "public key"},
		"changed checksum":     {x[:len(x)-1] + flip(x[len(x)-1]), "line 1"},
		"changed hybrid":       {"\n\n" + pq[:30] + flip(pq[30]) + pq[31:], "line 3"},
		"cut off":              {x[:len(x)-10], "line 1"},
		"lower case":           {strings.ToLower(x), "line 1"},
		"second line bad":      {x + "\npassword123\n", "line 2"},
		"plugin":               {"AGE-PLUGIN-YUBIKEY-1QQQQQQ", "plugin"},
		"encrypted by age":     {"age-encryption.org/v1\n-> scrypt", "decrypt it first"},
		"armoured":             {"-----BEGIN AGE ENCRYPTED FILE-----\n", "decrypt it first"},
		"PuTTY":                {"PuTTY-User-Key-File-3: ssh-ed25519", "OpenSSH format"},
		"ECDSA":                {fixture(t, "id_ecdsa"), "cannot decrypt"},
		"small RSA":            {fixture(t, "id_rsa_1024"), "2048"},
		"old encryption":       {fixture(t, "id_rsa_pem_encrypted"), "ssh-keygen -p"},
		"certificate":          {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a private key"},
		"cut off SSH key":      {sshKey[:len(sshKey)/2], "not a private key"},
		"changed SSH key":      {strings.Replace(sshKey, "b3BlbnNz", "b3BlbnNy", 1), "not a private key"},
		"too long":             {strings.Repeat("#\n", keyring.MaxIdentityFile/2) + x, "longer"},
		"junk":                 {"\x00\x01\x02\xff", "line 1"},
		"a password by itself": {"hunter2", "line 1"},
	} {
		ids, err := keyring.ParseIdentities("keys.txt", guard(t, c.text), nil)
		if err == nil {
			t.Errorf("%s: %d identities", name, len(ids))
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "keys.txt") {
			t.Errorf("%s: %q does not say %q", name, err, c.want)
		}
		if n := leaked(err.Error(), c.text); n != "" {
			t.Errorf("%s: the error repeats %q of its input", name, n)
		}
	}
	gone := guard(t, x)
	gone.Destroy()
	if _, err := keyring.ParseIdentities("keys.txt", gone, nil); !errors.Is(err, secret.ErrDestroyed) {
		t.Errorf("destroyed data: %v", err)
	}
}

func flip(c byte) string {
	if c == 'Q' {
		return "P"
	}
	return "Q"
}

// leaked returns a piece of six characters or more that message has from text,
// beside the words that both use by nature.
func leaked(message, text string) string {
	for _, common := range []string{"private", "public", "identit", "OpenSSH", "encrypt", "ssh-ed25519", "SSH key", "CERTIFICATE"} {
		text = strings.ReplaceAll(text, common, "\x00")
	}
	for i := 0; i+6 <= len(text); i++ {
		if piece := text[i : i+6]; !strings.ContainsAny(piece, "\x00\n") && strings.Contains(message, piece) {
			return piece
		}
	}
	return ""
}

func TestParseRecipient(t *testing.T) {
	_, x := newX25519(t)
	_, pq := newHybrid(t)
	ed := strings.Join(strings.Fields(fixture(t, "id_ed25519.pub"))[:2], " ")
	rsa := strings.Join(strings.Fields(fixture(t, "id_rsa.pub"))[:2], " ")
	for _, c := range []struct {
		text string
		kind keyring.Kind
		want string
	}{
		{x, keyring.KindAge, x},
		{"  " + x + "\r\n", keyring.KindAge, x},
		{pq, keyring.KindAgePQ, pq},
		{fixture(t, "id_ed25519.pub"), keyring.KindSSHEd25519, ed},
		{ed, keyring.KindSSHEd25519, ed},
		{"\t" + strings.Replace(ed, " ", " \t ", 1) + "  a comment of words\n", keyring.KindSSHEd25519, ed},
		{fixture(t, "id_rsa.pub"), keyring.KindSSHRSA, rsa},
	} {
		kind, text, r, err := keyring.ParseRecipient(c.text)
		if err != nil || kind != c.kind || text != c.want || r == nil {
			t.Errorf("%.40q: %s, %.40q, %v", c.text, kind, text, err)
		}
	}
}

func TestBadRecipients(t *testing.T) {
	x, xpub := newX25519(t)
	_, pq := newHybrid(t)
	ed := strings.TrimSpace(fixture(t, "id_ed25519.pub"))
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {" \n", "empty"},
		"two lines":         {xpub + "\n" + xpub, "one line"},
		"private age key":   {x, "private key"},
		"private, lower":    {strings.ToLower(x), "private key"},
		"private SSH key":   {"-----BEGIN OPENSSH PRIVATE KEY-----", "private key"},
		"plugin identity":   {"AGE-PLUGIN-YUBIKEY-1QQQQ", "private key"},
		"plugin":            {"age1yubikey1qgddd3jvfr29n5n0zwpy4tg58ksxqzs3jdx7j8xkfkmvyaa9vvxk2f4jw5y", "plugins"},
		"GitHub":            {"github:somebody", "GitHub"},
		"changed":           {xpub[:20] + flipLower(xpub[20]) + xpub[21:], "not a valid age1"},
		"upper case":        {strings.ToUpper(xpub), "neither"},
		"changed hybrid":    {pq[:99] + flipLower(pq[99]) + pq[100:], "not a valid age1pq1"},
		"cut off":           {xpub[:40], "not a valid age1"},
		"too long":          {"ssh-rsa " + strings.Repeat("A", 5000), "longer"},
		"ecdsa":             {fixture(t, "id_ecdsa.pub"), "cannot decrypt"},
		"security key":      {"sk-ssh-ed25519@openssh.com AAAA", "security key"},
		"sk ecdsa":          {"sk-ecdsa-sha2-nistp256@openssh.com AAAA", "security key"},
		"certificate":       {"ssh-ed25519-cert-v01@openssh.com AAAA", "certificate"},
		"dsa":               {"ssh-dss AAAA", "cannot decrypt"},
		"small RSA":         {fixture(t, "id_rsa_1024.pub"), "not usable"},
		"no body":           {"ssh-ed25519", "cut off"},
		"no base64":         {"ssh-ed25519 ####", "base64"},
		"other type":        {strings.Replace(ed, "ssh-ed25519 ", "ssh-rsa ", 1), "malformed"},
		"cut off body":      {ed[:40], "malformed"},
		"options":           {`command="rm -rf ~" ` + ed, "neither"},
		"prose":             {"my laptop key", "neither"},
		"an unknown scheme": {"gpg:0123456789", "neither"},
	} {
		kind, text, r, err := keyring.ParseRecipient(c.text)
		if err == nil || kind != "" || text != "" || r != nil {
			t.Errorf("%s: %s, %q, %v", name, kind, text, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %q", name, err, c.want)
		}
		if _, err := keyring.NewRecipientSlot(vaultID, "", c.text, newRoot(t)); err == nil {
			t.Errorf("%s: a slot was made", name)
		}
	}
	_, _, _, err := keyring.ParseRecipient(x)
	if strings.Contains(err.Error(), x[16:]) {
		t.Error("the error repeats a private key")
	}
}

func flipLower(c byte) string { return strings.ToLower(flip(strings.ToUpper(string(c))[0])) }
