package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tacenda/internal/plain"
	"tacenda/internal/vault"
)

// useJSON is one place where a secret is used.
type useJSON struct {
	Kind  string `json:"kind"` // tool, instruction or file
	Name  string `json:"name"`
	Where string `json:"where"` // line:column, from 1
}

func toUseJSON(r vault.Reference) useJSON {
	return useJSON{r.Kind, r.Name, fmt.Sprintf("%d:%d", r.Line, r.Column)}
}

// String is "tool charge:3:26", or for a file as compilers write it.
func (u useJSON) String() string {
	place := plain.String(u.Name) + ":" + u.Where
	if u.Kind == "file" {
		return place
	}
	return u.Kind + " " + place
}

func (a *app) showCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show NAME",
		Long: `Show what is known of one secret: its hint, description, history and flags, and
which tools and instructions use it. Never its value: no command shows that.`,
		Example: "  tacenda show API_KEY\n  tacenda show API_KEY --json",
		Args:    exactly(1, "one NAME"),
		RunE:    func(c *cobra.Command, args []string) error { return a.show(c.Context(), args[0]) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) show(ctx context.Context, name string) error {
	if err := checkSecretName(name); err != nil {
		return err
	}
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	s, err := v.Secret(ctx, project, name)
	if err != nil {
		return err
	}
	used, err := v.References(ctx, project)
	if err != nil {
		return err
	}
	if !a.json {
		return a.printSecret(s, used[name])
	}
	uses := []useJSON{}
	for _, r := range used[name] {
		uses = append(uses, toUseJSON(r))
	}
	return writeJSON(a.out, struct {
		secretJSON
		UsedBy []useJSON `json:"used_by"`
	}{toSecretJSON(s), uses})
}

func (a *app) printSecret(s vault.Secret, used []vault.Reference) error {
	var b strings.Builder
	field := func(name, value string) {
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(&b, "%-13s %s\n", name, a.glyphs(a.out, plain.String(value)))
	}
	expires := "never"
	if !s.Expires.IsZero() {
		expires = localTime(s.Expires)
	}
	if s.Expired(time.Now()) {
		expires += " (expired)"
	}
	hosts := "any"
	if len(s.AllowedHosts) > 0 {
		hosts = strings.Join(s.AllowedHosts, ", ")
	}
	safe := "no"
	if s.LLMSafe {
		safe = "yes"
	}
	field("name", s.Name)
	field("project", s.Project)
	field("hint", s.Hint)
	field("description", s.Description)
	field("version", strconv.FormatUint(s.Version, 10))
	field("created", localTime(s.Created))
	field("updated", localTime(s.Updated))
	field("author", s.Author)
	field("expires", expires)
	field("allowed hosts", hosts)
	field("llm safe", safe)
	if len(used) == 0 {
		field("used by", "no tool, no instruction")
	}
	for _, r := range used {
		field("used by", toUseJSON(r).String())
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}
