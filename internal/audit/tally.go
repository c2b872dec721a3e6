package audit

import (
	"encoding/binary"
	"slices"
	"sync"
)

// tally is what becomes of one class of principals.
type tally struct {
	// calls: they may call an operation at all.
	calls                bool
	can, trapped, unsure int64
	// cells are the states of the classes of keys, 0 for nothing.
	cells   []uint32
	entries []entry
}

// entry is a cause for a class of principals and a class of keys.
type entry struct {
	class   int32 // of keys
	cause   int32
	targets Targets
	// ops and parts are sets of bits; unit is the first, in which need is the one.
	ops, parts uint8
	unit       int32
}

// cellState is what a class of principals can do with a class of keys; states that
// are equal are one number.
type cellState struct {
	bits   uint8
	causes [3]int32
}

// The bits of a cell.
const (
	cellCan uint8 = 1 << iota
	cellTrapped
	cellUnknown
	cellShouldnt
	// cellMore: there are more causes than the state has room for.
	cellMore
)

// cellStates keeps each state once.
type cellStates struct {
	mu   sync.RWMutex
	at   map[cellState]uint32
	list []cellState
}

func newCellStates() *cellStates {
	return &cellStates{at: map[cellState]uint32{{}: 0}, list: []cellState{{}}}
}

func (c *cellStates) number(s cellState) uint32 {
	c.mu.RLock()
	n, ok := c.at[s]
	c.mu.RUnlock()
	if ok {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.at[s]; ok {
		return n
	}
	n = uint32(len(c.list))
	c.list = append(c.list, s)
	c.at[s] = n
	return n
}

// operations are those of the bits of an entry.
var operations = []Operation{StartInstances, AttachVolume, RunInstances}

// tallies counts for every class of principals, on all processors.
func (s *survey) tallies(states *cellStates, exposed [][]bool) []tally {
	bundles := s.bundles()
	all := make([]tally, len(s.classes))
	parallel(len(s.classes), func(i int) {
		all[i] = s.tally(i, bundles[s.classes[i].account.ID], states, exposed)
	})
	return all
}

// bundle are units that differ in their doors alone.
type bundle struct {
	op    Operation
	kind  Kind
	needs int
	units []int32
}

// bundles are those of each account.
func (s *survey) bundles() map[string][]*bundle {
	type key struct {
		region *Region
		op     Operation
		kind   Kind
		needs  int
	}
	all := make(map[string][]*bundle)
	at := make(map[key]*bundle)
	for i, u := range s.units {
		k := key{u.region, u.op, u.kind, u.needs}
		b := at[k]
		if b == nil {
			b = &bundle{op: u.op, kind: u.kind, needs: u.needs}
			at[k] = b
			account := u.region.Site.Account
			all[account] = append(all[account], b)
		}
		b.units = append(b.units, int32(i))
	}
	return all
}

func (s *survey) tally(class int, bundles []*bundle, states *cellStates, exposed [][]bool) tally {
	var t tally
	now := make([]cellState, len(s.keys))
	at := make(map[[2]int32]int)
	open := make([]bool, len(s.doors))
	for i := range s.doors {
		open[i] = s.doors[i].open[class]
	}
	for _, b := range bundles {
		targets, first := 0, int32(-1)
		for _, i := range b.units {
			if u := s.units[i]; open[u.any] && open[u.resource] && (u.image < 0 || open[u.image]) {
				if targets += u.n; first < 0 {
					first = i
				}
			}
		}
		if targets == 0 {
			continue
		}
		t.calls = true
		var worst int32
		for n := range s.needs[b.needs] {
			need := &s.needs[b.needs][n]
			c, a := s.of(class, need)
			if c == 0 {
				now[need.class].bits |= cellCan
				continue
			}
			now[a.class].add(c, s.causes.list[c])
			if worst == 0 || s.causes.list[worst].Open && !s.causes.list[c].Open {
				worst = c
			}
			key := [2]int32{int32(a.class), c}
			e, ok := at[key]
			if !ok {
				e = len(t.entries)
				at[key] = e
				t.entries = append(t.entries, entry{class: key[0], cause: c, unit: first})
			}
			s.count(&t.entries[e], b, targets, need, class, first)
		}
		switch n := int64(targets); {
		case worst == 0:
			t.can += n
		case s.causes.list[worst].Open:
			t.unsure += n
		default:
			t.trapped += n
		}
	}
	t.cells = make([]uint32, len(now))
	for k := range now {
		if exposed[k] != nil && exposed[k][class] {
			now[k].bits |= cellShouldnt
		}
		if now[k] != (cellState{}) {
			t.cells[k] = states.number(now[k])
		}
	}
	return t
}

// count adds a bundle's targets to an entry. An instance to start makes the better
// example.
func (s *survey) count(e *entry, b *bundle, targets int, need *unitNeed, class int, first int32) {
	e.targets.add(b.kind, targets)
	e.ops |= 1 << slices.Index(operations, b.op)
	for _, a := range need.asks {
		if s.asks[a].answers[class] == e.cause {
			e.parts |= 1 << s.asks[a].part
		}
	}
	if b.op == StartInstances && s.units[e.unit].op != StartInstances {
		e.unit = first
	}
}

func (c *cellState) add(cause int32, what *cause) {
	if what.Open {
		c.bits |= cellUnknown
	} else {
		c.bits |= cellTrapped
	}
	for i := range c.causes {
		if c.causes[i] == cause {
			return
		}
		if c.causes[i] == 0 {
			c.causes[i] = cause
			slices.SortFunc(c.causes[:i+1], func(a, b int32) int { return int(a - b) })
			return
		}
	}
	c.bits |= cellMore
}

// rows groups the classes of principals by what they can do.
func rows(tallies []tally) [][]int {
	return alike(len(tallies), func(i int) string {
		b := make([]byte, 0, 4*len(tallies[i].cells))
		for _, c := range tallies[i].cells {
			b = binary.LittleEndian.AppendUint32(b, c)
		}
		return string(b)
	})
}

// columns groups the classes of keys by what is done by one of each group of
// principals.
func columns(tallies []tally, rows [][]int, keys int) [][]int {
	return alike(keys, func(k int) string {
		b := make([]byte, 0, 4*len(rows))
		for _, r := range rows {
			b = binary.LittleEndian.AppendUint32(b, tallies[r[0]].cells[k])
		}
		return string(b)
	})
}

// alike groups numbers by what is said of each, in order.
func alike(n int, text func(i int) string) [][]int {
	var all [][]int
	at := make(map[string]int)
	for i := range n {
		t := text(i)
		g, ok := at[t]
		if !ok {
			g = len(all)
			at[t] = g
			all = append(all, nil)
		}
		all[g] = append(all[g], i)
	}
	return all
}
