package policy

// MatchGlob matches a pattern with * and ? as StringLike does.
func MatchGlob(pattern, text string) bool {
	g := newGlob(encodeWildcards.Replace(pattern))
	return g.match(text)
}

// MatchResource matches a pattern as a Resource element does.
func MatchResource(pattern, text string) bool {
	p := newResourcePattern(encodeWildcards.Replace(pattern))
	r := resource{text: text}
	return p.match(&r)
}

// MatchActionElement matches a pattern as an Action element does.
func MatchActionElement(pattern, text string) bool {
	a := newActions([]string{pattern})
	env := NewEnv(text, "*", nil, nil)
	return a.match(&env)
}
