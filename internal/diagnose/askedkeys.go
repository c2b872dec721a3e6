package diagnose

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
)

// askedKeys are the condition keys that policies ask for, in lower case. What
// nobody asks for decides nothing, and stays out of files.
type askedKeys map[string]bool

// askedKeys are those of all policies of the evidence.
func (e *Evidence) askedKeys() askedKeys {
	asked := make(askedKeys)
	for i := range e.Keys {
		if d := e.Keys[i].Policy; d != nil {
			asked.add(*d)
		}
	}
	if c := e.Caller; c != nil {
		asked.add(c.documents()...)
		asked.add(c.Session...)
		if c.Limit != nil {
			asked.add(*c.Limit)
		}
	}
	if e.Organization != nil {
		for _, p := range e.Organization.Places {
			for _, levels := range [...][][]access.Document{p.service, p.resource} {
				for _, l := range levels {
					asked.add(l...)
				}
			}
		}
	}
	return asked
}

func (a askedKeys) add(documents ...access.Document) {
	for _, d := range documents {
		for _, key := range d.Policy.ContextKeys() {
			a[strings.ToLower(key)] = true
		}
	}
}

func (a askedKeys) has(key string) bool { return a[strings.ToLower(key)] }

// tags are those of the tags that are asked for by keys that begin in one of these
// ways; nil, which means that they could not be read, stays nil.
func (a askedKeys) tags(all map[string]string, prefixes ...string) map[string]string {
	if all == nil {
		return nil
	}
	some := make(map[string]string)
	for key, value := range all {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return a.has(prefix + key) }) {
			some[key] = value
		}
	}
	return some
}
