package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "demo",
		Long: `Try everything on a vault that is thrown away: a temporary directory with a sample
project, whose keys are made up on the spot. On a terminal it opens the interface
on it; without one it creates, lists, resolves and clones, and shows each step.
Your own vault is not touched.`,
		Example: "  tacenda demo\n  tacenda demo | less",
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.demo(c.Context()) },
	}
}

const (
	demoProject = "shop"
	demoOther   = "staging"
)

// demo makes the vault, shows it and removes it, also when it fails half-way.
func (a *app) demo(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "tacenda-demo-") // mode 0700
	if err != nil {
		return fmt.Errorf("making a place for the demo: %w", err)
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil && rerr != nil {
			err = fmt.Errorf("removing the demo: %w", rerr)
		}
	}()
	d := &demo{app: a, dir: dir}
	if err := d.fill(ctx); err != nil {
		return fmt.Errorf("making the demo's vault: %w", err)
	}
	show := d.walk
	if a.hasTerminal() && a.out.terminal() {
		show = func(ctx context.Context) error { return d.run(ctx) }
	}
	if err := show(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the demo: %w", err)
	}
	return d.say("\nThe demo is over and its vault removed. To begin with your own: tacenda init\n")
}

// A demo is a vault in a directory of its own, and the program run on it.
type demo struct {
	app *app
	dir string
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// environment is what the program sees: nothing that would lead it to the user's
// own vault, memory or settings.
func (d *demo) environment(name string) string {
	switch name {
	case "TACENDA_VAULT":
		return d.path("vault.db")
	case "TACENDA_IDENTITY":
		return d.path("key.txt")
	case "TACENDA_PROJECT":
		return demoProject
	case "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME":
		return d.path("home")
	}
	if strings.HasPrefix(name, "TACENDA_") {
		return ""
	}
	return d.app.sys.Getenv(name)
}

// child is the program as the demo runs it. What it says goes where its results
// go, so that the story stays in order.
func (d *demo) child(args []string) *app {
	sys := d.app.sys
	sys.Args, sys.Getenv = args, d.environment
	c := &app{sys: sys, seams: d.app.seams, out: d.app.out, err: d.app.out, guard: d.app.guard, signals: d.app.signals}
	c.guard.Warning = "" // the machine is the doctor's business
	c.globals.ascii = d.app.globals.ascii
	return c
}

// run is one command; none opens the interface.
func (d *demo) run(ctx context.Context, args ...string) error {
	if args == nil {
		args = []string{} // for nil cobra takes those of the process: demo, again
	}
	return newRoot(d.child(args), args).ExecuteContext(ctx)
}

// fill makes the vault with its projects, and a key that opens it.
func (d *demo) fill(ctx context.Context) error {
	child := d.child(nil)
	var identity *secret.Bytes
	defer func() { identity.Destroy() }()
	slots := func(id vault.ID, root *secret.Bytes) ([]*keyring.Slot, error) {
		s, key, err := keyring.NewRecoverySlot(id, "demo", root)
		identity = key
		return []*keyring.Slot{s}, err
	}
	v, err := vault.Create(ctx, func(fill func(store.Tx) error) (store.Engine, error) {
		e, err := store.CreateBolt(ctx, d.path("vault.db"), child.boltOptions(forChange), fill)
		if err != nil {
			return nil, err // and no engine: a nil of its type would not be nil here
		}
		return e, nil
	}, slots, demoProject, child.vaultOptions())
	if err != nil {
		return err
	}
	defer v.Close()
	err = identity.Use(func(key []byte) error { return os.WriteFile(d.path("key.txt"), key, 0o600) })
	if err != nil {
		return err
	}
	if err := v.CreateProject(ctx, demoOther); err != nil {
		return err
	}
	drafts, wipe, err := demoSecrets(time.Now())
	defer wipe()
	if err != nil {
		return err
	}
	if _, err := v.ImportSecrets(ctx, demoProject, drafts, vault.ImportStrict); err != nil {
		return err
	}
	if _, err := v.SetText(ctx, demoProject, vault.Tool, "latest-release", demoTool, 0); err != nil {
		return err
	}
	if _, err := v.SetText(ctx, demoProject, vault.Instruction, "sandbox-orders", demoInstruction, 0); err != nil {
		return err
	}
	return os.WriteFile(d.path("config.yaml.tmpl"), []byte(demoTemplate), 0o600)
}

const demoTemplate = `payments:
  url: https://api.stripe.com/v1
  key: "{{STRIPE_API_KEY|json}}"
database: "postgres://shop:{{DATABASE_PASSWORD|url}}@db.internal:5432/shop"
deploy:
  token: {{DEPLOY_TOKEN}}
`

const demoTool = `description: Reads the latest release of a repository
method: GET
url: https://api.github.com/repos/${owner}/${repo}/releases/latest
headers:
  Accept: application/vnd.github+json
  Authorization: Bearer {{GITHUB_TOKEN}}
params:
  - name: owner
    description: whose repository it is
    type: string
    required: true
  - name: repo
    type: string
    required: true
`

const demoInstruction = `# Orders in the sandbox

You help with the shop's orders. When you try something out, use the customer
{{SANDBOX_CUSTOMER}} and never another one.

To learn what was released last, call the tool latest-release. You are not given
its token, and need none.
`

// demoSecrets are keys of the shapes that services give out. They are drawn anew
// each time: nothing in this source looks like a key to those who search for
// leaked ones.
func demoSecrets(now time.Time) (drafts []vault.Draft, wipe func(), err error) {
	const alnum, base64url, digits = 0, 2, 1
	samples := []struct {
		prefix  string
		n       int
		charset int
		draft   vault.Draft
	}{
		{"sk_test_", 24, alnum, vault.Draft{Name: "STRIPE_API_KEY", Description: "payments, test mode", AllowedHosts: []string{"api.stripe.com"}, Expires: now.AddDate(0, 0, 90)}},
		{"", 28, alnum, vault.Draft{Name: "DATABASE_PASSWORD", Description: "orders database, user shop"}},
		{"ghp_", 36, alnum, vault.Draft{Name: "GITHUB_TOKEN", Description: "release workflow", AllowedHosts: []string{"api.github.com"}, Expires: now.AddDate(0, 0, 12)}},
		{"SG.", 66, base64url, vault.Draft{Name: "SENDGRID_API_KEY", Description: "receipts by mail"}},
		{"sk-proj-", 48, base64url, vault.Draft{Name: "OPENAI_API_KEY", Description: "product descriptions"}},
		{"whsec_", 32, alnum, vault.Draft{Name: "WEBHOOK_SECRET", Description: "checks what the payment service sends; replaced in spring", Expires: now.AddDate(0, 0, -3)}},
		{"", 64, digits, vault.Draft{Name: "SESSION_KEY", Description: "signs the cookies"}},
		{"test-", 8, digits, vault.Draft{Name: "SANDBOX_CUSTOMER", Description: "a customer that may be shown to a model", LLMSafe: true}},
	}
	var values []*secret.Bytes
	wipe = func() {
		for _, v := range values {
			v.Destroy()
		}
	}
	for _, s := range samples {
		value, err := generate(len(s.prefix)+s.n, charsets[s.charset].chars)
		if err != nil {
			return nil, wipe, err
		}
		values = append(values, value)
		if err := value.Use(func(p []byte) error { copy(p, s.prefix); return nil }); err != nil {
			return nil, wipe, err
		}
		s.draft.Value = value
		drafts = append(drafts, s.draft)
	}
	return drafts, wipe, nil
}

// walk shows the main job step by step.
func (d *demo) walk(ctx context.Context) error {
	steps := []struct {
		about string
		args  []string
	}{
		{"Store a secret. Nobody sees this one: it is generated.", []string{"create", "DEPLOY_TOKEN", "--generate=40", "-d", "deploys of the shop"}},
		{"List what is there. Hints, never values; no command shows a stored value.", []string{"list"}},
		{"A template names secrets; everything else in it stays as it is.", []string{"cat", "config.yaml.tmpl"}},
		{"Preview it: safe to show, no value is opened.", []string{"resolve", "config.yaml.tmpl", "--preview"}},
		{"Resolve it, as a script on a server would: the values go where the template names them.", []string{"resolve", "config.yaml.tmpl", "-o", "config.yaml"}},
		{"The keys in it were made up for this demo, so here is the result.", []string{"cat", "config.yaml"}},
		{"Clone two of them into another project. From now on the copies live their own lives.", []string{"clone", "STRIPE_API_KEY", "DATABASE_PASSWORD", "--to", demoOther}},
		{"", []string{"list", "--all-projects"}},
	}
	if err := d.say("This demo works on a vault that is thrown away at its end, in\n" + d.dir + ". Your own vault is not touched.\n"); err != nil {
		return err
	}
	for _, s := range steps {
		about := "\n"
		if s.about != "" {
			about = "\n# " + s.about + "\n"
		}
		program := "tacenda "
		if s.args[0] == "cat" {
			program = ""
		}
		if err := d.say(about + "$ " + program + shown(s.args) + "\n"); err != nil {
			return err
		}
		if err := d.step(ctx, s.args); err != nil {
			return err
		}
	}
	return nil
}

// step runs a command with the names of files made whole: the demo shows them
// as if it had gone to its directory.
func (d *demo) step(ctx context.Context, args []string) error {
	if args[0] == "cat" {
		text, err := os.ReadFile(d.path(args[1]))
		if err != nil {
			return err
		}
		return d.say(string(text))
	}
	whole := make([]string, len(args))
	for i, arg := range args {
		whole[i] = arg
		if strings.HasPrefix(arg, "config.") {
			whole[i] = d.path(arg)
		}
	}
	return d.run(ctx, whole...)
}

// shown writes arguments as somebody would type them.
func shown(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if strings.Contains(arg, " ") {
			words[i] = `"` + arg + `"`
		}
	}
	return strings.Join(words, " ")
}

func (d *demo) say(text string) error {
	_, err := io.WriteString(d.app.out, text)
	return err
}
