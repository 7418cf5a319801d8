package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell",
		Long: `Print the script that makes a shell complete commands and options. Names of
projects and secrets are not completed: that would open the vault at every tab.`,
		Example: `  source <(tacenda completion bash)
  tacenda completion zsh > "${fpath[1]}/_tacenda"
  tacenda completion fish > ~/.config/fish/completions/tacenda.fish`,
		Args:      exactly(1, "one shell: bash, zsh, fish or powershell"),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usagef("completion: %q is not a shell that is known here: bash, zsh, fish or powershell", args[0])
		},
	}
}
