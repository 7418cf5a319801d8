package tui

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
)

// data is what was last read of the vault. Nothing in it is a value.
type data struct {
	projects []vault.Project // by name
	project  string          // the one that is open; "" before the first
	rows     *rows
	loaded   bool  // rows belong to project
	err      error // why the last load failed; rows stay as they were
	stamps   stamps
	people   *people // nil before they were read
	load     int     // the number of the load that read it
}

// stamps tell whether anything changed since they were read.
type stamps struct {
	vault   uint64 // of the projects there are
	project uint64 // of the open project
}

func readStamps(ctx context.Context, v Vault, project string) (s stamps, err error) {
	if s.vault, err = v.Stamp(ctx, ""); err == nil && project != "" {
		s.project, err = v.Stamp(ctx, project)
	}
	return s, err
}

// rows is a project's secrets, in the order of their names, with what the list
// needs to be quick about 100,000 of them. It never changes after it was made.
type rows struct {
	secrets []vault.Secret
	refs    map[string][]vault.Reference
	longest int // cells of the longest name

	// text is each secret's name and description in lower case, one after the
	// other, and ends is where each one ends: a filter is one pass over it.
	text []byte
	ends []int
}

var noRows = &rows{}

// newRows takes secrets over. They come sorted by name.
func newRows(secrets []vault.Secret, refs map[string][]vault.Reference) *rows {
	r := &rows{secrets: secrets, refs: refs, ends: make([]int, len(secrets))}
	n := 0
	for i := range secrets {
		n += len(secrets[i].Name) + len(secrets[i].Description) + 2
		r.longest = max(r.longest, len(secrets[i].Name))
	}
	r.text = make([]byte, 0, n)
	for i := range secrets {
		r.text = appendLower(r.text, secrets[i].Name)
		r.text = append(r.text, '\t')
		r.text = appendLower(r.text, secrets[i].Description)
		r.text = append(r.text, '\n') // no name or description holds one, so no hit crosses it
		r.ends[i] = len(r.text)
	}
	return r
}

func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(b, strings.ToLower(s[i:])...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// find returns the index of the secret called name, or where it would be.
func (r *rows) find(name string) (int, bool) {
	i := sort.Search(len(r.secrets), func(i int) bool { return r.secrets[i].Name >= name })
	return i, i < len(r.secrets) && r.secrets[i].Name == name
}

// A sorting is an order of the list.
type sorting int

const (
	byName sorting = iota
	byUpdated
	byUsed
)

func (s sorting) String() string {
	return [...]string{"name", "last update", "most used"}[s]
}

// order returns the rows in an order; nil stands for that of the names.
func (r *rows) order(by sorting) []int32 {
	if by == byName {
		return nil
	}
	out := make([]int32, len(r.secrets))
	for i := range out {
		out[i] = int32(i)
	}
	slices.SortStableFunc(out, func(a, b int32) int {
		x, y := &r.secrets[a], &r.secrets[b]
		if by == byUsed {
			return cmp.Compare(len(r.refs[y.Name]), len(r.refs[x.Name]))
		}
		return y.Updated.Compare(x.Updated)
	})
	return out
}

// filter returns, in the given order, the rows whose name or description holds
// every word of the filter, whatever its case. all means that nothing was
// filtered out and nothing reordered: view is nil then, and row i is secret i.
func (r *rows) filter(filter string, order []int32) (view []int32, all bool) {
	terms := strings.Fields(strings.ToLower(filter))
	if len(terms) == 0 {
		return order, order == nil
	}
	hits := r.scan([]byte(terms[0]), terms[1:])
	if order == nil {
		return hits, false
	}
	is := make([]bool, len(r.secrets))
	for _, i := range hits {
		is[i] = true
	}
	out := make([]int32, 0, len(hits))
	for _, i := range order {
		if is[i] {
			out = append(out, i)
		}
	}
	return out, false
}

// scan finds the first term with one search over everything, and looks for the
// others only in the rows that it finds.
func (r *rows) scan(first []byte, others []string) []int32 {
	out := make([]int32, 0, 64)
	row := 0
	for at := 0; at < len(r.text); {
		i := bytes.Index(r.text[at:], first)
		if i < 0 {
			break
		}
		at += i
		if r.ends[row] <= at { // far away: search; near by: walk
			row++
			if row < len(r.ends) && r.ends[row] <= at {
				row += sort.SearchInts(r.ends[row:], at+1)
			}
		}
		if r.holds(row, others) {
			out = append(out, int32(row))
		}
		at = r.ends[row]
	}
	return out
}

func (r *rows) holds(row int, terms []string) bool {
	start := 0
	if row > 0 {
		start = r.ends[row-1]
	}
	for _, t := range terms {
		if !bytes.Contains(r.text[start:r.ends[row]], []byte(t)) {
			return false
		}
	}
	return true
}

// current is the open project, or nil.
func (d *data) current() *vault.Project {
	for i := range d.projects {
		if d.projects[i].Name == d.project {
			return &d.projects[i]
		}
	}
	return nil
}

// A loading is everything that one load reads.
type loading struct {
	projects []vault.Project
	project  string
	rows     *rows
	stamps   stamps
	people   *people
}

// loadLabel is the name of a load among the jobs.
const loadLabel = "loading secrets"

// loading tells whether a load is under way.
func (u *ui) loading() bool {
	return slices.ContainsFunc(u.jobs, func(j *job) bool { return j.label == loadLabel })
}

// load reads the projects and the secrets of the one that is open, or of the
// first when that one is gone. The stamps are read before the rows, so that a
// change in between shows with the next look.
func (u *ui) load() tea.Cmd {
	want := u.data.project
	u.loads++
	n := u.loads
	return ask(u, loadLabel, func(ctx context.Context, v Vault) (loading, error) {
		return read(ctx, v, want)
	}, func(l loading, err error) tea.Cmd {
		if want != u.data.project || n < u.data.load {
			return nil // another project was opened meanwhile, or a later load was quicker
		}
		u.data.err, u.data.load = err, n
		if err != nil {
			return nil
		}
		u.data = data{projects: l.projects, project: l.project, rows: l.rows, loaded: true, stamps: l.stamps, people: l.people, load: n}
		u.moved(want)
		return u.told()
	})
}

// awaits tells, and says, that what was just made is not in the list yet: until it
// is, another row is selected, which is not the one that a key is meant for.
func (u *ui) awaits(made, selected string) bool {
	if made == "" || made == selected || len(u.jobs) == 0 {
		return false
	}
	u.say(toastWarn, "one moment: "+made+" is not in the list yet")
	return true
}

// moved says so when the project that was open is not there any more and another
// one took its place: a key meant for the one must not do something in the other.
func (u *ui) moved(from string) {
	if u.opened != "" && u.data.project != from {
		text := from + " is not there any more"
		if u.data.project != "" {
			text += ": this is " + u.data.project
		}
		u.say(toastError, text)
		u.deafen()
	}
	u.opened = u.data.project
}

func read(ctx context.Context, v Vault, project string) (l loading, err error) {
	if l.projects, err = v.Projects(ctx); err != nil {
		return l, err
	}
	l.rows = noRows
	if len(l.projects) == 0 {
		if l.stamps, err = readStamps(ctx, v, ""); err == nil {
			l.people = readPeople(ctx, v)
		}
		return l, err
	}
	l.project = l.projects[0].Name
	for _, p := range l.projects {
		if p.Name == project {
			l.project = project
		}
	}
	if l.stamps, err = readStamps(ctx, v, l.project); err != nil {
		return l, err
	}
	secrets, err := v.Secrets(ctx, l.project)
	if err != nil {
		return l, err
	}
	refs, err := v.References(ctx, l.project)
	if err != nil {
		return l, err
	}
	l.rows = newRows(secrets, refs)
	l.people = readPeople(ctx, v)
	return l, ctx.Err()
}

// pollEvery is how often the stamp is looked at: a change made by another
// process shows within a second.
const pollEvery = time.Second

type pollMsg struct{ era int }

func (u *ui) pollLater() tea.Cmd {
	return u.after(pollEvery, pollMsg{u.era})
}

// openProject shows another project.
func (u *ui) openProject(name string) tea.Cmd {
	if name == u.data.project {
		return nil
	}
	u.data = data{projects: u.data.projects, project: name, rows: noRows, people: u.data.people, load: u.data.load}
	return tea.Batch(u.told(), u.load())
}
