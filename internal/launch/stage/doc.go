// Package stage is the process that becomes the command of run. On Linux it is
// started before anything else of the program is initialised, so that it still
// has what the caller gave: limits, environment, descriptors, directory. It
// waits for orders on a socket, and then puts itself in order and executes the
// command. Values pass through it for the time of that system call; the program
// that lives as long as the command does never has one in a string.
//
// It is early because memguard, which guards our memory, sets the core limit to
// 0 for good when it is initialised: a process that is started later cannot have
// it back. Go initialises packages that are ready in the order of their paths,
// so this one comes before time and all that needs it, as long as it imports
// nothing but syscall and unsafe. A test holds that.
//
// It promises to do nothing unless the arguments are those of run, and to leave
// no process behind: whoever waits for orders ends when the other side does. It
// refuses to know what a secret is.
package stage
