package apitool

import "errors"

var (
	// ErrHost means that a secret may not be sent to the tool's host. Nothing was sent.
	ErrHost = errors.New("host not allowed")
	// ErrUnresolved means that a secret's value cannot go where the definition puts it. Nothing was sent.
	ErrUnresolved = errors.New("a value does not fit")
	// ErrArgument means that an argument is missing, unknown, of the wrong type or unfit for its place. Nothing was sent.
	ErrArgument = errors.New("wrong argument")
	// errRedirect means that the server named another origin, or would not stop redirecting. Nothing was sent there.
	errRedirect = errors.New("redirect not followed")
	// errTimeout means that the call took longer than its definition allows.
	errTimeout = errors.New("timed out")
)
