package tui

import (
	"context"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// drawn are the secrets of the drawings.
var drawn = []struct{ name, value, about string }{
	{"DATABASE_URL", "postgres://app:pw@db.internal/prod", "primary Postgres, read-write"},
	{"GITHUB_TOKEN", "ghp_16C7e42F292c6912E7710c838347Ae9Qz1", "release bot"},
	{"JWT_SIGNING_KEY", "-----BEGIN KEY-----\nabc\n-----END KEY-----", "RS256 private key"},
	{"OPENAI_API_KEY", "sk-proj-abcdefghijklmnopqrsf3Kd", "shared by 3 tools"},
	{"REDIS_PASSWORD", "hunter2", "short value: no hint"},
	{"SENDGRID_API_KEY", "SG.xyzabcdefghijklmaa10", "transactional mail"},
	{"SLACK_WEBHOOK_URL", "https://hooks.slack.example/services/T0x9", "#deploys"},
	{"STRIPE_API_KEY", "sk_live_51Habcdefghijklmno9xQ2", "live key, billing team"},
	{"STRIPE_WEBHOOK_SECRET", "whsec_abcdefghijklmnop77bd", "endpoint eu-1"},
	{"TWILIO_SID", "AC19abcdefghijklmnopqrst02fe", ""},
	{"TWILIO_TOKEN", "3f1aabcdefghijklmnopqrstbe90", "rotated by ops"},
	{"VAULT_PEER_CA", "-----BEGIN CERTIFICATE-----\nxxx", "CA bundle"},
}

// newDrawn is a stage with the vault of the drawings: projects api-gateway,
// billing and web, and what refers to one of the secrets.
func newDrawn(t testing.TB, w, h int, opts ...stageOption) *stage {
	t.Helper()
	s := &stage{TB: t, now: noon, engine: vaulttest.Shared(store.NewMem()), key: drawnKey}
	s.v = vaulttest.On(t, s.engine, s.key, vault.Options{Now: s.clock})
	s.fill()
	named := func(_ *stage, c *Config) { c.Project = "api-gateway" }
	s.start(w, h, append([]stageOption{named}, opts...)...)
	return s
}

func (s *stage) fill() {
	s.Helper()
	ctx := context.Background()
	s.check(s.v.RenameProject(ctx, vaulttest.Project, "api-gateway"))
	s.check(s.v.CreateProject(ctx, "billing"))
	s.check(s.v.CreateProject(ctx, "web"))
	s.now = noon.Add(-48 * time.Hour)
	for _, d := range drawn {
		s.now = s.now.Add(time.Minute)
		s.put("api-gateway", d.name, d.value, d.about)
	}
	for _, d := range drawnTexts {
		s.setText(d.kind, d.name, d.text)
	}
	s.put("billing", "STRIPE_API_KEY", "sk_test_51Habcdefghijklmno9xQ2", "test key")
	s.fillMembers()
	s.now = noon
}

func (s *stage) put(project, name, value, about string) {
	s.Helper()
	b, err := secret.Move([]byte(value))
	s.check(err)
	defer b.Destroy()
	_, err = s.v.CreateSecret(context.Background(), project, vault.Draft{Name: name, Value: b, Description: about})
	s.check(err)
}
