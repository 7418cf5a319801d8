//go:build unix

package cli

import (
	"fmt"
	"testing"
	"time"
)

// A client that is cut off in the middle of a value: the library that reads
// says "end of input" to that too, and half a value was stored.
func TestServeCutInput(t *testing.T) {
	b := startBastion(t, nil)
	for i := range 25 {
		c := b.dial("all")
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("CUT%d", i)
		if err := s.Start("create " + name + " --value-file - -p own"); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte("half of a val")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // so that it is being read
		_ = c.Close()
	}
	c := b.dial("all")
	defer c.Close()
	for i := range 25 {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(fmt.Sprintf("show CUT%d -p own", i)); err == nil {
			t.Errorf("half a value was stored as CUT%d", i)
		}
	}
}
