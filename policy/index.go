package policy

import (
	"slices"
	"strings"
)

// index finds the statements of a policy whose Action or NotAction may match a
// request's action, without a look at the others. Names without wildcards are
// found by the whole name, names with wildcards by their service and, where it
// is literal, the first letter. What it finds is a superset: keys are hashes.
type index struct {
	// entries are grouped by key: those of the keys with the same last bits
	// stand from starts[bits] to starts[bits+1].
	entries []entry
	starts  []int32
	mask    uint32
	// general are the statements that may match any service's actions.
	general []int32
}

type entry struct {
	key       uint32
	statement int32
}

// actionKeys are the keys under which an action's statements stand.
type actionKeys struct {
	// name is the whole action, letter its service and first letter, service
	// the service alone.
	name, letter, service uint32
}

// Hashes are FNV-1a over the ASCII lower case, stirred so that the last bits
// are as good as any.
const (
	hashStart uint32 = 2166136261
	hashPrime uint32 = 16777619
	// aboutService tells the entries that list all statements of a service from
	// those that match by it.
	aboutService uint32 = 0x9e3779b9
)

func stir(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	return h ^ h>>13
}

// newActionKeys hashes an action once, for all policies.
func newActionKeys(action string) actionKeys {
	var k actionKeys
	h := hashStart
	colon := -1
	for i := range len(action) {
		h = (h ^ uint32(lower(action[i]))) * hashPrime
		switch {
		case colon < 0 && action[i] == ':':
			colon = i
			k.service = stir(h)
		case colon >= 0 && i == colon+1:
			k.letter = stir(h)
		}
	}
	k.name = stir(h)
	return k
}

// patternKey is the key of a name with wildcards, in lower case.
func patternKey(pattern string) uint32 {
	end := strings.IndexByte(pattern, ':') + 1
	k := newActionKeys(pattern[:min(end+1, len(pattern))])
	if end < len(pattern) && (pattern[end] == '*' || pattern[end] == '?') {
		return k.service
	}
	return k.letter
}

// newIndex sorts out a policy's statements.
func newIndex(statements []Statement) index {
	var x index
	n := 0
	for i := range statements {
		n += statements[i].keyCount()
	}
	list := make([]entry, 0, n)
	for i := range statements {
		s := &statements[i]
		if s.general() {
			x.general = append(x.general, int32(i))
		}
		for _, service := range s.actions.prefixes {
			list = append(list, entry{newActionKeys(service+":").service ^ aboutService, int32(i)})
		}
		if s.general() {
			continue
		}
		for _, name := range s.actions.exact {
			list = append(list, entry{newActionKeys(name).name, int32(i)})
		}
		for _, pattern := range s.actions.patterns {
			list = append(list, entry{patternKey(pattern), int32(i)})
		}
	}
	x.arrange(list)
	return x
}

// arrange groups the entries by the last bits of their keys, about four to each.
func (x *index) arrange(list []entry) {
	groups := uint32(1)
	for int(groups)*4 < len(list) {
		groups *= 2
	}
	x.mask = groups - 1
	if groups == 1 {
		x.entries = list
		return
	}
	x.starts = make([]int32, groups+1)
	for _, e := range list {
		x.starts[e.key&x.mask+1]++
	}
	for i := range groups {
		x.starts[i+1] += x.starts[i]
	}
	x.entries = make([]entry, len(list))
	at := slices.Clone(x.starts)
	for _, e := range list {
		g := e.key & x.mask
		x.entries[at[g]] = e
		at[g]++
	}
}

// group is where a key's entries are, among others.
func (x *index) group(key uint32) []entry {
	if x.mask == 0 {
		return x.entries
	}
	g := key & x.mask
	return x.entries[x.starts[g]:x.starts[g+1]]
}

// find appends the statements under a key.
func (x *index) find(list []int32, key uint32) []int32 {
	for _, e := range x.group(key) {
		if e.key == key {
			list = append(list, e.statement)
		}
	}
	return list
}

// Candidates appends to list the indices of the statements whose Action or
// NotAction may match the request's action, each once and in ascending order.
// No other can apply to it. The time it takes grows with what it finds, not
// with the policy.
func (p *Policy) Candidates(env *Env, list []int32) []int32 {
	x := &p.index
	start := len(list)
	list = append(list, x.general...)
	if x.mask == 0 {
		for _, e := range x.entries {
			if e.key == env.keysOfAction.name || e.key == env.keysOfAction.letter || e.key == env.keysOfAction.service {
				list = append(list, e.statement)
			}
		}
	} else {
		list = x.find(list, env.keysOfAction.name)
		list = x.find(list, env.keysOfAction.letter)
		list = x.find(list, env.keysOfAction.service)
	}
	return list[:start+len(ascending(list[start:]))]
}

// OfService appends to list the indices of the first statements, at most that
// many, whose Action or NotAction names the service of the request's action.
func (p *Policy) OfService(env *Env, list []int32, most int) []int32 {
	x := &p.index
	for _, e := range x.group(env.keysOfAction.service ^ aboutService) {
		if most == 0 {
			break
		}
		if e.key == env.keysOfAction.service^aboutService {
			list = append(list, e.statement)
			most--
		}
	}
	return list
}

// ascending sorts a list, which mostly is in order, and leaves each number once.
func ascending(list []int32) []int32 {
	for i := 1; i < len(list); i++ {
		if list[i] <= list[i-1] {
			slices.Sort(list)
			return slices.Compact(list)
		}
	}
	return list
}
