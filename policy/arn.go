package policy

import (
	"strings"
	"unicode/utf8"
)

// splitARN cuts a text at its first five colons: arn, partition, service,
// region, account, resource.
func splitARN(text string) (parts [6]string, ok bool) {
	for i := range 5 {
		var found bool
		if parts[i], text, found = strings.Cut(text, ":"); !found {
			return parts, false
		}
	}
	parts[5] = text
	return parts, true
}

// arnPattern matches an ARN part by part: a wildcard stays within its part
// (IAM guide, "IAM JSON policy elements: Condition operators", ARN operators).
type arnPattern struct{ parts [6]glob }

func newARNPattern(encoded string) (arnPattern, bool) {
	parts, ok := splitARN(encoded)
	if !ok {
		return arnPattern{}, false
	}
	var p arnPattern
	for i, s := range parts {
		p.parts[i] = newGlob(s)
	}
	return p, true
}

func (p *arnPattern) match(parts *[6]string) bool {
	// The last parts tell ARNs apart best.
	for i := 5; i >= 0; i-- {
		if !p.parts[i].match(parts[i]) {
			return false
		}
	}
	return true
}

// resourcePattern matches one value of a Resource element. It differs from
// arnPattern in that an asterisk at the end of a part may go on beyond the
// colon (IAM guide, "IAM JSON policy elements: Resource"), so that
// arn:aws:kms:* names everything in KMS.
type resourcePattern struct {
	all     bool
	arn     arnPattern
	isARN   bool
	encoded string
	colons  int
	loose   bool // an asterisk ends one of the first five parts
}

func newResourcePattern(encoded string) resourcePattern {
	p := resourcePattern{encoded: encoded, colons: strings.Count(encoded, ":")}
	p.all = encoded == string([]byte{anyString})
	p.arn, p.isARN = newARNPattern(encoded)
	parts := strings.SplitN(encoded, ":", 6)
	for i, s := range parts {
		if i < 5 && strings.HasSuffix(s, string([]byte{anyString})) {
			p.loose = true
		}
	}
	return p
}

func (p *resourcePattern) match(r *resource) bool {
	if p.all {
		return true
	}
	if !r.cut {
		r.split()
	}
	if !p.isARN {
		return p.encoded == r.text || holdsWildcard(p.encoded) && matchLoose(p.encoded, r.text)
	}
	if r.isARN && p.arn.match(&r.parts) {
		return true
	}
	// An asterisk goes beyond a colon only if the text has colons to spare.
	return p.loose && r.colons > p.colons && matchLoose(p.encoded, r.text)
}

// resource is a request's resource, cut into parts once, for all patterns, when
// the first of them needs it.
type resource struct {
	text   string
	cut    bool
	parts  [6]string
	isARN  bool
	colons int
}

func (r *resource) split() {
	text, start, colons := r.text, 0, 0
	for i := range len(text) {
		if text[i] != ':' {
			continue
		}
		if colons < 5 {
			r.parts[colons] = text[start:i]
			start = i + 1
		}
		colons++
	}
	r.parts[min(colons, 5)] = text[start:]
	r.cut, r.colons, r.isARN = true, colons, colons >= 5
}

// matchLoose matches a pattern in which, within the first five parts, only an
// asterisk at a part's end covers colons. Its time is at worst the product of
// the two lengths.
//
// It remembers two asterisks: the last that may go on over colons, and behind
// that the last that may not. To let the later one grow is enough: what an
// earlier one of the same kind could gain by growing is gained already, for
// asterisks that stay within a part cannot change which colons the pattern's
// colons meet. And to let the first kind grow over what follows is cheap: in the
// first five parts a colon must come next.
func matchLoose(pattern, text string) bool {
	type mark struct{ pattern, text, colons int }
	far, near := mark{pattern: -1}, mark{pattern: -1}
	p, t, colons := 0, 0, 0
	for t < len(text) {
		last := colons >= 5 // the sixth part, where everything covers colons
		switch {
		case p < len(pattern) && pattern[p] == anyString:
			if last || p+1 == len(pattern) || pattern[p+1] == ':' {
				far, near = mark{p, t, colons}, mark{pattern: -1}
			} else {
				near = mark{p, t, colons}
			}
			p++
			continue
		case p < len(pattern) && pattern[p] == anyChar && (last || text[t] != ':'):
			_, size := utf8.DecodeRuneInString(text[t:])
			p, t = p+1, t+size
			continue
		case p < len(pattern) && pattern[p] == text[t]:
			if text[t] == ':' {
				colons++
			}
			p, t = p+1, t+1
			continue
		}
		back := &near
		if near.pattern < 0 || text[near.text] == ':' {
			back, near.pattern = &far, -1
		}
		if back.pattern < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[back.text:])
		back.text += size
		p, t, colons = back.pattern+1, back.text, back.colons
	}
	for p < len(pattern) && pattern[p] == anyString {
		p++
	}
	return p == len(pattern)
}
