package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describe asks the system. What it does not tell is said to be unknown.
func describe(ctx context.Context) (place, error) {
	p := place{when: time.Now(), goVersion: runtime.Version(), processors: runtime.NumCPU(), root: os.Geteuid() == 0}
	p.kernel, p.processor, p.memory, p.fileSystem, p.commit = "unknown", "unknown", "unknown", "unknown", "unknown"
	p.askSystem()
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err == nil {
		p.commit = strings.TrimSpace(string(out))
		if out, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err != nil || len(out) > 0 {
			p.commit += " with changes"
		}
	}
	return p, ctx.Err()
}
