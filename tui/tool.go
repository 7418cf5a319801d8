package tui

// A Tool is what the interface shows of a tool's definition.
type Tool struct {
	Description string
	Method, URL string
	Params      []Param
}

// A Param is an argument that a tool takes.
type Param struct {
	Name, Type, Description string
	Required                bool
	Default                 string   // in words; "" when it has none
	Choices                 []string // the only ones there are, when there are any
}

// A Problem is something wrong at a place of a definition.
type Problem struct {
	Line, Column int // from 1; 0 when it is about the whole
	Text         string
	Warning      bool // it can be saved all the same
}

// An Answer is what an API said to a call.
type Answer struct {
	Status string   // "HTTP/1.1 200 OK"
	Failed bool     // the status is 400 or above
	Head   []string // "Name: value"
	Body   string   // as it came, whatever it is
	Cut    bool     // there was more
}
