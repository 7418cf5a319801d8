package memscan

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// ScanChild starts cmd, gives it input on its standard input, searches it for needle
// once it says the line "ready", and lets it end. Until then the child waits for the
// end of its descriptor 3. An error that is os.ErrPermission says that searching it
// takes root.
func ScanChild(cmd *exec.Cmd, input, needle []byte) (Report, error) {
	wait, end, err := os.Pipe()
	if err != nil {
		return Report{}, err
	}
	defer end.Close()
	defer wait.Close()
	cmd.ExtraFiles = []*os.File{wait}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return Report{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Report{}, err
	}
	if err := cmd.Start(); err != nil {
		return Report{}, err
	}
	report, err := scanReady(cmd.Process.Pid, bufio.NewReader(stdout), needle, func() error {
		_, err := stdin.Write(input)
		return errors.Join(err, stdin.Close())
	})
	_ = end.Close()
	return report, errors.Join(err, cmd.Wait())
}

func scanReady(pid int, said *bufio.Reader, needle []byte, give func() error) (Report, error) {
	if err := give(); err != nil {
		return Report{}, err
	}
	if line, err := said.ReadString('\n'); err != nil || line != "ready\n" {
		return Report{}, fmt.Errorf("the child says %q: %w", line, err)
	}
	return Scan(pid, needle)
}
