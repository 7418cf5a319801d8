package cli

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tacenda/internal/vault"
)

// TestConceal: what a user gave is described when it is, or may be, a key, in
// every form in which an error repeats it; what they typed as a path stays.
func TestConceal(t *testing.T) {
	const canary = "CaNaRy"
	long := canary + strings.Repeat("z", longestShown)
	for _, text := range []string{
		"-----BEGIN OPENSSH PRIVATE KEY-----\n" + canary + canary + "\n-----END OPENSSH PRIVATE KEY-----\n",
		"AGE-SECRET-KEY-1" + canary, "age-secret-key-1" + canary, canary + " one\nand " + canary + " two", long,
	} {
		for _, arg := range []string{text, "--option=" + text} {
			a := testApp(nil)
			a.sys.Args = []string{"list", arg}
			for _, message := range []string{
				"reading " + text + ": no such file", "bad " + strconv.Quote(text), "no " + strconv.Quote("key "+text),
				fmt.Sprint(vault.CheckHosts([]string{text})), // which cuts it
				"first line " + strings.Split(text, "\n")[0],
			} {
				if got := a.conceal(message); strings.Contains(strings.ToLower(got), strings.ToLower(canary)) {
					t.Errorf("conceal(%q) = %q", message, got)
				}
			}
		}
		a := testApp(map[string]string{"TACENDA_IDENTITY": text})
		if got := a.conceal("reading " + text + ": no such file"); strings.Contains(got, canary) {
			t.Errorf("from a variable: %q", got)
		}
	}
	a := testApp(nil)
	a.sys.Args = []string{"list", "--identity", "keys/laptop.txt", "-d", "a\nb"}
	const plain = "reading keys/laptop.txt: no such file; a\nb"
	if got := a.conceal(plain); got != plain {
		t.Errorf("conceal(%q) = %q", plain, got)
	}
}

// TestFingerprint: what --owner may be.
func TestFingerprint(t *testing.T) {
	sum := strings.Repeat("A", 43)
	for text, want := range map[string]bool{
		"SHA256:" + sum: true, sum: false, "SHA256:" + sum[1:]: false, "SHA256:" + sum + "A": false,
		"SHA256:" + sum[1:] + "!": false, "": false, "MD5:" + sum: false, vault.Fingerprint(nil): true,
	} {
		if got := fingerprint(text); got != want {
			t.Errorf("fingerprint(%q) = %t", text, got)
		}
	}
}
