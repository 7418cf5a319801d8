package keyring_test

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"tacenda/internal/prooftest"
)

// hexBytes are bytes that stand in a vector as hex.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// A vectorGroup is what the groups of all the files have in common, and the cases
// of each.
type vectorGroup struct {
	IVSize, TagSize int
	PublicKey       struct{ PK hexBytes }
	Tests           []vectorCase
}

type vectorCase struct {
	TCID                  int
	Comment, Result       string
	Key, IV, AAD, Msg, CT hexBytes
	Tag, IKM, Salt, Info  hexBytes
	Size                  int
	OKM, Sig, Public      hexBytes
	Private, Shared       hexBytes
}

func wycheproof(t *testing.T, name string, check func(g vectorGroup, c vectorCase) (right, used bool)) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "wycheproof", name+"_test.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		NumberOfTests int
		TestGroups    []vectorGroup
	}
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	ran, left := 0, 0
	for _, g := range all.TestGroups {
		for _, c := range g.Tests {
			right, used := check(g, c)
			if !used {
				left++
				continue
			}
			ran++
			if want := c.Result == "valid"; right != want && c.Result != "acceptable" {
				t.Errorf("%s, case %d (%s): right is %t, it must be %s", name, c.TCID, c.Comment, right, c.Result)
			}
		}
	}
	if ran+left != all.NumberOfTests || ran < 50 {
		t.Errorf("%d of %d cases ran", ran, all.NumberOfTests)
	}
	t.Logf("%d cases are for sizes that are not used", left)
	prooftest.Cases(t, ran, "vectors for "+name)
}

// TestWycheproof runs the vectors of the project Wycheproof for the primitives that
// records, keys and signatures are made of, by the calls that the packages make.
func TestWycheproof(t *testing.T) {
	wycheproof(t, "aes_gcm", func(g vectorGroup, c vectorCase) (right, used bool) {
		if g.IVSize != 96 || g.TagSize != 128 {
			return false, false
		}
		block, err := aes.NewCipher(c.Key)
		if err != nil {
			return false, true
		}
		aead, err := cipher.NewGCMWithRandomNonce(block) // as a Sealer does: the nonce stands before the text
		if err != nil {
			return false, true
		}
		sealed := bytes.Join([][]byte{c.IV, c.CT, c.Tag}, nil)
		out, err := aead.Open(nil, nil, sealed, c.AAD)
		return err == nil && bytes.Equal(out, c.Msg), true
	})
	wycheproof(t, "hkdf_sha256", func(_ vectorGroup, c vectorCase) (right, used bool) {
		out, err := hkdf.Key(sha256.New, c.IKM, c.Salt, string(c.Info), c.Size)
		return err == nil && bytes.Equal(out, c.OKM), true
	})
	wycheproof(t, "hmac_sha256", func(g vectorGroup, c vectorCase) (right, used bool) {
		mac := hmac.New(sha256.New, c.Key)
		mac.Write(c.Msg)
		return hmac.Equal(mac.Sum(nil)[:g.TagSize/8], c.Tag), true
	})
	wycheproof(t, "ed25519", func(g vectorGroup, c vectorCase) (right, used bool) {
		return len(c.Sig) == ed25519.SignatureSize && ed25519.Verify(ed25519.PublicKey(g.PublicKey.PK), c.Msg, c.Sig), true
	})
	wycheproof(t, "x25519", func(_ vectorGroup, c vectorCase) (right, used bool) {
		private, err := ecdh.X25519().NewPrivateKey(c.Private)
		if err != nil {
			return false, true
		}
		public, err := ecdh.X25519().NewPublicKey(c.Public)
		if err != nil {
			return false, true
		}
		shared, err := private.ECDH(public)
		return err == nil && bytes.Equal(shared, c.Shared), true
	})
}
