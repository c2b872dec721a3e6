package diagnose

import (
	"slices"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// slot is a place in the evidence where a policy's text is, or will be: what a fix
// changes, it changes there.
type slot struct {
	// name is what the document is called.
	name string
	// get is the text, empty where there is none; put makes it another.
	get func(*Evidence) string
	put func(*Evidence, string)
}

// change is a document that a fix changes, or that it adds.
type change struct {
	slot
	was, is string
}

// effect is one thing that a fix does.
type effect interface {
	// in does it to evidence.
	in(e *Evidence)
	// less are what is left of it without one of its elements, for each.
	less() []lesser
}

// lesser is an effect without one of its elements.
type lesser struct {
	// without says which element is missing.
	without phrase.Text
	// in does what is left to evidence; nil where nothing is.
	in func(*Evidence)
}

// puts makes a fix put a text into a slot.
func (e *Evidence) puts(f *Fix, s slot, is string) {
	f.effects = append(f.effects, &change{slot: s, was: s.get(e), is: is})
}

func (c *change) in(e *Evidence) { c.put(e, c.is) }

// changed are the documents that a fix changes or adds.
func (f *Fix) changed() []*change {
	var all []*change
	for _, x := range f.effects {
		if c, ok := x.(*change); ok {
			all = append(all, c)
		}
	}
	return all
}

// whole is an effect that cannot be divided.
type whole struct {
	what phrase.Text
	do   func(*Evidence)
}

func (o whole) in(e *Evidence) { o.do(e) }
func (o whole) less() []lesser { return []lesser{{without: o.what}} }

// heldSlot is an identity policy that the caller has.
func heldSlot(h *Held) slot {
	name, arn := h.Name, h.ARN
	find := func(e *Evidence) *Held {
		for i := range e.Caller.Identity {
			if o := &e.Caller.Identity[i]; o.Name == name && o.ARN == arn {
				return o
			}
		}
		return nil
	}
	return slot{
		name: name,
		get: func(e *Evidence) string {
			if o := find(e); o != nil {
				return o.Document.Policy.Text()
			}
			return ""
		},
		put: func(e *Evidence, text string) {
			if d, err := parsed(name, arn, text); err == nil {
				if o := find(e); o != nil {
					o.Document = d
				}
			}
		},
	}
}

// addedSlot is an identity policy that the caller does not have yet.
func addedSlot(h Held) slot {
	same := func(o Held) bool { return o.Name == h.Name && o.ARN == h.ARN }
	return slot{
		name: h.Name,
		get:  func(*Evidence) string { return "" },
		put: func(e *Evidence, text string) {
			d, err := parsed(h.Name, h.ARN, text)
			if err != nil {
				return
			}
			added := h
			added.Document = d
			e.Caller.Identity = append(slices.DeleteFunc(slices.Clone(e.Caller.Identity), same), added)
			e.forget(access.IdentityLayer, "")
		},
	}
}

// keyPolicySlot is a key's policy. Of one that could not be read, what is added to
// it is all that is known.
func keyPolicySlot(arn string) slot {
	return slot{
		name: keyPolicyName(arn),
		get: func(e *Evidence) string {
			if k := e.key(arn); k != nil && k.Policy != nil {
				return k.Policy.Policy.Text()
			}
			return ""
		},
		put: func(e *Evidence, text string) { e.setKeyPolicy(arn, text) },
	}
}

// boundarySlot is the caller's permissions boundary.
func boundarySlot(limit *access.Document) slot {
	name, arn := limit.Name, limit.ARN
	return slot{
		name: name,
		get:  func(e *Evidence) string { return e.Caller.Limit.Policy.Text() },
		put: func(e *Evidence, text string) {
			if d, err := parsed(name, arn, text); err == nil {
				e.Caller.Limit = &d
			}
		},
	}
}

// sessionSlot is the policy that the caller's session was made with.
func sessionSlot(session string) slot {
	name := "session policy of " + session
	return slot{
		name: name,
		get: func(e *Evidence) string {
			if len(e.Caller.Session) == 0 {
				return ""
			}
			return e.Caller.Session[0].Policy.Text()
		},
		put: func(e *Evidence, text string) {
			d, err := parsed(name, "", text)
			if err != nil {
				return
			}
			e.Caller.HasSession = true
			if len(e.Caller.Session) == 0 {
				e.Caller.Session = []access.Document{d}
			} else {
				e.Caller.Session[0] = d
			}
			e.forget(access.SessionLayer, "")
		},
	}
}

// controlSlot is a policy of the organization.
func controlSlot(name, arn string) slot {
	return slot{
		name: name,
		get: func(e *Evidence) string {
			if d := e.controlPolicyOf(arn); d != nil {
				return d.Policy.Text()
			}
			return ""
		},
		put: func(e *Evidence, text string) { e.replaceControl(arn, text) },
	}
}
