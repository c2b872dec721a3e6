package access

import (
	"maps"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// world is what the unknowns of a request are taken to be. What it leaves out
// stays unknown; asked notes the keys that an evaluation asked for in vain.
type world struct {
	keys   map[string]policy.Choice
	layers map[Layer]*reading
	asked  map[string]bool
}

// reading is what a layer that nobody could read may say.
type reading struct {
	says        string
	deny, allow policy.Truth
	by          [classes]policy.Truth
}

// notRead is a layer that may say anything.
var notRead = reading{deny: policy.Maybe, allow: policy.Maybe, by: [classes]policy.Truth{policy.Maybe, policy.Maybe, policy.Maybe}}

// The readings of each layer. They are enough: what lies between two of them
// decides as one of them does, because one more Allow never denies.
var (
	limitReadings = []reading{
		{says: "it allows", allow: policy.Yes},
		{says: "it does not allow"},
		{says: "it denies", deny: policy.Yes},
	}
	controlReadings = []reading{
		{says: "it does not deny", allow: policy.Yes},
		{says: "it denies", deny: policy.Yes},
	}
	grantReadings = []reading{
		{says: "one allows", allow: policy.Yes},
		{says: "none allows"},
	}
	resourceReadings = []reading{
		{says: "it allows the caller by name", allow: policy.Yes, by: [classes]policy.Truth{direct: policy.Yes}},
		{says: "it allows the caller's role or the user behind the session", allow: policy.Yes, by: [classes]policy.Truth{limited: policy.Yes}},
		{says: "it lets the account's policies decide", allow: policy.Yes, by: [classes]policy.Truth{delegating: policy.Yes}},
		{says: "it does not allow"},
		{says: "it denies", deny: policy.Yes},
	}
)

func readings(l Layer) []reading {
	switch l {
	case ResourceControlLayer:
		return controlReadings
	case GrantLayer:
		return grantReadings
	case ResourceLayer, TrustLayer:
		return resourceReadings
	}
	return limitReadings
}

// with is the world with one thing more known.
func (w *world) with(u *unknown, a *alternative) *world {
	next := &world{keys: make(map[string]policy.Choice), layers: make(map[Layer]*reading)}
	maps.Copy(next.keys, w.keys)
	maps.Copy(next.layers, w.layers)
	if u.key != "" {
		next.keys[u.key] = a.choice
	} else {
		next.layers[u.layer] = a.reading
	}
	return next
}

// knows reports whether the unknown is settled.
func (w *world) knows(u *unknown) bool {
	if u.key != "" {
		_, ok := w.keys[u.key]
		return ok
	}
	return w.layers[u.layer] != nil
}

// reading is what the layer says in this world.
func (w *world) reading(l Layer) *reading {
	if w != nil && w.layers[l] != nil {
		return w.layers[l]
	}
	return &notRead
}

// otherPairs stands for the pairs of an encryption context of which nobody
// knows whether they are there, nor their names.
const otherPairs = encryptionContext + "*"

// extraPair tells whether the request's encryption context has a pair that the
// given ones do not have, with its key if it has, or may have.
func (k *keys) extraPair(pairs map[string]string) (policy.Truth, string) {
	extra := func(key string) (string, bool) {
		name, found := strings.CutPrefix(key, encryptionContext)
		return name, found && !hasFold(pairs, name)
	}
	c := &k.request.Context
	for key := range c.values {
		if name, ok := extra(key); ok {
			return policy.Yes, name
		}
	}
	t, found := policy.No, ""
	for key := range c.unknown {
		name, ok := extra(key)
		prefix, covers := strings.CutSuffix(key, "*")
		switch {
		case covers && (strings.HasPrefix(prefix, encryptionContext) || strings.HasPrefix(encryptionContext, prefix)):
			key, name = otherPairs, "*"
		case !ok:
			continue
		}
		if _, present, unknown := k.Get(key); present {
			return policy.Yes, name
		} else if unknown && (t == policy.No || name < found) {
			t, found = policy.Maybe, name
		}
	}
	if k.world != nil {
		for key := range k.world.keys {
			if name, ok := extra(key); ok && !k.world.keys[key].Absent {
				return policy.Yes, name
			}
		}
	}
	return t, found
}
