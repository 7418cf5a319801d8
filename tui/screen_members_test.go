package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
)

func TestMembers(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.sees("4 Members  5")
	s.keys("4 j")
	s.sees("acme / api-gateway / Members", "test key (you)  owner", "> bob             full", "carol           manage, server", "dave            nothing",
		"IN API-GATEWAY", "secrets:manage", "billing   read", "ssh-ed25519", "4 members · 1 owner's key")
	if got := strings.Join(strings.Fields(strings.Join(memberLines(s.u, s.u.data.people.find("bob"), 60), " ")), " "); !strings.Contains(got, bobsPrint) {
		t.Fatalf("the fingerprint of ssh-keygen, %s, is not in %q", bobsPrint, got)
	}
	s.keys("/")
	s.text("ssh")
	s.keys("enter")
	s.sees("> bob", "1 shown", "filter: ssh")
	s.lacks("carol")
	s.keys("esc")
	s.sees("> bob", "carol")

	// What somebody else does shows within a second, and the selection stays.
	s.check(only(s.v.AddMember(context.Background(), "anna", vaulttest.NewKey(t).Recipient)))
	s.check(only(s.v.Revoke(context.Background(), "bob", "api-gateway", nil)))
	s.wait(time.Second)
	s.sees("> bob             nothing", "anna", "4 Members  6")
	s.keys("p down enter")
	s.sees("acme / billing / Members", "> bob             read")
}

func only[T any](_ T, err error) error { return err }

func TestMemberAdd(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("4 n ctrl+s")
	s.sees("New member", "it needs a name")
	s.text("Bob")
	s.sees("bob exists")
	s.keys("ctrl+u")
	s.text("Dana")
	s.keys("enter ctrl+s")
	s.sees("it needs a public key")
	s.paste("ssh-ed25519 AAAAnonsense")
	s.sees("! reading a public key")
	s.keys("ctrl+u")
	s.paste(danasKey + " dana@laptop\n")
	_, print, err := readRecipient(danasKey)
	s.check(err)
	s.sees("Fingerprint  ssh-ed25519", print)
	s.keys("enter ctrl+s") // enter never submits
	s.sees("Add dana?", "by another way than the key came", print, "ssh-keygen -l -f KEY.pub")
	s.keys("enter")
	s.sees("New member", "dana@laptop")
	s.keys("ctrl+s y")
	s.sees("added dana", "> dana            nothing", "4 Members  6")
	if got := s.granted("dana"); got != "" {
		t.Fatalf("a new member has %q", got)
	}

	// The same key again is refused by the vault, and the form stays.
	s.keys("n")
	s.text("dana2")
	s.keys("tab")
	s.paste(danasKey)
	s.keys("ctrl+s y")
	s.sees("New member", "dana2", "already exists")
	s.keys("esc")
	s.sees("Discard changes?")
	s.keys("y")
	s.lacks("New member")
}

// A private key that is pasted or typed by mistake is neither drawn nor kept.
func TestMemberAddPrivateKey(t *testing.T) {
	for _, private := range []string{
		vaulttest.NewKey(t).Identity,
		"# created: 2026\n# public key: age1xyz\nAGE-SECRET-KEY-1" + strings.Repeat(canary, 8),
		"-----BEGIN OPENSSH PRIVATE KEY-----\n" + strings.Repeat(canary, 20) + "\n-----END OPENSSH PRIVATE KEY-----\n",
	} {
		s := newDrawn(t, 80, 24)
		s.step = func() { s.invariants() }
		s.keys("4 n tab")
		s.paste(private)
		s.sees("that is a private key, which is not kept", "of the key, when it can be read")
		f := s.u.stack[0].(*memberForm)
		if got := f.key.string(); got != "" {
			t.Fatalf("the form kept %q", got)
		}
		s.keys("ctrl+u")
		s.lacks("private")
		s.text("age-secret-key-1qqqq" + canary) // as terminals paste that mark no pastes
		s.sees("that is a private key")
		s.lacks("qqq", "secret")
		if got := string(f.key.text[:cap(f.key.text)]); strings.Trim(got, "\x00") != "" {
			t.Fatalf("the form kept %q", got)
		}
		s.keys("ctrl+s")
		s.sees("it needs a name")
		s.keys("tab ctrl+u")
		s.paste(danasKey)
		s.sees("Fingerprint  ssh-ed25519")
	}
}

func TestMemberGrant(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("4 G e")
	s.sees("dave in api-gateway", "[ ] read", "choose a permission first")
	s.keys("ctrl+s")
	s.sees("! choose a permission first")
	s.keys("tab space")
	s.sees("[x] read", "[x] use", "[ ] manage", "dave gets keys of the project")
	s.keys("up space") // read goes, and what includes it
	s.sees("[ ] read", "[ ] use")
	s.keys("down space ctrl+s")
	s.sees("dave has secrets:read secrets:use in api-gateway", "> dave            use")
	if got := s.granted("dave"); got != "api-gateway: secrets:read secrets:use; " {
		t.Fatalf("granted %q", got)
	}

	// Fewer keys: a new epoch, and a list of what dave could have read.
	s.keys("e")
	s.sees("[x] use", "nothing was changed")
	s.click(s.place("use "))
	s.sees("[ ] use", "This takes keys away", "12 secrets are sealed anew", "listed afterwards")
	s.keys("ctrl+s")
	s.sees("Change 12 secrets now", "dave could have read these", "GITHUB_TOKEN")
	s.keys("esc") // opened by itself: the first 400 ms are for what was there before
	s.sees("Change 12 secrets now")
	s.wait(deafTime)
	s.keys("G esc")
	s.lacks("Change 12 secrets")
	s.sees("> dave            read")

	// With a server only, a manager has no keys.
	s.keys("e tab tab space")
	s.sees("A manager has the keys")
	s.keys("tab space")
	s.lacks("A manager has the keys")
	s.sees("This takes keys away")
	s.keys("ctrl+s")
	s.sees("> dave            manage, server")
	s.lacks("Change ")
	s.keys("e ctrl+s")
	s.sees("! nothing was changed")
}

func TestMemberRevoke(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.keys("4 G d")
	s.sees("Revoke from dave", "Revoke from api-gateway", "nothing is granted there", "> Remove dave from the vault", "no grants")
	s.keys("up enter")
	s.sees("Revoke from api-gateway: nothing is granted there")
	s.keys("down enter")
	s.sees("Remove dave?", "dave has no grants.")
	s.keys("enter")
	s.sees("Revoke from dave")
	s.keys("enter y")
	s.sees("removed dave", "4 Members  4", "> ci-runner")
	if got := s.granted("dave"); got != "nobody" {
		t.Fatalf("dave has %q", got)
	}

	s.keys("g j d enter")
	s.sees("Revoke from bob in api-gateway?", "The project gets new keys", "What they know stays known")
	s.keys("y")
	s.sees("Change 12 secrets now", "bob could have read these", "TWILIO_SID")
	s.wait(deafTime)
	s.keys("q")
	s.sees("> bob             nothing")
	if got := s.granted("bob"); got != "billing: secrets:read; web: secrets:read secrets:manage, server only; " {
		t.Fatalf("bob has %q", got)
	}
}

// Removing somebody lists what they could have read in every project.
func TestMemberRemove(t *testing.T) {
	s := newDrawn(t, 80, 24)
	s.grant("bob", "billing", mayUse, false)
	s.wait(time.Second)
	s.keys("4 j d down enter y")
	s.sees("Change 13 secrets now", "api-gateway", "DATABASE_URL")
	s.wait(deafTime)
	s.keys("G")
	s.sees("billing", "STRIPE_API_KEY", "of 15 lines")
	s.keys("enter")
	s.lacks("  bob  ")
	if got := s.value("api-gateway", "GITHUB_TOKEN"); got != drawn[1].value {
		t.Fatalf("the project holds %q", got)
	}
}

// slowly is a vault whose Revoke is under way as long as during needs.
type slowly struct {
	Vault
	during func(ctx context.Context)
}

func (v slowly) Revoke(ctx context.Context, member, project string, step func(done, total int)) ([]string, error) {
	step(640, 10000)
	v.during(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return v.Vault.Revoke(ctx, member, project, step)
}

func TestRevokeProgressAndStop(t *testing.T) {
	var s *stage
	during := func(ctx context.Context) {
		s.wait(time.Second)
		s.sees("sealing anew: 640 of 10,000", "esc stop")
		s.keys("y enter q d")
		s.sees("sealing anew: 640 of 10,000")
		s.keys("esc")
		<-ctx.Done()
	}
	s = newDrawn(t, 80, 24, with(func(v Vault) Vault { return slowly{v, func(ctx context.Context) { during(ctx) }} }))
	s.keys("4 j d enter y")
	s.sees("stopped: nothing was changed", "Revoke from bob")
	if got := s.granted("bob"); !strings.HasPrefix(got, "api-gateway: ") {
		t.Fatalf("bob has %q", got)
	}

	// A lock while it is made: the list is there after the unlock, for nowhere
	// else does it stand.
	locking := true
	during = func(context.Context) {
		if locking {
			_ = s.m.lock("") // the session ends when the work has ended
		}
	}
	s.keys("enter y")
	s.sees("Unlock vault")
	s.lacks("GITHUB_TOKEN", "bob")
	s.wait(deafTime)
	s.keys("enter")
	s.sees("Change 12 secrets now", "GITHUB_TOKEN")
	s.wait(deafTime)
	s.keys("esc")
	s.lacks("Revoke from bob")
	s.sees("> bob             nothing")
}

// unbending is a vault in which nobody can be changed any more.
type unbending struct{ Vault }

var errNoRoom = errors.New("the disk is full")

func (unbending) AddMember(context.Context, string, string) (vault.Member, error) {
	return vault.Member{}, errNoRoom
}

func (unbending) Grant(context.Context, string, string, vault.Permission, bool, func(int, int)) ([]string, error) {
	return nil, errNoRoom
}

func (unbending) Revoke(context.Context, string, string, func(int, int)) ([]string, error) {
	return nil, vault.ErrNotFound
}

func (unbending) RemoveMember(context.Context, string, func(int, int)) (map[string][]string, error) {
	return nil, errNoRoom
}

func TestMembersFail(t *testing.T) {
	s := newDrawn(t, 80, 24, with(func(v Vault) Vault { return unbending{v} }))
	s.keys("4 n")
	s.text("dana")
	s.keys("tab")
	s.paste(danasKey)
	s.keys("ctrl+s y")
	s.sees("Add dana?", "not added: the disk is full")
	s.keys("n esc y j e tab space ctrl+s")
	s.sees("bob in api-gateway", "not done: the disk is full")
	s.keys("esc d enter y")
	s.sees("that is gone already")
	s.keys("down enter y")
	s.sees("not done: the disk is full", "Remove bob from the vault")

	unread := newDrawn(t, 80, 24, with(func(v Vault) Vault { return mute{v} }))
	unread.sees("> DATABASE_URL")
	unread.keys("4")
	unread.sees("The members could not be read: busy", "try again")
	unread.keys("e")
	unread.sees("nobody is selected")
}
