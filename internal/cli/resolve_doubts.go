package cli

import (
	"cmp"
	"fmt"
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
