package agent

import (
	"encoding/json"
	"errors"
	"os"

	"tacenda/internal/vault"
)

// AskWithoutListening asks for a value and does not read the answer.
func AskWithoutListening(c *Client, v vault.Values) error {
	r, ok := v.(*remoteValues)
	if !ok || r.open == 0 {
		return errors.New("the agent has nothing left to send")
	}
	return writeFrame(c.net, &request{Op: "use", Open: r.open}, nil)
}

// AskAndLeave asks for a project and closes the connection.
func AskAndLeave(c *Client, name string) error {
	err := writeFrame(c.net, &request{Op: "CreateProject", Name: name}, nil)
	c.drop()
	return err
}

// HelloFor is the header of a client that means the file at path.
func HelloFor(path string) string {
	at, _ := fileOf(path, os.Stat)
	b, err := json.Marshal(&request{Op: "hello", Hello: &hello{Version: protocolVersion, Device: at.device, Inode: at.inode}})
	if err != nil {
		panic(err)
	}
	return string(b)
}
