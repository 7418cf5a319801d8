package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tacenda/internal/vault"
)

// doubts warns of what may be wrong with the secrets in use; with --strict it is
// an error.
func (r *resolving) doubts(secrets []vault.Secret) error {
	expired, unsafe := r.expired(secrets), r.unsafe(secrets) // both are said
	return cmp.Or(expired, unsafe)
}

// mayUse refuses who may not use the project's secrets, before anything is said
// of the template.
func (r *resolving) mayUse(ctx context.Context) error {
	if !r.opens {
		return nil
	}
	none, err := r.v.Values(ctx, r.project, nil)
	if err == nil {
		none.Close()
	}
	return err
}

// listMissing lists every place of every name that is not in have, and counts
// them.
func (r *resolving) listMissing(have []string) (int, error) {
	total := 0
	for _, s := range r.sources {
		problems, err := s.template.Missing(have)
		if err != nil {
			return 0, fmt.Errorf("resolving %s: %w", s.name, err)
		}
		r.a.problems(problems, false)
		total += problems.Total
	}
	return total, nil
}

// refuseNear refuses near misses, and says first what else would be refused: who
// mends one thing should not meet the next only then.
func (r *resolving) refuseNear(ctx context.Context, near int) error {
	secrets, err := r.v.Secrets(ctx, r.project)
	if err != nil {
		return err
	}
	missing, err := r.listMissing(namesOf(secrets))
	if err != nil {
		return err
	}
	used := slices.DeleteFunc(secrets, func(s vault.Secret) bool { return !slices.Contains(r.names, s.Name) })
	_ = r.doubts(used) // said; the near misses are the error
	if missing > 0 {
		return failf(exitUnresolved, "resolving: near misses: %d; placeholders whose secret project %s does not have: %d", near, r.project, missing)
	}
	return failf(exitUnresolved, "resolving: near misses: %d", near)
}

// unsafe warns of every secret in use that a model is not meant to read.
func (r *resolving) unsafe(secrets []vault.Secret) error {
	if !r.forModel {
		return nil
	}
	var names []string
	for _, s := range secrets {
		if !s.LLMSafe {
			names = append(names, s.Name)
			r.a.line(fmt.Sprintf("WARNING: %s is not marked safe for the model, which reads what this instruction becomes", s.Name))
		}
	}
	if len(names) > 0 && r.flags.strict {
		return hinted(failf(exitUnresolved, "resolving: not marked safe for the model: %s; nothing was written", strings.Join(names, ", ")),
			"take it out of the instruction, or let the model read it: tacenda edit NAME --llm-safe")
	}
	return nil
}

// warnExpired warns of every one of the secrets that should have been replaced,
// and returns their names.
func (a *app) warnExpired(secrets []vault.Secret) []string {
	now := time.Now()
	var names []string
	for _, s := range secrets {
		if s.Expired(now) {
			names = append(names, s.Name)
			a.warn(fmt.Sprintf("%s expired on %s", s.Name, s.Expires.UTC().Format(time.DateOnly)))
		}
	}
	return names
}

// expired warns of every secret in use that should have been replaced.
func (r *resolving) expired(secrets []vault.Secret) error {
	names := r.a.warnExpired(secrets)
	if len(names) > 0 && r.flags.strict {
		return hinted(failf(exitUnresolved, "resolving: expired: %s", strings.Join(names, ", ")), "replace the value with tacenda edit")
	}
	return nil
}
