package phrase

// Error is an error that can be said in any language.
type Error struct {
	// Text says what happened. To go on with the cause's own words it takes the
	// cause as an argument.
	Text  Text
	cause error
}

// NewError is an error in a text's words. cause is what it wraps, or nil.
func NewError(words Text, cause error) *Error { return &Error{words, cause} }

func (e *Error) Error() string { return e.Text.String() }

func (e *Error) Unwrap() error { return e.cause }

// Of is what an error says, in a language as far as it is an Error.
func Of(err error, l Language) string {
	if e, ok := err.(*Error); ok { //nolint:errorlint // what wraps an Error has words of its own
		return e.Text.In(l)
	}
	return err.Error()
}
