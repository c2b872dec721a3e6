package serviceref

import (
	"slices"
	"strings"
)

// ResourceType is a type of resource that a service defines.
type ResourceType struct {
	Service *Service
	Name    string // "key"
	// ARN is the format: "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}".
	ARN string
	// Keys exist for every action that is checked on the type and supports them.
	Keys []*Key
}

// ResourceType finds a resource type by its name, without regard to case.
func (s *Service) ResourceType(name string) (*ResourceType, bool) {
	i, ok := slices.BinarySearchFunc(s.ResourceTypes, name, func(r *ResourceType, name string) int { return compareFold(r.Name, name) })
	if !ok {
		return nil, false
	}
	return s.ResourceTypes[i], true
}

// ResourceTypes lists the resource types whose ARNs have a service namespace,
// the third part of an ARN: "ec2" has types of ec2, of ebs and of others. There
// are none if AWS documents none.
func ResourceTypes(namespace string) []*ResourceType {
	t := table()
	t.global() // fills namespaces
	var list []*ResourceType
	for _, prefix := range t.namespaces[namespace] {
		for _, r := range t.services[prefix].service().ResourceTypes {
			if r.namespace() == namespace {
				list = append(list, r)
			}
		}
	}
	return list
}

func (r *ResourceType) namespace() string { return strings.SplitN(r.ARN, ":", 4)[2] }

// maxARN bounds what Fits reads: no ARN that AWS documents is longer.
const maxARN = 2048

// Fits reports whether an ARN can name a resource of the type. The ARN may be a
// value of a Resource element, with wildcards, which also stand for colons and
// slashes, and with policy variables, which stand for any text: then Fits says
// whether it matches at least one.
//
// AWS does not say what a variable part of a format holds. It is taken to be a
// text that is not empty, without a colon or slash in the first five parts, and
// without a slash if the format has one behind it or if it names an S3 bucket.
func (r *ResourceType) Fits(arn string) bool {
	if arn == "*" {
		return true
	}
	if len(arn) > maxARN {
		return false
	}
	var space [128]step
	f := newFormat(space[:0], r.ARN)
	return f.meets(arn)
}

// step is one step of a format: a character, or half of a variable part.
type step struct {
	char byte
	part bool
	// many: the step takes any number of characters, also none. A variable part
	// holds at least one, so it is a step that takes one and one that takes many.
	many bool
	// colons and slashes say what a variable part may hold.
	colons, slashes bool
}

type format []step

func newFormat(f format, text string) format {
	colons := 0
	for i := 0; i < len(text); i++ {
		name := ""
		switch text[i] {
		case '$':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				end = len(text) - i - 1
			}
			name = text[i : i+end+1]
		case '*':
			name = "*"
		case ':':
			colons++
		}
		if name == "" {
			f = append(f, step{char: text[i]})
			continue
		}
		i += len(name) - 1
		inResource, slash := colons >= 5, strings.HasPrefix(text[i+1:], "/")
		s := step{part: true, colons: inResource, slashes: inResource && !slash && name != "${BucketName}" || strings.Contains(name, "Path")}
		f = append(f, s)
		s.many = true
		f = append(f, s)
	}
	return f
}

// takes reports whether the step can be the character.
func (s *step) takes(c byte) bool {
	switch {
	case !s.part:
		return s.char == c
	case c == ':':
		return s.colons
	case c == '/':
		return s.slashes
	}
	return true
}

// meets reports whether some text fits both the format and the pattern. It
// follows the pattern through all steps at once, so its time is at most the
// product of their lengths.
func (f format) meets(pattern string) bool {
	var space [2][129]bool
	now, next := space[0][:], space[1][:]
	if n := len(f) + 1; n <= len(now) {
		now, next = now[:n], next[:n]
	} else {
		now, next = make([]bool, n), make([]bool, n)
	}
	now[0] = true // of the steps that may come next; len(f) is the end
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if end := strings.IndexByte(pattern[i:], '}'); c == '$' && end > 1 && pattern[i+1] == '{' {
			i += end
			c = '*'
		}
		if !f.follow(now, next, c) {
			return false
		}
		now, next = next, now
	}
	return now[len(f)]
}

// follow takes one character or wildcard of the pattern from the steps of now to
// those of next, and says whether any is left.
func (f format) follow(now, next []bool, c byte) bool {
	clear(next)
	left := false
	for i, on := range now {
		if !on {
			continue
		}
		if c == '*' {
			// An asterisk takes any text, so every later step can be reached.
			for j := i; j < len(next); j++ {
				next[j] = true
			}
			return true
		}
		if i == len(f) || c != '?' && !f[i].takes(c) {
			continue
		}
		if !f[i].many {
			i++
		}
		left, next[i] = true, true
		if i < len(f) && f[i].many {
			next[i+1] = true // it can also take none
		}
	}
	return left
}
