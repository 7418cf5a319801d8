package vault_test

import (
	"strings"
	"testing"
	"time"

	"tacenda/internal/prooftest"
	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/store"
)

// TestClockSetBack writes on a machine whose clock jumps, to before the epoch too:
// versions, histories and the memory of what was seen go by counters, so nothing is
// refused, lost or taken for older, and times are what the clock said.
func TestClockSetBack(t *testing.T) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	e, key, o := store.NewMem(), vaulttest.NewKey(t), vault.Options{State: t.TempDir(), Now: func() time.Time { return now }}
	v := vaulttest.On(t, e, key, o)
	expires := now.Add(24 * time.Hour)
	if _, err := v.CreateSecret(ctx, project, vault.Draft{Name: "A", Value: vaulttest.Value(t, "0"), Expires: expires}); err != nil {
		t.Fatal(err)
	}
	var clocks []time.Time
	for _, clock := range []string{"2020-01-01", "1970-01-01", "1901-01-01", "2026-11-24", "2090-01-01", "2026-11-25"} {
		at, err := time.Parse(time.DateOnly, clock)
		if err != nil {
			t.Fatal(err)
		}
		clocks, now = append(clocks, at), at
		w, err := vault.Open(ctx, vaulttest.Shared(e), key.Openers(t), o) // what this machine saw was from later
		if err != nil {
			t.Fatalf("%s: %v", clock, err)
		}
		value := strings.Repeat("v", len(clocks))
		s, err := w.EditSecret(ctx, project, "A", vault.Edit{Value: vaulttest.Value(t, value)})
		if err != nil || s.Version != uint64(len(clocks)+1) {
			t.Fatalf("%s: version %d, %v", clock, s.Version, err)
		}
		if err := w.Rotate(ctx, nil); err != nil {
			t.Errorf("%s: %v", clock, err)
		}
		got, err := w.Secret(ctx, project, "A")
		if err != nil || !got.Updated.Equal(at) && at.Unix() != 0 || !got.Expires.Equal(expires) || got.Expired(now) != now.After(expires) {
			t.Errorf("%s: updated %v, expires %v, expired %t, %v", clock, got.Updated, got.Expires, got.Expired(now), err)
		}
		wantValue(t, w, project, "A", value)
		wantClean(t, w)
		events, err := w.Events(ctx, project)
		if err != nil || len(events) < len(clocks) {
			t.Fatalf("%s: %d events, %v", clock, len(events), err)
		}
		w.Close()
	}
	prooftest.Cases(t, len(clocks), "jumps of the clock")
}
