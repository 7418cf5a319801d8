package vault_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"tacenda/internal/vault"
	"tacenda/internal/vaulttest"
	"tacenda/keyring"
	"tacenda/keyring/secret"
	"tacenda/store"
)

// filled is a vault of n secrets in a bbolt file.
func filled(b *testing.B, n int) *vault.Vault {
	b.Helper()
	path := filepath.Join(b.TempDir(), "vault.db")
	k := vaulttest.NewKey(b)
	create := func(fill func(store.Tx) error) (store.Engine, error) {
		return store.CreateBolt(context.Background(), path, store.BoltOptions{}, fill)
	}
	v, err := vault.Create(ctx, create, k.Slots, project, vault.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(v.Close)
	if n > 0 {
		if _, err := v.ImportSecrets(ctx, project, drafts(n), vault.ImportStrict); err != nil {
			b.Fatal(err)
		}
	}
	return v
}

func drafts(n int) []vault.Draft {
	out := make([]vault.Draft, n)
	for i := range out {
		out[i] = vault.Draft{
			Name: fmt.Sprintf("SERVICE_%06d_TOKEN", i), Value: bytesValue(fmt.Sprintf("sk-live-%040d", i)),
			Description: "token of a service",
		}
	}
	return out
}

// BenchmarkImport is to be read against BenchmarkSealing, which is in
// bench_internal_test.go.
func BenchmarkImport(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ds := drafts(n)
			for b.Loop() {
				b.StopTimer()
				v := filled(b, 0)
				b.StartTimer()
				if _, err := v.ImportSecrets(ctx, project, ds, vault.ImportStrict); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/secret")
		})
	}
}

// BenchmarkList is to be read against BenchmarkOpening.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := filled(b, n)
			for b.Loop() {
				if got, err := v.Secrets(ctx, project); err != nil || len(got) != n {
					b.Fatal(len(got), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/secret")
		})
	}
}

func BenchmarkOpening(b *testing.B) {
	const n = 100_000
	key, err := secret.Random(keyring.KeySize)
	if err != nil {
		b.Fatal(err)
	}
	defer key.Destroy()
	s, err := keyring.NewSealer(key, "bench")
	if err != nil {
		b.Fatal(err)
	}
	aad := make([]byte, 120)
	sealed := make([][]byte, n)
	for i := range sealed {
		sealed[i] = s.Seal(nil, aad, make([]byte, 256))
	}
	var out []byte
	for b.Loop() {
		for _, c := range sealed {
			if out, err = s.Open(out[:0], aad, c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/secret")
}

// BenchmarkValues opens every value of a project, as call, run and redact do;
// it is to be read against BenchmarkOpening.
func BenchmarkValues(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := filled(b, n)
			list, err := v.Secrets(ctx, project)
			if err != nil {
				b.Fatal(err)
			}
			names := make([]string, len(list))
			for i, s := range list {
				names[i] = s.Name
			}
			for b.Loop() {
				useAll(b, v, names)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/secret")
		})
	}
}

// useAll opens values, and uses each.
func useAll(b *testing.B, v *vault.Vault, names []string) {
	b.Helper()
	x, err := v.Values(ctx, project, names)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	for _, name := range names {
		if err := x.Use(name, func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreate is one durable create; read it against store's BenchmarkFdatasync4K.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := filled(b, n)
			i := 0
			for b.Loop() {
				d := vault.Draft{Name: fmt.Sprintf("NEW_%d", i), Value: bytesValue("a value of some length")}
				if _, err := v.CreateSecret(ctx, project, d); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkResolveThree(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := filled(b, n)
			names := []string{"SERVICE_000001_TOKEN", "SERVICE_000500_TOKEN", "SERVICE_000999_TOKEN"}
			for b.Loop() {
				useAll(b, v, names)
			}
		})
	}
}

// BenchmarkRevoke is to be read against BenchmarkSealing and BenchmarkFdatasync4K:
// everything is opened, sealed anew and written in one durable transaction, and
// what it replaces is scrubbed.
func BenchmarkRevoke(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := filled(b, n)
			for i := range 5 {
				if _, err := v.AddMember(ctx, fmt.Sprintf("m%d", i), vaulttest.NewKey(b).Recipient); err != nil {
					b.Fatal(err)
				}
				if _, err := v.Grant(ctx, fmt.Sprintf("m%d", i), project, vault.PermRead|vault.PermUse, false, nil); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if lost, err := v.Revoke(ctx, "m0", project, nil); err != nil || len(lost) != n {
					b.Fatal(len(lost), err)
				}
				b.StopTimer()
				if _, err := v.Grant(ctx, "m0", project, vault.PermRead|vault.PermUse, false, nil); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/secret")
		})
	}
}

// BenchmarkMemberOpens is BenchmarkResolveThree for a member, whose grant is
// opened anew by each process.
func BenchmarkMemberOpens(b *testing.B) {
	for _, projects := range []int{1, 20} {
		b.Run(fmt.Sprint(projects), func(b *testing.B) {
			x := newTeam(b, "ann")
			for i := range projects {
				if i > 0 {
					if err := x.v.CreateProject(ctx, fmt.Sprintf("p%d", i)); err != nil {
						b.Fatal(err)
					}
					x.grant(b, "ann", fmt.Sprintf("p%d", i), use)
				}
			}
			x.grant(b, "ann", project, use)
			vaulttest.Put(b, x.v, project, "A", "a")
			last := project
			if projects > 1 {
				last = fmt.Sprintf("p%d", projects-1)
				vaulttest.Put(b, x.v, last, "A", "a")
			}
			for b.Loop() {
				v := x.openAs(b, "ann", vault.Options{})
				if _, err := vaulttest.Get(v, last, "A"); err != nil {
					b.Fatal(err)
				}
				v.Close()
			}
		})
	}
}
