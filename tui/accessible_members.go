package tui

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"tacenda/internal/vault"
)

// A right is what the caller may do in the open project; off says why not, in the
// words of the screens.
type right struct {
	owner bool
	have  []string
}

// rights asks the vault: they may change while the lines are open.
func (l *lines) rights(ctx context.Context) (right, error) {
	r := right{owner: l.v.Owner()}
	ps, err := l.v.Projects(ctx)
	for _, p := range ps {
		if p.Name == l.project {
			r.have = p.Permissions
		}
	}
	return r, err
}

// off is why something that needs permissions cannot be done; "" when it can.
func (r right) off(need ...string) string {
	for _, p := range need {
		if !slices.Contains(r.have, p) {
			return "needs " + p
		}
	}
	return ""
}

// word is what the header of the screens says.
func (r right) word() string {
	if r.owner {
		return "owner"
	}
	return permissionWord(r.have)
}

func (r right) owns() string {
	if !r.owner {
		return "needs an owner"
	}
	return ""
}

// unless is a choice that stays in the list and says why when it cannot be taken.
func (c choice) unless(off string) choice {
	if off == "" {
		return c
	}
	return choice{c.words + " (" + off + ")", func(context.Context) error { return errors.New(off) }}
}

// members are the choices about members.
func (l *lines) members(ctx context.Context) error {
	r, err := l.rights(ctx)
	if err != nil {
		return err
	}
	choices := []choice{
		{"list the members", l.listMembers},
		choice{"add a member", l.addMember}.unless(r.owns()),
		choice{"change what a member may do in " + l.project, l.grantMember}.unless(r.owns()),
		choice{"revoke from a member in " + l.project, l.revokeMember}.unless(r.owns()),
		choice{"remove a member", l.removeMember}.unless(r.owns()),
	}
	n, err := l.choose(ctx, "Choose", len(choices), func(i int) string { return choices[i].words })
	if err != nil || n < 0 {
		return err
	}
	return choices[n].run(ctx)
}

func (l *lines) listMembers(ctx context.Context) error {
	p := readPeople(ctx, l.v)
	if p.err != nil {
		return p.err
	}
	for i := range p.rows {
		x := &p.rows[i]
		if x.owner {
			l.say("%s, owner, key %s %s", x.name, x.kind, x.fingerprint)
			continue
		}
		l.say("%s, key %s %s", x.name, x.kind, x.fingerprint)
		for j := range x.grants {
			l.say("%s has %s in %s", x.name, grantWords(&x.grants[j]), x.grants[j].Project)
		}
	}
	l.say("%s.", count(len(p.rows), "person or key", "people and keys"))
	return nil
}

func (l *lines) addMember(ctx context.Context) error {
	if l.cfg.CheckRecipient == nil {
		return errors.New("no key can be read here")
	}
	name, err := l.ask.Line(ctx, "Name, of a to z, digits, dots and dashes")
	if err != nil {
		return err
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if err := vault.CheckName("member", name); err != nil {
		return err
	}
	key, err := l.ask.Line(ctx, "Public key, age1 or ssh")
	if err != nil {
		return err
	}
	kind, fingerprint, err := l.cfg.CheckRecipient(key)
	if err != nil {
		return err
	}
	l.say("Ask %s, by another way than the key came, for the fingerprint of their key.", name)
	l.say("Here it is %s key %s", kind, fingerprint)
	if ok, err := l.ask.Confirm(ctx, "Is it the same, and is "+clean(name)+" to be added?"); err != nil || !ok {
		return err
	}
	m, err := l.v.AddMember(ctx, name, key)
	if err != nil {
		return err
	}
	l.say("Added %s, who has no grants yet.", m.Name)
	return nil
}

// member asks for a member that exists.
func (l *lines) member(ctx context.Context, what string) (vault.Member, error) {
	name, err := l.ask.Line(ctx, "Name of the member "+what)
	if err != nil {
		return vault.Member{}, err
	}
	name = strings.ToLower(strings.TrimSpace(name))
	all, err := l.v.Members(ctx)
	if err != nil {
		return vault.Member{}, err
	}
	for _, m := range all {
		if m.Name == name {
			return m, nil
		}
	}
	return vault.Member{}, errors.New("there is no member " + name)
}

func (l *lines) grantMember(ctx context.Context) error {
	m, err := l.member(ctx, "to grant to")
	if err != nil {
		return err
	}
	old := (&person{grants: m.Grants}).grant(l.project)
	l.say("%s has %s in %s.", m.Name, grantWords(old), l.project)
	for _, x := range permissionFacts[:3] {
		l.say("%s: %s", x.word, x.about)
	}
	answer, err := l.ask.Line(ctx, "Permissions, of read, use and manage, with spaces between them")
	if err != nil {
		return err
	}
	var words []string
	for w := range strings.FieldsSeq(strings.ToLower(strings.ReplaceAll(answer, ",", " "))) {
		words = append(words, "secrets:"+strings.TrimPrefix(w, "secrets:"))
	}
	if len(words) == 0 {
		l.say("Nothing changed.")
		return nil
	}
	p, err := vault.ParsePermission(words)
	if err != nil {
		return err
	}
	server, err := l.ask.Confirm(ctx, "By a server only, with no key in the file?")
	if err != nil {
		return err
	}
	next := &vault.Grant{Project: l.project, Permissions: p, ServerOnly: server}
	if keysOf(next) < keysOf(old) {
		l.say("This takes keys away: the project gets new ones, and everything in it is sealed anew.")
		if ok, err := l.ask.Confirm(ctx, "Go on?"); err != nil || !ok {
			return err
		}
	}
	lost, err := l.v.Grant(ctx, m.Name, l.project, p, server, l.progress())
	if err != nil {
		return err
	}
	l.say("%s has %s in %s.", m.Name, grantWords(next), l.project)
	l.rotate(m.Name, map[string][]string{l.project: lost})
	return nil
}

func (l *lines) revokeMember(ctx context.Context) error {
	m, err := l.member(ctx, "to revoke from")
	if err != nil {
		return err
	}
	old := (&person{grants: m.Grants}).grant(l.project)
	if old == nil {
		return errors.New(m.Name + " has nothing in " + l.project)
	}
	if ok, err := l.ask.Confirm(ctx, "Revoke "+grantWords(old)+" from "+clean(m.Name)+" in "+clean(l.project)+"?"); err != nil || !ok {
		return err
	}
	lost, err := l.v.Revoke(ctx, m.Name, l.project, l.progress())
	if err != nil {
		return err
	}
	l.say("%s has nothing in %s any more.", m.Name, l.project)
	l.rotate(m.Name, map[string][]string{l.project: lost})
	return nil
}

func (l *lines) removeMember(ctx context.Context) error {
	m, err := l.member(ctx, "to remove")
	if err != nil {
		return err
	}
	if ok, err := l.ask.Confirm(ctx, "Remove "+clean(m.Name)+", with "+count(len(m.Grants), "grant", "grants")+"?"); err != nil || !ok {
		return err
	}
	lost, err := l.v.RemoveMember(ctx, m.Name, l.progress())
	if err != nil {
		return err
	}
	l.say("Removed %s.", m.Name)
	l.rotate(m.Name, lost)
	return nil
}

// progress reads out each quarter of long work, and nothing of short work.
func (l *lines) progress() func(done, total int) {
	const long = 1000 // objects: a second or so
	said := 0
	return func(done, total int) {
		if quarter := 4 * done / max(total, 1); total >= long && quarter > said {
			said = quarter
			l.say("%d percent sealed anew", 25*quarter)
		}
	}
}

// rotate reads out what somebody could have read and cannot any more.
func (l *lines) rotate(member string, lost map[string][]string) {
	n := 0
	for _, project := range slices.Sorted(maps.Keys(lost)) {
		for _, name := range lost[project] {
			if n == 0 {
				l.say("%s could have read these. Change each where it comes from, then here.", member)
			}
			n++
			l.say("change %s of %s", name, project)
		}
	}
	if n > 0 {
		l.say("%s to change.", count(n, "secret", "secrets"))
	}
}
