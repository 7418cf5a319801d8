package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"tacenda/internal/vault"
)

// version is set by release builds: -ldflags "-X tacenda/internal/cli.version=1.2.3".
var version = "dev"

// versionJSON is what this program is.
type versionJSON struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	System  string `json:"system"`
	Format  int    `json:"vault_format"`
	Secrets bool   `json:"runtime_secret"` // built with the runtime's secret mode
}

func versionInfo() versionJSON {
	v := versionJSON{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Format: vault.FormatVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if strings.HasPrefix(info.Main.Version, "v") && version == "dev" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "GOEXPERIMENT":
			v.Secrets = strings.Contains(s.Value, "runtimesecret")
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Long:    "Print the version of this program, how it was built and the vault format it writes.",
		Example: "  tacenda version --json",
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo()
			if a.json {
				return writeJSON(a.out, v)
			}
			_, err := io.WriteString(a.out, fmt.Sprintf("tacenda %s (%s, %s, vault format %d)\n", v.Version, v.Go, v.System, v.Format))
			return err
		},
	}
	a.jsonFlag(c)
	return c
}
