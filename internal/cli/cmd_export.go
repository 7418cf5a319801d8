package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export",
		Long: `Write one NAME={{NAME}} line for every secret of the project: a template of a .env
file, which tacenda resolve fills. No value is opened for it.`,
		Example: `  tacenda -p web export > web.env.tmpl
  tacenda -p web resolve web.env.tmpl -o .env`,
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.export(c.Context()) },
	}
}

func (a *app) export(ctx context.Context) error {
	project, v, err := a.openProject(ctx, forReading)
	if err != nil {
		return err
	}
	defer v.Close()
	secrets, err := v.Secrets(ctx, project)
	if err != nil {
		return err
	}
	if len(secrets) == 0 {
		a.note("no secrets")
	}
	var out bytes.Buffer
	for _, s := range secrets {
		out.WriteString(s.Name + "={{" + s.Name + "}}\n")
	}
	_, err = io.Copy(a.out, &out)
	return err
}
