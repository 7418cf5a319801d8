package cli

import (
	"bufio"
	"context"
	"path"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
)

// secretJSON is a secret as list and show print it.
type secretJSON struct {
	Project      string   `json:"project"`
	Name         string   `json:"name"`
	Hint         string   `json:"hint"`
	Description  string   `json:"description"`
	Version      uint64   `json:"version"`
	Created      *string  `json:"created"`
	Updated      *string  `json:"updated"`
	Author       string   `json:"author"`
	LLMSafe      bool     `json:"llm_safe"`
	AllowedHosts []string `json:"allowed_hosts"`
	Expires      *string  `json:"expires"`
}

func toSecretJSON(s vault.Secret) secretJSON {
	return secretJSON{
		Project: s.Project, Name: s.Name, Hint: s.Hint, Description: s.Description, Version: s.Version,
		Created: jsonTime(s.Created), Updated: jsonTime(s.Updated), Author: s.Author,
		LLMSafe: s.LLMSafe, AllowedHosts: list(s.AllowedHosts), Expires: jsonTime(s.Expires),
	}
}

// listFlags are what list shows and how.
type listFlags struct {
	allProjects bool
	names       bool
	unused      bool
	expired     bool
	older       string
}

func (a *app) listCommand() *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use: "list [GLOB...]",
		Long: `List the project's secrets: name, hint, description, time of the last change and
version. No value is opened for it.

A GLOB keeps the names that it matches: * stands for any characters, ? for one,
[A-C] for one of several.`,
		Example: "  tacenda list\n  tacenda list 'DB_*' --json\n  tacenda list --all-projects --older 90d --names",
		RunE: func(c *cobra.Command, args []string) error {
			return a.list(c.Context(), args, f)
		},
	}
	a.jsonFlag(c)
	c.Flags().BoolVar(&f.allProjects, "all-projects", false, "secrets of every project")
	c.Flags().BoolVar(&f.names, "names", false, "names only, one a line")
	c.Flags().BoolVar(&f.unused, "unused", false, "only what no tool and no instruction refers to")
	c.Flags().BoolVar(&f.expired, "expired", false, "only what has expired")
	c.Flags().StringVar(&f.older, "older", "", "only what was not changed for `AGE`, such as 90d")
	return c
}

func (a *app) list(ctx context.Context, globs []string, f listFlags) error {
	var older time.Duration
	if f.older != "" {
		var ok bool
		if older, ok = parseAge(f.older); !ok {
			return usagef("--older %q: write 90d, 12h or 2w", f.older)
		}
	}
	for _, g := range globs {
		if _, err := path.Match(g, ""); err != nil {
			return usagef("malformed GLOB %q", g)
		}
	}
	if f.names && a.json {
		return usagef("--names and --json exclude each other")
	}
	projects, v, err := a.openProjects(ctx, f.allProjects)
	if err != nil {
		return err
	}
	defer v.Close()
	now := time.Now()
	var found []vault.Secret
	for _, project := range projects {
		secrets, err := v.Secrets(ctx, project)
		if err != nil {
			return err
		}
		used := map[string][]vault.Reference{}
		if f.unused {
			if used, err = v.References(ctx, project); err != nil {
				return err
			}
		}
		for _, s := range secrets {
			if matches(globs, s.Name) && (!f.expired || s.Expired(now)) &&
				(f.older == "" || now.Sub(s.Updated) >= older) && (!f.unused || len(used[s.Name]) == 0) {
				found = append(found, s)
			}
		}
	}
	return a.printSecrets(found, f)
}

// openProjects opens the vault for reading and names the projects to look at:
// the chosen one, or all.
func (a *app) openProjects(ctx context.Context, all bool) ([]string, gate, error) {
	var project string
	var err error
	if !all {
		if project, err = a.projectName(); err != nil {
			return nil, nil, err
		}
	}
	v, err := a.openVault(ctx, forReading)
	if err != nil || !all {
		return []string{project}, v, err
	}
	projects, err := v.Projects(ctx)
	if err != nil {
		v.Close()
		return nil, nil, err
	}
	var names []string
	for _, p := range projects {
		names = append(names, p.Name)
	}
	return names, v, nil
}

func matches(globs []string, name string) bool {
	for _, g := range globs {
		if ok, err := path.Match(g, name); err == nil && ok {
			return true
		}
	}
	return len(globs) == 0
}

func (a *app) printSecrets(secrets []vault.Secret, f listFlags) error {
	switch {
	case a.json:
		items := make([]secretJSON, len(secrets))
		for i, s := range secrets {
			items[i] = toSecretJSON(s)
		}
		return writeJSONList(a.out, items)
	case f.names:
		w := bufio.NewWriterSize(a.out, 64<<10)
		for _, s := range secrets {
			_, _ = w.WriteString(s.Name) // Flush returns the first error
			_ = w.WriteByte('\n')
		}
		return w.Flush()
	}
	t := &table{header: []string{"NAME", "HINT", "DESCRIPTION", "UPDATED", "VERSION"}, flex: 2}
	if f.allProjects {
		t.header, t.flex = append([]string{"PROJECT"}, t.header...), 3
	}
	for _, s := range secrets {
		row := []string{s.Name, s.Hint, s.Description, localTime(s.Updated), strconv.FormatUint(s.Version, 10)}
		if f.allProjects {
			row = append([]string{s.Project}, row...)
		}
		t.add(row...)
	}
	if len(secrets) == 0 {
		a.note("no secrets")
		return nil
	}
	return a.draw(t)
}

// localTime is a time for people.
func localTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04")
}
