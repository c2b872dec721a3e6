package audit

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
)

// mostCells is how many cells a report lists.
const mostCells = 100_000

// Run audits what an inventory has. It reads nothing else, and is the same for the
// same inventory.
func Run(in *Inventory) *Report {
	s := newSurvey(in)
	s.decideDoors()
	s.decideAsks()
	open, flags := s.exposures()
	states := newCellStates()
	tallies := s.tallies(states, flags)
	r := &Report{
		Version: Version, Time: in.Time.UTC(), Accounts: []AccountSummary{}, Trapped: []Group{}, Unknown: []Group{}, Shouldnt: []Exposure{},
		PrincipalGroups: []PrincipalGroup{}, KeyGroups: []KeyGroup{}, Cells: []Cell{}, Unread: append([]Unread{}, in.Unread...),
	}
	s.total(r, tallies)
	s.group(r, tallies)
	s.expose(r, open)
	s.matrix(r, tallies, states)
	r.Summary = r.summary()
	return r
}

// total counts.
func (s *survey) total(r *Report, tallies []tally) {
	for _, a := range s.inventory.Accounts {
		sum := AccountSummary{Account: a.ID, Regions: []string{}, Principals: len(a.Principals)}
		for _, g := range a.Regions {
			sum.Regions = append(sum.Regions, g.Site.Region)
			sum.Keys += len(g.Keys)
		}
		for _, u := range s.units {
			if u.region.Site.Account == a.ID {
				sum.add(u.kind, u.n)
			}
		}
		r.Accounts = append(r.Accounts, sum)
		r.Totals.Principals += sum.Principals
		r.Totals.plus(sum.Targets)
	}
	r.Totals.Accounts, r.Totals.Keys = len(r.Accounts), len(s.judge.keys.list)
	for i := range tallies {
		t, n := &tallies[i], int64(len(s.classes[i].members))
		if t.calls {
			r.Totals.Callers += int(n)
		}
		r.Totals.Can += t.can * n
		r.Totals.Trapped += t.trapped * n
		r.Totals.Unknown += t.unsure * n
	}
}

// found is what was found of one cause: which classes of principals, and which
// entries each has.
type found struct {
	classes []int
	entries map[int][]*entry
}

// group makes groups of causes.
func (s *survey) group(r *Report, tallies []tally) {
	byCause := make(map[int32]*found)
	for i := range tallies {
		for n := range tallies[i].entries {
			e := &tallies[i].entries[n]
			f := byCause[e.cause]
			if f == nil {
				f = &found{entries: make(map[int][]*entry)}
				byCause[e.cause] = f
			}
			if len(f.entries[i]) == 0 {
				f.classes = append(f.classes, i)
			}
			f.entries[i] = append(f.entries[i], e)
		}
	}
	var all []*draft
	for number, f := range byCause {
		all = append(all, s.groupOf(s.causes.list[number], f))
	}
	slices.SortFunc(all, func(a, b *draft) int {
		x, y := &a.Group, &b.Group
		return cmp.Or(cmp.Compare(y.Pairs, x.Pairs), strings.Compare(x.Sentence.String(), y.Sentence.String()),
			strings.Compare(x.Example.Principal, y.Example.Principal), strings.Compare(x.Example.Target, y.Example.Target))
	})
	var trapped []*draft
	for _, d := range all {
		if !d.cause.Open {
			trapped = append(trapped, d)
		}
	}
	parallel(min(len(trapped), mostFixes), func(i int) { s.mend(trapped[i]) })
	for _, d := range all {
		if d.cause.Open {
			r.Unknown = append(r.Unknown, d.Group)
		} else {
			r.Trapped = append(r.Trapped, d.Group)
		}
	}
}

// mostFixes is how many groups have a fix: to find one and prove it takes the doctor
// longer than all decisions about the group.
const mostFixes = 20

// draft is a group with what its example is made of.
type draft struct {
	Group
	cause   *cause
	class   int // of principals
	entries []*entry
	unit    *unit
	keys    []int
	// launching: the example's volumes are to be made.
	launching bool
}

// groupOf makes one: principals that it concerns with the same keys are together.
func (s *survey) groupOf(c *cause, f *found) *draft {
	g := &draft{cause: c}
	g.Group = Group{Kind: c.kind, Layer: string(c.layer), Actions: []string{}, Operations: []Operation{}, Sets: []Set{}, Next: []string{}}
	if c.missing != "" {
		g.Missing = strings.Split(c.missing, "; ")
	}
	sets := alike(len(f.classes), func(i int) string {
		class := f.classes[i]
		list := f.entries[class]
		slices.SortFunc(list, func(a, b *entry) int { return int(a.class - b.class) })
		b := []byte(s.classes[class].account.ID)
		for _, e := range list {
			b = binary.LittleEndian.AppendUint32(b, uint32(e.class))
			b = binary.LittleEndian.AppendUint32(b, uint32(e.targets.sum()))
		}
		return string(b)
	})
	var ops, parts uint8
	best := 0
	for _, list := range sets {
		set := Set{Account: s.classes[f.classes[list[0]]].account.ID, Principals: []string{}}
		for _, i := range list {
			set.Principals = append(set.Principals, s.names(f.classes[i])...)
		}
		var classes []int
		for _, e := range f.entries[f.classes[list[0]]] {
			classes = append(classes, int(e.class))
			set.Targets.plus(e.targets)
		}
		for _, i := range list {
			for _, e := range f.entries[f.classes[i]] {
				ops |= e.ops
				parts |= e.parts
			}
		}
		slices.Sort(set.Principals)
		set.Keys = s.refs(classes)
		set.Pairs = int64(len(set.Principals)) * int64(set.Targets.sum())
		g.Pairs += set.Pairs
		g.Sets = append(g.Sets, set)
		if set.Pairs > g.Sets[best].Pairs {
			best = len(g.Sets) - 1
		}
	}
	g.class = f.classes[sets[best][0]]
	g.entries = f.entries[g.class]
	s.exemplify(g)
	slices.SortStableFunc(g.Sets, func(a, b Set) int {
		return cmp.Or(cmp.Compare(b.Pairs, a.Pairs), strings.Compare(a.Principals[0], b.Principals[0]), strings.Compare(a.Keys[0].ARN, b.Keys[0].ARN))
	})
	for i, op := range operations {
		if ops&(1<<i) != 0 {
			g.Operations = append(g.Operations, op)
		}
	}
	for i, actions := range [...]string{attach: "kms:CreateGrant", encrypt: "kms:GenerateDataKeyWithoutPlaintext", reencryptFrom: "kms:ReEncryptFrom", reencryptTo: "kms:ReEncryptTo"} {
		if parts&(1<<i) != 0 {
			if c.service {
				actions = "kms:Decrypt"
			}
			g.Actions = append(g.Actions, actions)
		}
	}
	g.Sentence = c.sentence(g.Actions)
	return g
}

// names are the ARNs of a class of principals.
func (s *survey) names(class int) []string {
	c := s.classes[class]
	all := make([]string, len(c.members))
	for i, n := range c.members {
		all[i] = c.account.Principals[n].ARN
	}
	return all
}

// refs are the keys of some classes, those with targets.
func (s *survey) refs(classes []int) []KeyRef {
	all := []KeyRef{}
	for _, n := range classes {
		for _, i := range s.keys[n].members {
			if s.usedFor[i] != nil {
				all = append(all, s.ref(i))
			}
		}
	}
	slices.SortFunc(all, func(a, b KeyRef) int { return strings.Compare(a.ARN, b.ARN) })
	return all
}

func (s *survey) ref(key int) KeyRef {
	k := s.judge.keys.list[key]
	r := KeyRef{ARN: k.ARN}
	if len(k.Aliases) > 0 {
		r.Alias = k.Aliases[0]
	}
	return r
}

// mostInFix is how many keys a fix is written for.
const mostInFix = 8

// exemplify adds an example and what to type next.
func (s *survey) exemplify(g *draft) {
	p := s.classes[g.class].Principal
	e := g.entries[0]
	for _, o := range g.entries {
		if s.units[o.unit].op == StartInstances && s.units[e.unit].op != StartInstances {
			e = o
		}
	}
	g.unit, g.launching = s.units[e.unit], e.parts&^(1<<attach) != 0
	t := &g.unit.example
	key := t.needs[0].key
	for _, n := range t.needs {
		for _, k := range [...]int{n.source, n.key} {
			if k >= 0 && s.classOf[k] == int(e.class) {
				key = k
			}
		}
	}
	g.keys = append(g.keys, key)
	arn := s.judge.keys.list[key].ARN
	for _, o := range g.entries {
		for _, i := range s.keys[o.class].members {
			other := s.judge.keys.list[i].ARN
			if len(g.keys) < mostInFix && s.usedFor[i] != nil && i != key && accountOf(other) == accountOf(arn) && regionOf(other) == regionOf(arn) {
				g.keys = append(g.keys, i)
			}
		}
	}
	site := g.unit.region.Site
	g.Example = Example{Principal: p.ARN, Operation: t.op, Kind: t.kind, Target: t.id, Instance: t.instance, Key: arn, Region: site.Region}
	if t.instance != "" && !g.cause.Open {
		g.Next = append(g.Next, "keyturn diagnose "+t.instance+" --principal "+p.ARN+" --region "+site.Region)
	}
}

// mend has the doctor write the fix for the example's principal and keys.
func (s *survey) mend(g *draft) {
	t := &g.unit.example
	e := s.evidence(g.unit.region, s.classes[g.class].Principal, g.keys, t.needs[0].volume, g.launching)
	if t.instance != "" {
		e.Instance.ID = t.instance
	}
	report := diagnose.Judge(e)
	if report.Cause == nil {
		return
	}
	g.Statement = report.Cause.Statement
	if len(report.Fixes) == 0 {
		return
	}
	f := report.Fixes[0]
	f.Commands = slices.DeleteFunc(slices.Clone(f.Commands), func(line string) bool {
		return strings.HasPrefix(line, "# ") || strings.Contains(line, exampleInstance)
	})
	g.Fix = &f
}

// expose lists exposures.
func (s *survey) expose(r *Report, all map[exposureKey]*exposed) {
	for key, e := range all {
		x := Exposure{Kind: key.kind, Statement: statementOf(&e.reason), Actions: e.actions, Principals: []string{}, Keys: []KeyRef{}}
		for _, n := range e.keys {
			for _, i := range s.keys[n].members {
				x.Keys = append(x.Keys, s.ref(i))
			}
			for _, class := range e.by[n] {
				for _, name := range s.names(class) {
					if !slices.Contains(x.Principals, name) {
						x.Principals = append(x.Principals, name)
					}
				}
				x.Count += int64(len(s.classes[class].members)) * int64(len(s.keys[n].members))
			}
			if key.kind == OpenKey {
				x.Count += int64(len(s.keys[n].members))
			}
		}
		slices.Sort(x.Principals)
		slices.SortFunc(x.Keys, func(a, b KeyRef) int { return strings.Compare(a.ARN, b.ARN) })
		x.describe()
		r.Totals.Shouldnt += x.Count
		r.Shouldnt = append(r.Shouldnt, x)
	}
	slices.SortFunc(r.Shouldnt, func(a, b Exposure) int {
		return cmp.Or(strings.Compare(string(b.Kind), string(a.Kind)), cmp.Compare(b.Count, a.Count), strings.Compare(a.Sentence.String(), b.Sentence.String()), strings.Compare(a.Keys[0].ARN, b.Keys[0].ARN))
	})
}

func statementOf(r *access.Reason) *diagnose.Statement {
	return &diagnose.Statement{Document: r.Document, ARN: r.ARN, Index: r.Statement, Sid: r.Sid, Line: r.Position.Line, Effect: string(r.Effect)}
}

// matrix makes the groups of principals and keys, and the cells.
func (s *survey) matrix(r *Report, tallies []tally, states *cellStates) {
	groups := rows(tallies)
	groups = slices.DeleteFunc(groups, func(g []int) bool {
		return !slices.ContainsFunc(tallies[g[0]].cells, func(c uint32) bool { return c != 0 })
	})
	keyGroups := columns(tallies, groups, len(s.keys))
	keyGroups = slices.DeleteFunc(keyGroups, func(k []int) bool {
		return !slices.ContainsFunc(groups, func(g []int) bool { return tallies[g[0]].cells[k[0]] != 0 })
	})
	for i, g := range groups {
		p := PrincipalGroup{ID: "P" + strconv.Itoa(i+1), Account: s.classes[g[0]].account.ID, Principals: []string{}}
		for _, class := range g {
			p.Principals = append(p.Principals, s.names(class)...)
		}
		slices.Sort(p.Principals)
		r.PrincipalGroups = append(r.PrincipalGroups, p)
	}
	for i, k := range keyGroups {
		g := KeyGroup{ID: "K" + strconv.Itoa(i+1), Keys: []KeyRef{}}
		for _, class := range k {
			for _, n := range s.keys[class].members {
				g.Keys = append(g.Keys, s.ref(n))
				for kind, count := range s.usedFor[n] {
					g.Targets.add(kind, count)
				}
			}
		}
		slices.SortFunc(g.Keys, func(a, b KeyRef) int { return strings.Compare(a.ARN, b.ARN) })
		r.KeyGroups = append(r.KeyGroups, g)
	}
	for i, g := range groups {
		for n, k := range keyGroups {
			state := states.list[tallies[g[0]].cells[k[0]]]
			if state == (cellState{}) {
				continue
			}
			if len(r.Cells) == mostCells {
				r.CellsOmitted++
				continue
			}
			r.Cells = append(r.Cells, Cell{
				Principals: r.PrincipalGroups[i].ID, Keys: r.KeyGroups[n].ID,
				Can: state.bits&cellCan != 0, Trapped: state.bits&cellTrapped != 0, Unknown: state.bits&cellUnknown != 0, Shouldnt: state.bits&cellShouldnt != 0,
			})
		}
	}
}
