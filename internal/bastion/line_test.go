package bastion

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// comesFrom is a connection from an address.
type comesFrom struct {
	net.Conn
	address net.Addr
}

func (c comesFrom) RemoteAddr() net.Addr { return c.address }

// A lineTest is a door with a clock that a test moves.
type lineTest struct {
	*door
	t     *testing.T
	clock time.Time
}

func newLineTest(t *testing.T) *lineTest {
	cfg := &Config{Log: slog.New(slog.DiscardHandler), Login: time.Minute, Unauthenticated: 10, Connections: 64}
	l := &lineTest{door: newDoor(cfg), t: t, clock: time.Now()}
	l.now = func() time.Time { return l.clock }
	return l
}

// come joins n connections of an address.
func (l *lineTest) come(n int, from string) {
	for range n {
		ours, theirs := net.Pipe()
		l.t.Cleanup(func() { _ = theirs.Close() })
		l.join(comesFrom{ours, &net.TCPAddr{IP: net.ParseIP(from), Port: 1}})
	}
}

// picked leads everybody to the door who may go there now, and says who that was.
func (l *lineTest) picked() map[string]int {
	who := map[string]int{}
	for {
		g, away, _ := l.pick()
		for _, out := range away {
			l.send(out)
		}
		if g == nil {
			return who
		}
		g.spoke.Store(true)
		who[g.prefix.Addr().String()]++
	}
}

// A stranger with any number of connections, which begin to talk and go on with
// nothing, costs a member the time of one login, and no login that is under way.
func TestAddressesTakeTurns(t *testing.T) {
	l := newLineTest(t)
	l.come(300, "192.0.2.1")
	if who := l.picked(); who["192.0.2.1"] != 10 || len(who) != 1 {
		t.Fatalf("at first: %v", who)
	}
	l.come(2, "2001:db8::1")
	l.come(1, "2001:db8::ffff:1") // a neighbour
	l.come(1, "192.0.2.2")
	if who := l.picked(); len(who) != 0 {
		t.Fatalf("nobody had their time yet, and there went %v", who)
	}
	l.clock = l.clock.Add(talkingTime)
	who := l.picked()
	if who["2001:db8::"] != 3 || who["192.0.2.2"] != 1 || who["192.0.2.1"] != 6 {
		t.Fatalf("when the first had their time: %v", who)
	}
	l.come(20, "192.0.2.1")
	l.clock = l.clock.Add(talkingTime - 1) // the members of before are slow
	l.come(1, "192.0.2.3")
	l.clock = l.clock.Add(1)
	if l.picked(); countOf(l.waiting)[neighbours(&net.TCPAddr{IP: net.ParseIP("192.0.2.2")})] != 1 {
		t.Error("who came with one connection went for one who came with hundreds")
	}
	if n := len(l.waiting); n != 10 {
		t.Errorf("%d before the door", n)
	}
}

// The line is bounded, and whoever fills it loses their own places.
func TestLineIsBounded(t *testing.T) {
	l := newLineTest(t)
	l.come(1, "192.0.2.2")
	l.come(3*maxLine, "192.0.2.1")
	l.come(1, "192.0.2.3")
	if len(l.line) != maxLine {
		t.Errorf("%d in the line", len(l.line))
	}
	if who := l.picked(); who["192.0.2.2"] != 1 || who["192.0.2.3"] != 1 {
		t.Errorf("others lost their places: %v", who)
	}
	l.clock = l.clock.Add(l.cfg.Login + 1)
	if l.picked(); len(l.line) != 0 {
		t.Errorf("%d in the line, whose time to log in is over", len(l.line))
	}
}

// One member with many connections leaves half of the room to the others.
func TestOneKeyTakesHalf(t *testing.T) {
	p := start(t, say, func(c *Config) {
		c.Connections = 4
		c.Authenticate = func(key string) (Identity, bool) { return Identity{Member: key}, true }
	})
	enter := func(key gossh.Signer) error {
		c, err := gossh.Dial("tcp", p.addr, clientConfig(gossh.PublicKeys(key)))
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = c.Close() })
		_, err = c.NewSession()
		return err
	}
	for range 2 {
		if err := enter(p.key); err != nil {
			t.Fatal(err)
		}
	}
	if enter(p.key) == nil {
		t.Error("one key has three connections of four")
	}
	eve, err := readHostKey(filepath.Join(p.dir, "eve"))
	if err != nil {
		t.Fatal(err)
	}
	if err := enter(eve); err != nil {
		t.Error("another key is kept out:", err)
	}
}
