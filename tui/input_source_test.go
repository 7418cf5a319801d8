package tui

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An SSH session is a stream: what it says goes through a pipe.
func TestStreamSource(t *testing.T) {
	session, client := io.Pipe()
	r, err := newSecretReader(session)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	go func() { _, _ = client.Write([]byte("a\x1b[B")); _ = client.Close() }()
	var got []string
	for {
		var p [4096]byte
		if !r.src.ready(time.Second) {
			t.Fatal("nothing comes")
		}
		n, err := r.Read(p[:])
		if err == errTerminalGone {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			got = append(got, markPattern.ReplaceAllString(string(p[:n]), ""))
			r.cameOut(markSeen)
		}
	}
	if diff := cmp.Diff([]string{"a", "\x1b[B"}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if _, err := r.Write([]byte("x")); err == nil {
		t.Error("a stream that can only be read is written to")
	}
}

// A reader that is closed lets go of its stream with the next byte of it.
func TestStreamSourceCloses(t *testing.T) {
	session, client := io.Pipe()
	r, err := newSecretReader(session)
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // the pump reads no more once it has ended
		defer close(done)
		_, _ = client.Write([]byte("y"))
	}()
	select {
	case <-done:
		t.Error("the stream is still read")
	case <-time.After(50 * time.Millisecond):
	}
	_ = session.Close()
	<-done
}
