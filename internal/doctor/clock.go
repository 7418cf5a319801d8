package doctor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// slack is how far two clocks of one machine may differ: file systems keep
	// coarse times, and a network server stamps files by its own clock.
	slack = 5 * time.Minute
	// rtcSlack allows a hardware clock in local time (up to UTC+14) and a day's
	// drift; it finds a dead battery and a clock set wrong by days.
	rtcSlack = 38 * time.Hour
)

// written is when this check was: no machine runs it earlier.
var written = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

const clockFix = "set the clock, and keep it right: timedatectl set-ntp true"

// clock tells whether expiry dates and the times in the audit can be believed.
func (m *Machine) clock() Check {
	const day = "2006-01-02 15:04 MST"
	floor := written
	if m.Built.After(floor) {
		floor = m.Built
	}
	if m.Now.Before(floor) {
		return fail(clockFix, "the clock says %s, before this program was built: expiry dates and audit times are wrong", m.Now.UTC().Format(day))
	}
	if rtc, found := m.hardwareClock(); found {
		if d := m.Now.Sub(rtc).Abs(); d > rtcSlack {
			return warn(clockFix+"; then hwclock --systohc", "the clock says %s, the hardware clock %s", m.Now.UTC().Format(day), rtc.UTC().Format(day))
		}
	}
	for _, path := range m.dated() {
		fi, err := os.Lstat(path)
		if err == nil && fi.ModTime().Sub(m.Now) > slack {
			return warn(clockFix, "%s was changed in the future (%s): the clock is behind, or was ahead", path, fi.ModTime().UTC().Format(day))
		}
	}
	return ok("%s, and nothing contradicts it", m.Now.UTC().Format(day))
}

// hardwareClock is false where the kernel shows none: containers, many virtual
// machines, other systems than Linux.
func (m *Machine) hardwareClock() (time.Time, bool) {
	text, err := m.read("sys/class/rtc/rtc0/since_epoch")
	if err != nil {
		return time.Time{}, false
	}
	s, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return time.Unix(s, 0), err == nil
}

// dated are the files that we wrote ourselves.
func (m *Machine) dated() []string {
	var files []string
	if m.Vault != "" {
		files = append(files, m.Vault)
	}
	if m.State != "" {
		inside, _ := filepath.Glob(filepath.Join(m.State, "*")) // fails only on a bad pattern: then none
		files = append(files, inside...)
	}
	return files
}

// maxProc is more than any file of proc and sys that is read here.
const maxProc = 1 << 20

// read returns a file of proc or sys.
func (m *Machine) read(path string) (string, error) {
	f, err := os.Open(filepath.Join("/", m.Root, path))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	p := make([]byte, 0, 4096)
	for len(p) < maxProc {
		p = append(p, make([]byte, 4096)...)
		n, err := f.Read(p[len(p)-4096:])
		p = p[:len(p)-4096+n]
		if err != nil {
			break
		}
	}
	return string(p), nil
}
