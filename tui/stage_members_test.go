package tui

import (
	"context"
	"strings"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
)

// drawnKey owns the vault of the drawings: fingerprints are in the pictures.
var drawnKey = vaulttest.Key{
	Identity:  "AGE-SECRET-KEY-18CYVD8T3J43KKFDMN285S9P32YTQFJN89HJU5Y6ZWHZRNHND407QPRHYG5",
	Recipient: "age1zpjg5fhkn6ukfcnn9sh0gat6cvlzsdmf8svymkh0mdc4kxzdj4xqc5q4pc",
}

// membersKey is the key of whoever looks at a picture and is no owner.
var membersKey = vaulttest.Key{
	Identity:  "AGE-SECRET-KEY-1NW7H0JU6KWTHYR2WM7N6X05EYN2TRTRM36WMCTU3QPJ7WFHQH9ZQ9TCRCW",
	Recipient: "age1lhfaz9kgdgaq7vp6pgjw42hqn6av6f25exn2r7pkt3khr5ezeyyqs5jzt9",
}

// The public keys of the drawings, and the fingerprint that ssh-keygen shows of
// the first.
const (
	bobsKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFim2ZPW7KrA2GAix/pFoMPksP/X3Lov93Ch9e1Cfli3"
	bobsPrint = "SHA256:r2wQLmCNJ6QTTU1FvK09KOzSN6huOMuVTXy/MJZXwgg"
	carolsKey = "age1uhewy42ty4m0nax67d59j4u8snpydyvaapstvpgn2lyzzsxvz9ds5a897f"
	davesKey  = "age1xv4ez5xgwplcmhhwuakwzf2khylayq405nx6fe9wexxuztukr3fq0vskzx"
	cisKey    = "age1q3zlwnw6gm8fyum7lz4j289wx2af4zufncvt69knkf3rulfmcgrq55ygdh"
	danasKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQrZxGkv/VOkWKBF7QZ2NCKXWrmWSX3X+MVPFehIpDJ"
	erinsKey  = "age18f22kepl0cm5vnjxfauklstvq6gtw3ug8hr6eyzeyad4hnpq9sdq5p5y0m"
)

// fillMembers adds the members of the drawings.
func (s *stage) fillMembers() {
	s.Helper()
	ctx := context.Background()
	for _, m := range []struct{ name, key string }{{"bob", bobsKey}, {"ci-runner", cisKey}, {"carol", carolsKey}, {"dave", davesKey}} {
		_, err := s.v.AddMember(ctx, m.name, m.key)
		s.check(err)
	}
	for _, g := range []struct {
		member, project string
		p               vault.Permission
		server          bool
	}{
		{"bob", "api-gateway", mayBoth, false},
		{"bob", "billing", mayRead, false},
		{"bob", "web", mayManage, true},
		{"ci-runner", "api-gateway", mayUse, false},
		{"carol", "api-gateway", mayManage, true},
	} {
		_, err := s.v.Grant(ctx, g.member, g.project, g.p, g.server, nil)
		s.check(err)
	}
}

const (
	mayRead   = vault.PermRead
	mayUse    = vault.PermRead | vault.PermUse
	mayManage = vault.PermRead | vault.PermManage
	mayBoth   = mayUse | mayManage
)

// readRecipient is the real reader of public keys.
func readRecipient(text string) (kind, fingerprint string, err error) {
	k, canonical, _, err := keyring.ParseRecipient(text)
	if err != nil {
		return "", "", err
	}
	return string(k), keyring.RecipientFingerprint(canonical), nil
}

// asMember opens the interface with a member's own key. What they may do is
// granted first: nothing when it is 0.
func asMember(name string, p vault.Permission) stageOption {
	return func(s *stage, c *Config) {
		k := membersKey
		_, err := s.v.AddMember(context.Background(), name, k.Recipient)
		s.check(err)
		if p != 0 {
			s.grant(name, "api-gateway", p, false)
		}
		c.Open = func(ctx context.Context) (Vault, error) { return s.open(ctx, k.Openers(s)...) }
	}
}

// onServer opens the interface of a member as a server does, which has the keys.
func onServer(name string, p vault.Permission) stageOption {
	return func(s *stage, c *Config) {
		_, err := s.v.AddMember(context.Background(), name, vaulttest.NewKey(s).Recipient)
		s.check(err)
		s.grant(name, "api-gateway", p, true)
		c.Open = func(ctx context.Context) (Vault, error) { return s.v.As(ctx, name) }
	}
}

func (s *stage) grant(member, project string, p vault.Permission, serverOnly bool) {
	s.Helper()
	_, err := s.v.Grant(context.Background(), member, project, p, serverOnly, nil)
	s.check(err)
}

// granted is what a member has, as another process sees it.
func (s *stage) granted(member string) string {
	s.Helper()
	all, err := s.v.Members(context.Background())
	s.check(err)
	for _, m := range all {
		if m.Name != member {
			continue
		}
		var words strings.Builder
		for i := range m.Grants {
			words.WriteString(m.Grants[i].Project + ": " + grantWords(&m.Grants[i]) + "; ")
		}
		return words.String()
	}
	return "nobody"
}
