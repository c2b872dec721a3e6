package policy

import "strings"

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

// matchLoose follows all the ways through the pattern at once, so its time is
// the product of the two lengths and no worse. Within the first five parts only
// an asterisk at a part's end covers colons.
func matchLoose(pattern, text string) bool {
	now, next := make([]bool, len(pattern)+1), make([]bool, len(pattern)+1)
	crosses := crossing(pattern)
	start := func(states []bool, i int) {
		for ; i < len(pattern) && pattern[i] == anyString; i++ {
			states[i] = true
		}
		states[i] = true
	}
	start(now, 0)
	for _, c := range text {
		clear(next)
		char := string(c)
		for i := 0; i < len(pattern); i++ {
			if !now[i] {
				continue
			}
			switch {
			case pattern[i] == anyString:
				if c != ':' || crosses[i] {
					start(next, i)
				}
			case pattern[i] == anyChar:
				if c != ':' || crosses[i] {
					start(next, i+1)
				}
			case strings.HasPrefix(pattern[i:], char):
				start(next, i+len(char))
			}
		}
		now, next = next, now
	}
	return now[len(pattern)]
}

// crossing tells which wildcards of a pattern may cover a colon: all in the
// sixth part, and an asterisk that ends an earlier one.
func crossing(pattern string) []bool {
	crosses := make([]bool, len(pattern))
	part := 0
	for i := range len(pattern) {
		switch {
		case pattern[i] == ':':
			part++
		case part >= 5:
			crosses[i] = true
		case pattern[i] == anyString:
			crosses[i] = i+1 == len(pattern) || pattern[i+1] == ':'
		}
	}
	return crosses
}
