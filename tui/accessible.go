package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// An Asker asks questions at a terminal, one at a time, in plain lines.
type Asker interface {
	// Line asks for a visible line.
	Line(ctx context.Context, label string) (string, error)
	// Secret asks for a hidden line of at most limit bytes; empty for none. The
	// caller destroys it.
	Secret(ctx context.Context, label string, limit int) (*secret.Bytes, error)
	// SecretTwice is Secret asked twice; the second time its label is followed by
	// "again". It is an error when the answers differ.
	SecretTwice(ctx context.Context, label string, limit int) (*secret.Bytes, error)
	// Confirm asks for yes or no.
	Confirm(ctx context.Context, question string) (bool, error)
}

// lines is the interface for screen readers, chosen by ACCESSIBLE: numbered
// choices, one result a line, nothing that moves and nothing drawn again.
type lines struct {
	ask     Asker
	out     io.Writer
	cfg     Config
	v       Vault
	project string
}

// runLines shows it until the user leaves or the input ends.
func runLines(ctx context.Context, out io.Writer, cfg Config) error {
	l := &lines{ask: cfg.Ask, out: out, cfg: cfg, project: cfg.Project}
	if l.cfg.Now == nil {
		l.cfg.Now = time.Now
	}
	v, err := l.enter(ctx)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	l.v = v
	defer v.Close()
	if cfg.IdleLock > 0 {
		l.ask = patient{l.ask, cfg.IdleLock, l.cfg.Now}
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	for {
		again, err := l.menu(ctx)
		switch {
		case errors.Is(err, io.EOF), err == nil && !again:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errIdle):
			l.say("Locked after %s without an answer. Start again to go on.", idleWords(cfg.IdleLock))
			return nil
		case err != nil:
			l.say("Error: %s", reason(err))
		}
	}
}

func (l *lines) say(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clean(s)
		}
	}
	fmt.Fprintf(l.out, format+"\n", args...)
}

// enter opens, unlocks or creates the vault.
func (l *lines) enter(ctx context.Context) (Vault, error) {
	if l.cfg.Missing {
		return l.create(ctx)
	}
	v, err := l.cfg.Open(ctx)
	if why := triedWords(err); why != "" {
		l.say("Locked: %s.", why)
	}
	for errors.Is(err, vault.ErrLocked) {
		pass, askErr := l.ask.Secret(ctx, "Passphrase for "+clean(l.cfg.Place), passphraseMax)
		if askErr != nil {
			return nil, askErr
		}
		v, err = l.cfg.Unlock(ctx, pass)
		pass.Destroy()
		if errors.Is(err, vault.ErrLocked) {
			l.say("Error: wrong passphrase. ctrl+d leaves.")
		}
	}
	return v, err
}

func (l *lines) create(ctx context.Context) (Vault, error) {
	l.say("There is no vault at %s yet. One will be created.", l.cfg.Place)
	l.say("Nobody can recover its passphrase.")
	pass, err := l.ask.SecretTwice(ctx, "New passphrase", passphraseMax)
	if err != nil {
		return nil, err
	}
	defer pass.Destroy()
	if pass.Len() == 0 {
		return nil, errors.New("creating a vault needs a passphrase")
	}
	project := l.cfg.Project
	if vault.CheckName("project", project) != nil {
		project = "default"
	}
	l.project = project
	return l.cfg.Create(ctx, Setup{Passphrase: pass, Project: project})
}

// settle picks a project that exists.
func (l *lines) settle(ctx context.Context) error {
	ps, err := l.v.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if p.Name == l.project {
			return nil
		}
	}
	l.project = ""
	if len(ps) > 0 {
		l.project = ps[0].Name
	}
	return nil
}

// A choice is a line of the menu.
type choice struct {
	words string
	run   func(context.Context) error // nil leaves
}

// menu shows what can be done and does one of it; false means leave.
func (l *lines) menu(ctx context.Context) (bool, error) {
	may, err := l.rights(ctx)
	if err != nil { // the vault says so again to whatever is chosen
		l.say("Error: %s", reason(err))
		may = right{owner: true, have: (vault.PermRead | vault.PermUse | vault.PermManage).Strings()}
	}
	manage := may.off("secrets:manage")
	choices := []choice{
		{"list secrets", l.list}, {"show one secret", l.show},
		choice{"create a secret", l.createSecret}.unless(manage), choice{"edit a secret", l.edit}.unless(manage),
		choice{"clone a secret to another project", l.clone}.unless(manage), choice{"delete a secret", l.delete}.unless(manage),
		{"tools", l.texts(vault.Tool)}, {"instructions", l.texts(vault.Instruction)}, {"members", l.members}, {"show the activity", l.activity},
		{"open another project", l.openProject}, choice{"create a project", l.createProject}.unless(may.owns()), {"leave", nil},
	}
	where := "no project"
	if l.project != "" && err == nil {
		where = "project " + l.project + ", " + may.word()
	}
	l.say("Tacenda, vault %s, %s.", l.cfg.Name, where)
	n, err := l.choose(ctx, "Choose", len(choices), func(i int) string { return choices[i].words })
	if err != nil || n < 0 {
		return true, err
	}
	if choices[n].run == nil {
		return false, nil
	}
	return true, choices[n].run(ctx)
}

// choose lists n things by number and asks for one; -1 for none.
func (l *lines) choose(ctx context.Context, label string, n int, words func(i int) string) (int, error) {
	for i := range n {
		l.say("%d %s", i+1, words(i))
	}
	answer, err := l.ask.Line(ctx, label+", 1 to "+strconv.Itoa(n)+", or nothing")
	if err != nil {
		return -1, err
	}
	answer = strings.TrimSpace(answer)
	if answer == "" {
		return -1, nil
	}
	i, err := strconv.Atoi(answer)
	if err != nil || i < 1 || i > n {
		return -1, fmt.Errorf("%q is no number from 1 to %d", clean(answer), n)
	}
	return i - 1, nil
}

func (l *lines) list(ctx context.Context) error {
	all, err := l.v.Secrets(ctx, l.project)
	if err != nil {
		return err
	}
	for _, s := range all {
		about := ""
		if s.Description != "" {
			about = ", " + s.Description
		}
		l.say("%s, hint %s%s", s.Name, s.Hint, about)
	}
	l.say("%s.", count(len(all), "secret", "secrets"))
	return nil
}

// name asks for the name of a secret that exists.
func (l *lines) name(ctx context.Context, what string) (vault.Secret, error) {
	name, err := l.ask.Line(ctx, "Name of the secret to "+what)
	if err != nil {
		return vault.Secret{}, err
	}
	return l.v.Secret(ctx, l.project, strings.ToUpper(strings.TrimSpace(name)))
}

func (l *lines) show(ctx context.Context) error {
	s, err := l.name(ctx, "show")
	if err != nil {
		return err
	}
	l.say("%s, version %d, hint %s", s.Name, s.Version, s.Hint)
	l.say("updated %s by %s", s.Updated.In(l.cfg.Now().Location()).Format("2006-01-02 15:04"), s.Author)
	if s.Description != "" {
		l.say("description: %s", s.Description)
	}
	return l.users(ctx, s.Name)
}

// users lists what refers to a secret.
func (l *lines) users(ctx context.Context, name string) error {
	refs, err := l.v.References(ctx, l.project)
	if err != nil {
		return err
	}
	for _, r := range refs[name] {
		l.say("used by %s %s %s", r.Kind, r.Name, r.Where)
	}
	l.say("used in %s", count(len(refs[name]), "place", "places"))
	return nil
}

func (l *lines) createSecret(ctx context.Context) error {
	name, err := l.ask.Line(ctx, "Name, of A to Z, digits and _")
	if err != nil {
		return err
	}
	name = strings.ToUpper(strings.TrimSpace(name))
	if err := vault.CheckSecretName(name); err != nil {
		return err
	}
	l.say("The value can never be viewed once it is stored.")
	value, err := l.ask.SecretTwice(ctx, "Value", vault.MaxValue)
	if err != nil {
		return err
	}
	defer value.Destroy()
	about, err := l.ask.Line(ctx, "Description, or nothing")
	if err != nil {
		return err
	}
	s, err := l.v.CreateSecret(ctx, l.project, vault.Draft{Name: name, Value: value, Description: strings.TrimSpace(about)})
	if err != nil {
		return err
	}
	l.say("Created %s, hint %s.", s.Name, s.Hint)
	return nil
}

func (l *lines) edit(ctx context.Context) error {
	old, err := l.name(ctx, "edit")
	if err != nil {
		return err
	}
	e := vault.Edit{IfVersion: old.Version}
	l.say("The hint is %s. An empty answer keeps the value.", old.Hint)
	value, err := l.ask.SecretTwice(ctx, "New value", vault.MaxValue)
	if err != nil {
		return err
	}
	defer value.Destroy()
	if value.Len() > 0 {
		e.Value = value
	}
	about, err := l.ask.Line(ctx, "New description, or nothing to keep it")
	if err != nil {
		return err
	}
	if about = strings.TrimSpace(about); about != "" {
		e.Description = &about
	}
	if e.Value == nil && e.Description == nil {
		l.say("Nothing changed.")
		return nil
	}
	s, err := l.v.EditSecret(ctx, l.project, old.Name, e)
	if err != nil {
		return err
	}
	l.say("Saved %s, version %d, hint %s.", s.Name, s.Version, s.Hint)
	return nil
}

func (l *lines) clone(ctx context.Context) error {
	s, err := l.name(ctx, "clone")
	if err != nil {
		return err
	}
	to, err := l.pickProject(ctx, "Clone to")
	if err != nil || to == "" {
		return err
	}
	if ok, err := l.ask.Confirm(ctx, "Clone "+s.Name+" to "+clean(to)+"?"); err != nil || !ok {
		return err
	}
	if err := l.v.CloneSecrets(ctx, l.project, []string{s.Name}, to, false); err != nil {
		return err
	}
	l.say("Cloned %s to %s.", s.Name, to)
	return nil
}

// delete asks for the name again when something refers to the secret.
func (l *lines) delete(ctx context.Context) error {
	s, err := l.name(ctx, "delete")
	if err != nil {
		return err
	}
	refs, err := l.v.References(ctx, l.project)
	if err != nil {
		return err
	}
	l.say("This cannot be undone.")
	sure := false
	if len(refs[s.Name]) > 0 {
		if err := l.users(ctx, s.Name); err != nil {
			return err
		}
		again, err := l.ask.Line(ctx, "They will break. Type the name to delete it")
		if err != nil {
			return err
		}
		sure = strings.TrimSpace(again) == s.Name
	} else if sure, err = l.ask.Confirm(ctx, "Delete "+s.Name+"?"); err != nil {
		return err
	}
	if !sure {
		l.say("Nothing was deleted.")
		return nil
	}
	if err := l.v.DeleteSecrets(ctx, l.project, []string{s.Name}); err != nil {
		return err
	}
	l.say("Deleted %s.", s.Name)
	return nil
}

// shownEvents is how much of the activity is read out.
const shownEvents = 20

func (l *lines) activity(ctx context.Context) error {
	all, err := l.v.Events(ctx, l.project)
	if err != nil {
		return err
	}
	for i := len(all) - 1; i >= max(0, len(all)-shownEvents); i-- {
		e := all[i]
		about := ""
		if e.Origin != "" {
			about = ", " + originWords(&e)
		}
		l.say("%s, %s %s %s%s", e.Time.In(l.cfg.Now().Location()).Format("2006-01-02 15:04"), e.Actor, string(e.Action), e.Object, about)
	}
	l.say("%s, the newest first.", count(len(all), "event", "events"))
	return nil
}
