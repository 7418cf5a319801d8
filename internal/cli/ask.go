package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tacenda/internal/prompt"
	"tacenda/internal/vault"
	"tacenda/keyring/secret"
)

// hasTerminal tells whether somebody can be asked. It is no small question: a
// terminal is opened for it, so the answer is kept.
func (a *app) hasTerminal() bool {
	if a.unattended {
		return false
	}
	if a.asks == nil {
		available := prompt.Available()
		a.asks = &available
	}
	return *a.asks
}

// explainPrompt adds what to do when an answer was none.
func explainPrompt(err error, instead string) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("nothing was entered")
	case errors.Is(err, prompt.ErrMismatch):
		return hinted(errors.New("the two answers differ, nothing was changed"), "try again")
	case errors.Is(err, prompt.ErrSeveralLines):
		return hinted(usagef("%w", err), "use "+instead)
	case errors.Is(err, secret.ErrTooLarge):
		return hinted(usagef("%w", err), "use "+instead)
	}
	return err
}

// newPassphrase asks for a passphrase that the vault will open with.
func (a *app) newPassphrase(ctx context.Context, instead string) (*secret.Bytes, error) {
	pass, err := prompt.SecretTwice(ctx, "New passphrase", maxPassphrase)
	if err != nil {
		return nil, explainPrompt(err, instead)
	}
	if pass.Len() == 0 {
		pass.Destroy()
		return nil, usagef("a passphrase must not be empty")
	}
	return pass, nil
}

// promptValue asks for the value of a new secret.
func (a *app) promptValue(ctx context.Context, name string) (*secret.Bytes, error) {
	value, err := prompt.SecretTwice(ctx, "Value of "+name, vault.MaxValue)
	if err != nil {
		return nil, explainPrompt(err, "--value-file FILE")
	}
	if err := vault.CheckValue(value.Len()); err != nil {
		value.Destroy()
		return nil, err
	}
	return value, nil
}

// promptNewValue asks for another value of a secret; nil when the answer is
// empty.
func (a *app) promptNewValue(ctx context.Context, name, hint string) (*secret.Bytes, error) {
	if !a.utf8Terminal() {
		hint = asciiGlyphs(hint)
	}
	value, err := prompt.SecretTwice(ctx, fmt.Sprintf("New value of %s, now %s, empty keeps it", name, hint), vault.MaxValue)
	if err != nil {
		return nil, explainPrompt(err, "--value-file FILE")
	}
	if value.Len() == 0 {
		value.Destroy()
		return nil, nil //nolint:nilnil // nothing is to change
	}
	return value, nil
}

// confirm asks a question that only y answers with yes.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	return prompt.Confirm(ctx, question)
}
