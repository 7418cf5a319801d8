package stage

// Kinds of frames. A frame is kind(1) length(4, little-endian) payload; the first
// byte of Terminal and Streams carries descriptors.
const (
	Terminal = 't' // descriptors: terminal, status. Lead a session there, and watch the command
	Streams  = 's' // descriptors: standard input, output, error, then one for each File
	File     = 'f' // name of the variable that gets the path of the next descriptor
	Close    = 'c' // number of a descriptor that the command must not have
	Argument = 'a' // one of the command's arguments; the first names it
	Variable = 'n' // name of a variable; its value is in the Values that follow
	Value    = 'v' // a piece of the value
	Execute  = 'x' // that was all
)

// HeaderSize is the length of what precedes each payload.
const HeaderSize = 5

// PutHeader writes the header of a frame into p.
func PutHeader(p []byte, kind byte, length int) {
	p[0] = kind
	putUint32(p[1:], uint32(length))
}

// A Report is what the watcher of a terminal's command says: kind(4) number(4).
const (
	ReportSize = 8

	Started = 1 // its process id
	Stopped = 2 // by a signal
	Ended   = 3 // its wait status
	Failed  = 4 // the system's error: there is no command
)

// ParseReport is the kind of a report and its number.
func ParseReport(p [ReportSize]byte) (kind, number uint32) { return getUint32(p[:]), getUint32(p[4:]) }

// ParseError is the number of the system's error with which executing failed.
func ParseError(p [4]byte) uint32 { return getUint32(p[:]) }

// encoding/binary would make this package wait for others to be initialised.

func putUint32(p []byte, n uint32) {
	p[0], p[1], p[2], p[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
}

func getUint32(p []byte) uint32 {
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}
