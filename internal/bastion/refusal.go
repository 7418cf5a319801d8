package bastion

import (
	"slices"
	"strings"

	gossh "golang.org/x/crypto/ssh"
)

// What SSH knows and is never served, by the names that it has there. A log has
// these names and no other: what a peer calls something is text of its own.
var (
	refusedChannels = []string{
		"direct-tcpip", "forwarded-tcpip", "direct-streamlocal@openssh.com", "forwarded-streamlocal@openssh.com",
		"tun@openssh.com", "x11", "auth-agent@openssh.com", "session",
	}
	refusedRequests = []string{
		"tcpip-forward", "cancel-tcpip-forward", "streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com",
		"auth-agent-req@openssh.com", "x11-req", "pty-req", "exec", "shell",
	}
	refusedSubsystems = []string{"sftp", "netconf"}
)

// harmlessRequests ask for nothing, or for how a program is run: that they are not
// known here is an answer, and no denial.
var harmlessRequests = []string{
	"env", "signal", "break", "xon-xoff", "eow@openssh.com", "no-more-sessions@openssh.com",
	"winadj@putty.projects.tartarus.org", "simple@putty.projects.tartarus.org",
}

// kindOf names what was refused: "channel direct-tcpip", "unknown channel".
func kindOf(what, name string, known []string) string {
	if !slices.Contains(known, name) {
		return "unknown " + what
	}
	name, _, _ = strings.Cut(name, "@")
	return what + " " + name
}

// refuse tells of what this connection was refused, the first time for each kind:
// whoever asks without end must not fill a log. Whoever calls it answers the peer
// after that, so that a refusal that was heard is one that was told.
func (c *connection) refuse(kind string) {
	c.mu.Lock()
	known := slices.Contains(c.refused, kind)
	if !known {
		c.refused = append(c.refused, kind)
	}
	c.mu.Unlock()
	if !known {
		c.server.cfg.Log.Warn("refused", "member", c.id.Member, "key", c.id.Fingerprint, "remote", c.remote, "what", kind)
		c.server.cfg.Refused(c.id, c.remote, kind)
	}
}

// refuseChannel answers that a channel is not opened.
func (c *connection) refuseChannel(channel gossh.NewChannel, why gossh.RejectionReason, says string) {
	c.refuse(kindOf("channel", channel.ChannelType(), refusedChannels))
	_ = channel.Reject(why, says)
}

// refuseRequest answers that a request, of a connection or of a session, is not
// granted.
func (c *connection) refuseRequest(q *gossh.Request) {
	switch {
	case q.Type == "subsystem":
		var v struct{ Name string }
		_ = gossh.Unmarshal(q.Payload, &v) // without a name it is an unknown one
		c.refuse(kindOf("subsystem", v.Name, refusedSubsystems))
	case slices.Contains(harmlessRequests, q.Type), strings.HasPrefix(q.Type, "keepalive@"):
	default:
		c.refuse(kindOf("request", q.Type, refusedRequests))
	}
	_ = q.Reply(false, nil)
}

// refuseRequests answers the requests of a connection, which all ask for
// forwarding of some kind, until it ends.
func (c *connection) refuseRequests(requests <-chan *gossh.Request) {
	for q := range requests {
		c.refuseRequest(q)
	}
}
