package tui

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// many is a stage with n secrets, for the figures of docs/performance.md.
func many(b testing.TB, n int) *stage {
	b.Helper()
	s := newStage(b, 80, 24)
	value, err := secret.Move([]byte("0123456789012345678901234567"))
	s.check(err)
	defer value.Destroy()
	drafts := make([]vault.Draft, n)
	for i := range drafts {
		drafts[i] = vault.Draft{Name: fmt.Sprintf("SERVICE_%06d_KEY", i), Value: value, Description: fmt.Sprintf("key of service %d", i)}
	}
	_, err = s.v.ImportSecrets(context.Background(), "default", drafts, vault.ImportStrict)
	s.check(err)
	s.wait(time.Second)
	if got := len(s.u.data.rows.secrets); got != n {
		b.Fatalf("%d secrets are listed", got)
	}
	return s
}

func press1(s *stage, msg tea.KeyPressMsg) {
	s.m.Update(msg)
	s.m.View()
}

// A key press in a list of 100,000: Update and View, below 0.5 ms.
func BenchmarkKey(b *testing.B) {
	s := many(b, 100_000)
	for _, size := range [][2]int{{80, 24}, {140, 40}} {
		s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, name := range []string{"j", "pgdown", "G"} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, size[0], size[1]), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					k := key(name)
					if name == "G" && i%2 == 1 {
						k = key("g")
					}
					press1(s, k)
				}
			})
		}
	}
}

// A keystroke in the filter over 100,000, below 8 ms: one that all rows hold,
// some, and none.
func BenchmarkFilterKey(b *testing.B) {
	s := many(b, 100_000)
	for _, sorted := range []string{"name", "updated"} {
		if sorted == "updated" {
			s.keys("s")
		}
		for _, text := range []string{"e", "99", "zzz", "service key"} {
			b.Run(text+"/by "+sorted, func(b *testing.B) {
				list := s.m.sections[0].(*secretsScreen)
				s.keys("/")
				s.text(text[:len(text)-1])
				last := key(text[len(text)-1:])
				b.ResetTimer()
				for range b.N {
					press1(s, last)
					b.StopTimer()
					list.filter.set(text[:len(text)-1])
					b.StartTimer()
				}
				b.StopTimer()
				s.keys("esc")
			})
		}
	}
}

// The memory that 100,000 secrets take in the interface, once loaded.
func BenchmarkRowsMemory(b *testing.B) {
	s := many(b, 100_000)
	var before, after runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		secrets, err := s.v.Secrets(context.Background(), "default")
		s.check(err)
		r := newRows(secrets, nil)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(r)
	}
}
