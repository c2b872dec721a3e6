package policy

// Truth is a logical value that may be unknown: a statement may turn on a
// condition key whose value nobody knows.
type Truth int8

// The three values, in order: and is the lesser, or the greater.
const (
	No Truth = iota
	Maybe
	Yes
)

// And is true if both are, false if one is false, and otherwise unknown.
func (t Truth) And(u Truth) Truth { return min(t, u) }

// Or is true if one is, false if both are false, and otherwise unknown.
func (t Truth) Or(u Truth) Truth { return max(t, u) }

// Not turns true and false around and leaves the unknown unknown.
func (t Truth) Not() Truth { return Yes - t }

// String is "no", "maybe" or "yes".
func (t Truth) String() string { return [...]string{"no", "maybe", "yes"}[t] }

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}
