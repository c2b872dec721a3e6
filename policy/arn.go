package policy

import (
	"bytes"
	"strings"
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
	arn     arnPattern // of its parts the first count
	count   int
	encoded string
	colons  int
	loose   uint8 // a bit for each of the first five parts that an asterisk ends
}

func newResourcePattern(encoded string) resourcePattern {
	p := resourcePattern{encoded: encoded, colons: strings.Count(encoded, ":")}
	p.all = encoded == string([]byte{anyString})
	for rest, more := encoded, true; more; p.count++ {
		part := rest
		if p.count < 5 {
			part, rest, more = strings.Cut(rest, ":")
		} else {
			more = false
		}
		p.arn.parts[p.count] = newGlob(part)
		if p.count < 5 && strings.HasSuffix(part, string([]byte{anyString})) {
			p.loose |= 1 << p.count
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
	if p.count < 6 {
		return p.encoded == r.text || holdsWildcard(p.encoded) && p.matchLoose(r.text)
	}
	if r.isARN && p.arn.match(&r.parts) {
		return true
	}
	// An asterisk goes beyond a colon only if the text has colons to spare.
	return p.loose != 0 && r.colons > p.colons && p.matchLoose(r.text)
}

// matchLoose goes part by part: each of the first five matches what stands
// between two colons, and one that an asterisk ends as much behind it as is
// needed. As little as possible is tried first, so no part sees the same text
// twice, and all takes the time of matching the text once for each part.
func (p *resourcePattern) matchLoose(text string) bool {
	part, at := 0, 0
	// The part behind the last asterisk that goes on, and where it was tried.
	again, from := -1, 0
	for {
		end := strings.IndexByte(text[at:], ':')
		g := &p.arn.parts[part]
		last := part == p.count-1
		var matches bool
		switch {
		case part == 5:
			if matches = g.match(text[at:]); !matches && g.star && prefix(g.head, text[at:]) >= 0 {
				return false // what is not behind its first asterisk here is not further on
			}
		case end >= 0:
			matches = g.match(text[at:at+end]) && (!last || p.loose>>part&1 != 0)
		default:
			matches = last && g.match(text[at:])
		}
		switch {
		case matches && last:
			return true
		case matches:
			if at += end + 1; p.loose>>part&1 != 0 {
				again, from = part+1, at
			}
			part++
		case again < 0:
			return false
		default:
			next := strings.IndexByte(text[from:], ':')
			if next < 0 {
				return false
			}
			from += next + 1
			part, at = again, from
		}
	}
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

// matchOnce matches an encoded pattern with at least five colons that was put
// together for this one request, as a resourcePattern does.
func (r *resource) matchOnce(pattern []byte) bool {
	if !r.cut {
		r.split()
	}
	if r.isARN && arnOnce(pattern, r.text) {
		return true
	}
	if r.colons <= bytes.Count(pattern, []byte(":")) || !bytes.Contains(pattern, []byte{anyString, ':'}) {
		return false
	}
	p := newResourcePattern(string(pattern))
	return p.matchLoose(r.text)
}
