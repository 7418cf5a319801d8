package bastion

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many segments of what c sent the other kernel has not
// confirmed.
func unacknowledged(t *testing.T, c *net.TCPConn) (n uint32) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Error(err)
			return
		}
		n = info.Unacked
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLoginIsAcknowledged says something that is not answered, as clients do while
// they log in and have to wait for the acknowledgement before they go on: it comes
// at once, and not after the 40 ms that the kernel allows itself. It is counted and
// not timed; a loaded machine may spoil some rounds of thirty.
func TestLoginIsAcknowledged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Idle: time.Minute}
	g := &guest{Conn: accepted, door: newDoor(&cfg)}
	defer g.Close()
	client := dialled.(*net.TCPConn)
	buf := make([]byte, 64)
	const rounds = 30
	atOnce := func() (n int) {
		t.Helper()
		for range rounds {
			for range 2 { // a conversation is what puts acknowledgements off
				for _, way := range [][2]net.Conn{{client, g.Conn}, {g.Conn, client}} {
					if _, err := way[0].Write(buf[:8]); err != nil {
						t.Fatal(err)
					}
					if _, err := way[1].Read(buf); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := client.Write(buf[:8]); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Read(buf); err != nil {
				t.Fatal(err)
			}
			for try := 0; try < 5 && unacknowledged(t, client) > 0; try++ {
				time.Sleep(time.Millisecond)
			}
			if unacknowledged(t, client) == 0 {
				n++
			}
		}
		return n
	}
	if n := atOnce(); n <= rounds/2 {
		t.Errorf("before the login %d of %d are acknowledged at once", n, rounds)
	}
	g.inside, g.last = true, time.Now().Add(time.Minute)
	if n := atOnce(); n > rounds/2 {
		t.Skipf("this kernel acknowledges %d of %d at once by itself", n, rounds)
	}
}
