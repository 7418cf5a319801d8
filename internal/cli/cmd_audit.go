package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/audit"
	"tacenda/internal/vault"
)

// eventJSON is one event; the vault's own have no project.
type eventJSON struct {
	Time    *string      `json:"time"`
	Actor   string       `json:"actor"`
	Action  audit.Action `json:"action"`
	Project string       `json:"project"`
	Object  string       `json:"object"`
	Origin  string       `json:"origin"`
	Hash    string       `json:"hash"`
}

// auditFlags are what audit shows.
type auditFlags struct {
	since  string
	secret string
	head   bool
	verify string
}

// verifyOnly is what --verify has without a head.
const verifyOnly = "chain"

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "audit",
		Long: `Show who changed what in the project, and in the vault as a whole, oldest first.

Each event holds the hash of the one before. --head prints where the history
stands: keep it elsewhere, and --verify=HEAD tells whether the history still
passes through it. Without that, whoever has the keys could rewrite it.

Exit codes: 2 malformed option; 5 no such project; 8 the history was changed.`,
		Example: "  tacenda audit --since 7d\n  tacenda audit --secret API_KEY --json\n  tacenda audit --verify=\"$(cat head.txt)\"",
		Args:    exactly(0, "no arguments (a head is given as --verify=HEAD)"),
		RunE: func(c *cobra.Command, _ []string) error {
			// Nothing, as an unset variable makes it, would check nothing and end with 0.
			if c.Flags().Changed("verify") && f.verify != verifyOnly && !isHead(f.verify) {
				return hinted(usagef("--verify: this is no head"), "give the whole line that tacenda audit --head printed")
			}
			if c.Flags().Changed("since") && f.since == "" {
				return usagef("--since: the time is missing; write 2027-01-31, 2027-01-31T12:00:00Z or 7d")
			}
			return a.audit(c.Context(), f)
		},
	}
	a.jsonFlag(c)
	c.Flags().StringVar(&f.since, "since", "", "only what happened `WHEN` or later: 7d, 2027-01-31, RFC 3339")
	c.Flags().StringVar(&f.secret, "secret", "", "only what happened to the secret `NAME`")
	c.Flags().BoolVar(&f.head, "head", false, "print what to keep elsewhere")
	c.Flags().StringVar(&f.verify, "verify", "", "check the history, and that it passes through `HEAD`")
	c.Flags().Lookup("verify").NoOptDefVal = verifyOnly
	return c
}

func (a *app) audit(ctx context.Context, f auditFlags) error {
	var since time.Time
	if f.since != "" {
		var err error
		if since, err = parseSince(f.since, time.Now()); err != nil {
			return err
		}
	}
	if f.secret != "" {
		if err := checkSecretName(f.secret); err != nil {
			return err
		}
	}
	if f.head && f.verify != "" {
		return usagef("--head and --verify exclude each other")
	}
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case f.head:
		return a.auditHead(ctx, v, project)
	case f.verify != "":
		return a.auditVerify(ctx, v, project, f.verify)
	}
	var events []vault.Event
	histories := []string{"", project}
	if !v.Owner() {
		histories = histories[1:] // the vault's own is the owners'
	}
	for _, history := range histories {
		more, err := v.Events(ctx, history)
		if err != nil {
			return err
		}
		events = append(events, more...)
	}
	log, err := a.serverLog(v.ID())
	if err != nil {
		return err
	}
	used, err := log.events(v, project, since)
	if err != nil {
		return err
	}
	events = append(events, used...)
	slices.SortStableFunc(events, func(x, y vault.Event) int { return x.Time.Compare(y.Time) })
	events = slices.DeleteFunc(events, func(e vault.Event) bool {
		return e.Time.Before(since) || f.secret != "" && (e.Project == "" || e.Object != f.secret && !(e.Action == audit.Used && e.Object == ""))
	})
	return a.printEvents(events)
}

func (a *app) printEvents(events []vault.Event) error {
	if a.json {
		items := make([]eventJSON, len(events))
		for i, e := range events {
			items[i] = eventJSON{jsonTime(e.Time), e.Actor, e.Action, e.Project, e.Object, e.Origin, e.Hash}
		}
		return writeJSONList(a.out, items)
	}
	if len(events) == 0 {
		a.note("nothing happened")
		return nil
	}
	t := &table{header: []string{"TIME", "ACTOR", "ACTION", "OBJECT", "PROJECT", "FROM"}, flex: 3}
	for _, e := range events {
		project := e.Project
		if project == "" {
			project = "-"
		}
		t.add(localTime(e.Time), e.Actor, string(e.Action), shownObject(e), project, shownOrigin(e))
	}
	return a.draw(t)
}

// headSeparator joins the head of the project's history, that of the vault's own
// and on a server that of its log into the one word that a user keeps.
const headSeparator = ","

// noHead stands for the vault's own history in what a member keeps, who does not see it.
const noHead = "-"

// isHead tells whether text can be what --head printed: LENGTH:HASH of the
// project's history and, joined to it, that of the vault's.
func isHead(text string) bool {
	parts := strings.Split(strings.TrimSpace(text), headSeparator)
	one := func(head string) bool {
		length, hash, _ := strings.Cut(head, ":")
		_, err := strconv.ParseUint(length, 10, 64)
		sum, bad := hex.DecodeString(hash)
		return err == nil && bad == nil && len(sum) == sha256.Size
	}
	if len(parts) == 3 && parts[1] == noHead {
		parts = slices.Delete(parts, 1, 2)
	}
	return len(parts) <= 3 && !slices.ContainsFunc(parts, func(head string) bool { return !one(head) })
}

func (a *app) auditHead(ctx context.Context, v gate, project string) error {
	of, err := v.Head(ctx, project)
	if err != nil {
		return err
	}
	head := of
	if v.Owner() {
		own, err := v.Head(ctx, "")
		if err != nil {
			return err
		}
		head += headSeparator + own
	}
	log, err := a.serverLog(v.ID())
	if err != nil {
		return err
	}
	kept, err := log.head()
	if err != nil {
		return err
	}
	if kept != "" {
		if !v.Owner() {
			head += headSeparator + noHead
		}
		head += headSeparator + kept
	}
	if a.json {
		return writeJSON(a.out, struct {
			Project string `json:"project"`
			Head    string `json:"head"`
		}{project, head})
	}
	_, err = io.WriteString(a.out, head+"\n")
	return err
}

func (a *app) auditVerify(ctx context.Context, v gate, project, head string) error {
	var of, own, kept string
	if head != verifyOnly {
		parts := append(strings.Split(strings.TrimSpace(head), headSeparator), "", "")
		of, own, kept = parts[0], strings.TrimPrefix(parts[1], noHead), parts[2]
	}
	log, err := a.serverLog(v.ID())
	if err != nil {
		return err
	}
	if err := log.check(kept); err != nil {
		return err
	}
	if err := v.VerifyHistory(ctx, project, of); err != nil {
		return err
	}
	if !v.Owner() {
		a.note("the history of project " + project + " is unbroken; the vault's own is for its owners")
		return nil
	}
	if err := v.VerifyHistory(ctx, "", own); err != nil {
		return err
	}
	a.note("the history of project " + project + " and of the vault is unbroken")
	return nil
}
