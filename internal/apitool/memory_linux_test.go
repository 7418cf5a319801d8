package apitool

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"tacenda/internal/leak"
	"tacenda/internal/memscan"
	"tacenda/internal/prooftest"
	"tacenda/keyring/secret"
)

// TestMain lets TestMemory run a call in a process of its own, whose memory can be searched from outside.
func TestMain(m *testing.M) {
	if definition := os.Getenv("APITOOL_TEST_CHILD"); definition != "" {
		if err := child(definition); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// guarded is one value in guarded memory.
type guarded struct{ value *secret.Bytes }

func (g guarded) Use(_ string, fn func([]byte) error) error { return g.value.Use(fn) }

// child reads a value, calls the tool with it, and stops for a line of input when the request was sent, and again when
// the call is over.
func child(definition string) error {
	in, err := os.Open("/dev/fd/3")
	if err != nil {
		return err
	}
	value, err := secret.ReadAll(in, 1<<10)
	if err != nil {
		return err
	}
	_ = in.Close()
	defer value.Destroy()
	finder, err := leak.New([]string{"SECRET"}, guarded{value})
	if err != nil {
		return err
	}
	defer finder.Close()
	tool, problems := Parse("t", []byte(definition))
	if tool == nil {
		return fmt.Errorf("%v", problems)
	}
	answer, err := (&Caller{Secrets: guarded{value}, Mask: finder}).Call(context.Background(), tool, nil)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(os.Stdin)
	wait := func(what string) {
		fmt.Println(what)
		_, _ = lines.ReadString('\n') // its end is an answer too
	}
	wait("answered")
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	answer = nil
	wait("closed")
	time.Sleep(100 * time.Millisecond) // the transport's goroutines end
	debug.FreeOSMemory()
	debug.FreeOSMemory() // the pools of net/http let go of what they hold at the second one
	wait("collected")
	return nil
}

// TestMemory counts the copies of a value that a call leaves: while it lasts, when it is closed, and after two
// collections in a process that overwrites what it frees: then there are none. docs/tools.md has the figures, without the
// one copy that is the value itself, in guarded memory.
func TestMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("searching the memory of another process takes root")
	}
	kinds := 0
	for _, protocol := range protocols {
		for where, place := range map[string]string{"url": "url: API/?k={{SECRET}}", "header": "url: API/\nheaders: {Authorization: 'Bearer {{SECRET}}'}", "body": "url: API/\nmethod: POST\nbody: {a: '{{SECRET}}'}"} {
			if protocol == "tls" && where != "header" {
				continue // as the others are
			}
			kinds++
			release := make(chan bool)
			s := serve(t, protocol, func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.WriteString(w, "begun")
				_ = http.NewResponseController(w).Flush()
				<-release
			})
			definition := strings.Replace(place, "API", s.URL, 1) + "\n" + s.trust(t)
			reports := measure(t, definition, func() { close(release) })
			const own, most = 1, 12 // twice of what was ever seen
			t.Logf("%-6s %-6s: %d copies while it lasts, %d when closed, %d when collected", protocol, where,
				len(reports[0].Copies)-own, len(reports[1].Copies)-own, len(reports[2].Copies)-own)
			if n := len(reports[2].Copies); n != own {
				t.Errorf("%s %s: %d copies are left\n%s", protocol, where, n-own, reports[2])
			}
			for _, r := range reports {
				if n := len(r.Copies); n < own || n > most {
					t.Errorf("%s %s: %d copies\n%s", protocol, where, n, r)
				}
			}
		}
	}
	prooftest.Cases(t, kinds, "kinds of request")
}

// measure runs a child and searches its memory at each of its stops.
func measure(t *testing.T, definition string, release func()) (reports []memscan.Report) {
	t.Helper()
	needle := []byte("sk-" + rand.Text() + rand.Text())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	// As the commands are that go on after a call.
	cmd.Env = append(os.Environ(), "APITOOL_TEST_CHILD="+definition, "GODEBUG=clobberfree=1,asyncpreemptoff=1")
	cmd.ExtraFiles = []*os.File{r}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if _, err := w.Write(needle); err != nil {
		t.Error(err)
	}
	_ = w.Close()
	stops := bufio.NewScanner(out)
	for stops.Scan() {
		report, err := memscan.Scan(cmd.Process.Pid, needle)
		if err != nil {
			t.Error(err)
		}
		reports = append(reports, report)
		if stops.Text() == "answered" {
			release()
		}
		_, _ = io.WriteString(in, "\n")
	}
	if err := cmd.Wait(); err != nil || len(reports) != 3 {
		t.Fatalf("%d stops, %v", len(reports), err)
	}
	return reports
}
