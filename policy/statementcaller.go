package policy

// NamesCaller tells by what the statement's Principal element names the caller,
// and whether the element lets the statement apply. resourceBased is as in Env:
// without the element, a statement of a policy that is attached to a resource
// names nobody, and one that is attached to a principal names that.
func (s *Statement) NamesCaller(c *Caller, resourceBased bool) (Names, bool) {
	return s.matchPrincipal(&Env{caller: c, ResourceBased: resourceBased})
}
