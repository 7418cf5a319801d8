//go:build !unix

package cli

import (
	"context"
	"errors"
)

func (a *app) startAgent(context.Context) error { return errors.ErrUnsupported }

func (a *app) detach() error { return errors.ErrUnsupported }
