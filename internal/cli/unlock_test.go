package cli

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"tacenda/internal/agent"
)

// agentDirectory makes a runtime directory for a script, with a name that is
// short enough for sockets, and ends every agent in it with the script.
func agentDirectory(env *testscript.Env) (string, error) {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		return "", err
	}
	env.Defer(func() {
		if err := endAgents(filepath.Join(dir, "tacenda")); err != nil {
			env.T().Log("ending agents: ", err)
		}
		if err := os.RemoveAll(dir); err != nil { // whoever is left ends with this
			env.T().Log(err)
		}
	})
	return dir, nil
}

// endAgents ends the processes behind the sockets in dir, by their ids where the
// system tells them.
func endAgents(dir string) error {
	sockets, err := agent.Sockets(dir)
	if err != nil {
		return err
	}
	for _, socket := range sockets {
		if pid := listener(socket); pid > 1 && pid != os.Getpid() {
			p, err := os.FindProcess(pid)
			if err == nil {
				err = p.Kill()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// agentPID puts the process of the script's only agent into $AGENT and its
// socket into $SOCKET. With ! there must be none.
func agentPID(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 0 {
		ts.Fatalf("usage: agent-pid")
	}
	sockets, err := agent.Sockets(filepath.Join(ts.Getenv("XDG_RUNTIME_DIR"), "tacenda"))
	ts.Check(err)
	var pids []int
	for _, s := range sockets {
		if pid := listener(s); pid != 0 {
			pids = append(pids, pid)
			ts.Setenv("SOCKET", s)
			ts.Setenv("AGENT", strconv.Itoa(pid))
		}
	}
	if neg && len(pids) != 0 || !neg && len(pids) != 1 {
		ts.Fatalf("%d agents run", len(pids))
	}
}
