// Package trap stops a child process at the system calls that it is asked for, and
// lets a test look at each, let it happen, make it fail, or kill the process there:
// what a disk may do to a program. It works on Linux without any privilege, with a
// filter of the kernel's (seccomp, user notification), which needs no other program.
//
// It promises that a call waits until the test has decided. Watch writes down what a
// process does to its files, and a Disk makes of that what a power failure may leave;
// what is in the files it does not know.
package trap
