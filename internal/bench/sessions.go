package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// measureSessions opens interfaces on a bastion and reads what they cost its
// process, for projects of several sizes. The server takes 32 connections of one
// key, with eight sessions each; every session here has a connection of its own,
// as two people have.
func measureSessions(ctx context.Context, b *bench, g group) error {
	load := loadAverage()
	t := table{header: []string{"secrets", "sessions", "server without", "server with them", "each", "sessions in 1 GiB"}}
	for _, n := range []int{100, 1000, 10_000} {
		row, err := b.sessions(ctx, n, 32)
		if err != nil {
			return err
		}
		t.rows = append(t.rows, row)
	}
	t.about = fmt.Sprintf("%s: resident memory of the server with the interface open in each, load %s", g.about, load)
	return b.publish(g.name, t)
}

// sessions opens count interfaces on a vault of n secrets.
func (b *bench) sessions(ctx context.Context, n, count int) ([]string, error) {
	defer b.end()
	address, pid, err := b.bastion(ctx, n)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(b.path("ann"))
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, err
	}
	without, err := resident(pid)
	if err != nil {
		return nil, err
	}
	for range count {
		if err := b.openInterface(address, signer); err != nil {
			return nil, err
		}
	}
	time.Sleep(3 * time.Second) // for what loading left to be collected
	with, err := resident(pid)
	if err != nil {
		return nil, err
	}
	each := float64(with-without) / float64(count)
	return []string{
		strconv.Itoa(n), strconv.Itoa(count), mebibytes(float64(without)), mebibytes(float64(with)), mebibytes(each),
		fmt.Sprintf("%.0f", (1<<30-float64(without))/each),
	}, nil
}

// openInterface logs in and waits for the rows on the screen.
func (b *bench) openInterface(address string, signer ssh.Signer) error {
	client, err := ssh.Dial("tcp", address, &ssh.ClientConfig{
		User: "ann", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: 30 * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // the server is the one that was just started
	})
	if err != nil {
		return err
	}
	b.later(func() { _ = client.Close() })
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	in, err := session.StdinPipe() // kept open
	if err != nil {
		return err
	}
	b.later(func() { _ = in.Close() })
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	err = errors.Join(session.Setenv("LANG", "C.UTF-8"), session.RequestPty("xterm-256color", 24, 80, nil), session.Shell())
	if err != nil {
		return err
	}
	if err := readUntil(out, []byte(rowText)); err != nil {
		return err
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // it ends with the session
	return nil
}

// readUntil reads until text has come.
func readUntil(r io.Reader, text []byte) error {
	var seen []byte
	buf := make([]byte, 32<<10)
	for !bytes.Contains(seen, text) {
		n, err := r.Read(buf)
		if err != nil {
			return fmt.Errorf("waiting for %q on the screen: %w", text, err)
		}
		seen = append(seen, buf[:n]...)
	}
	return nil
}

// resident is the memory of a process that is in use now.
func resident(pid int) (int64, error) { return status(pid, "VmRSS:") }

// peak is the most that it was.
func peak(pid int) (int64, error) { return status(pid, "VmHWM:") }

// status reads a size, in bytes, of a process. Only Linux tells.
func status(pid int, field string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(data, []byte(field))
	words := bytes.Fields(rest)
	if !ok || len(words) == 0 {
		return 0, fmt.Errorf("the system does not say %s", field)
	}
	n, err := strconv.ParseInt(string(words[0]), 10, 64)
	return n << 10, err
}

func mebibytes(n float64) string { return digits(n/(1<<20)) + " MiB" }
