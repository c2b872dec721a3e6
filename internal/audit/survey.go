package audit

import (
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/access"
)

// survey is an audit in the making: everything in classes, and what is to be asked
// of them.
type survey struct {
	*judge
	lens *lens
	// classes are all principals', account by account.
	classes []*principalClass
	keys    []*keyClass
	classOf []int // of each key of the keyring

	asks    []*ask
	askAt   map[askKey]int
	doors   []*door
	doorAt  map[doorKey]int
	units   []*unit
	unitAt  map[unitKey]int
	needAt  map[string]int
	needs   [][]unitNeed
	usedFor []map[Kind]int // of each key of the keyring, how many targets it has
	causes  causes
}

// ask is a question about a class of keys, with the answers for the classes of
// principals of one account.
type ask struct {
	question
	account string
	class   int
	answers []int32 // by class of principals: 0 is yes, else a cause
}

type askKey struct {
	region *Region
	class  int
	part   part
	volume string
}

// door is what EC2 itself authorizes.
type door struct {
	region   *Region
	op       Operation
	resource resource
	image    bool // the resource is what is launched from
	open     []bool
}

type doorKey struct {
	region *Region
	op     Operation
	image  bool
	text   string
}

// unit is a class of targets.
type unit struct {
	unitKey
	n int
	// example is the first of them.
	example target
}

type unitKey struct {
	region *Region
	kind   Kind
	op     Operation
	// doors are what EC2 authorizes: the call itself, the resource, the image.
	any, resource, image int
	needs                int
}

// unitNeed is a need of a class of targets.
type unitNeed struct {
	class int
	asks  []int
}

// newSurvey reads an inventory.
func newSurvey(in *Inventory) *survey {
	s := &survey{
		judge: newJudge(in), askAt: make(map[askKey]int), doorAt: make(map[doorKey]int), unitAt: make(map[unitKey]int), needAt: make(map[string]int),
	}
	// What is to be asked about has to be known before anything is classed: keys
	// of which nothing was read come up here.
	launchables := make(map[*Region][]target)
	for _, a := range in.Accounts {
		for _, g := range a.Regions {
			launchables[g] = g.launchables(s.judge.keys)
			for i := range g.Volumes {
				s.judge.keys.find(g.Site, g.Volumes[i].Key)
			}
		}
	}
	for _, a := range in.Accounts {
		s.findPlace(a.ID)
	}
	s.places[stranger] = &place{nowhere: true}
	for _, k := range s.judge.keys.list {
		s.findPlace(accountOf(k.ARN))
	}
	s.lens = newLensOf(s.judge)
	for _, a := range in.Accounts {
		s.classes = append(s.classes, s.lens.principalClasses(s.judge, a)...)
	}
	s.keys, s.classOf = s.lens.keyClasses(s.judge)
	s.usedFor = make([]map[Kind]int, len(s.judge.keys.list))
	s.causes.init()
	for _, a := range in.Accounts {
		for _, g := range a.Regions {
			for _, t := range launchables[g] {
				s.add(g, &t)
			}
			s.addVolumes(g)
		}
	}
	return s
}

// addVolumes adds a Region's volumes, of which there may be a million.
func (s *survey) addVolumes(g *Region) {
	instances := make(map[string]*Tags, len(g.Instances))
	for i := range g.Instances {
		instances[g.Instances[i].ID] = g.Instances[i].Tags
	}
	for i := range g.Volumes {
		t := g.volume(&g.Volumes[i], s.judge.keys, instances)
		s.add(g, &t)
	}
}

// add counts a target in its unit.
func (s *survey) add(g *Region, t *target) {
	key := unitKey{
		region: g, kind: t.kind, op: t.op,
		any: s.door(g, t.op, resource{}, false), resource: s.door(g, t.op, t.resource, false), image: -1,
		needs: s.need(g, t.needs),
	}
	if t.op == RunInstances {
		key.image = s.door(g, t.op, t.image, true)
	}
	n, ok := s.unitAt[key]
	if !ok {
		n = len(s.units)
		s.unitAt[key] = n
		s.units = append(s.units, &unit{unitKey: key, example: *t})
	}
	s.units[n].n++
	for i, need := range t.needs {
		if i > 0 && need.key == t.needs[i-1].key {
			continue
		}
		if s.usedFor[need.key] == nil {
			s.usedFor[need.key] = make(map[Kind]int)
		}
		s.usedFor[need.key][t.kind]++
	}
}

// door is the number of a door.
func (s *survey) door(g *Region, op Operation, r resource, image bool) int {
	key := doorKey{g, op, image, s.lens.resource(r)}
	n, ok := s.doorAt[key]
	if !ok {
		n = len(s.doors)
		s.doorAt[key] = n
		s.doors = append(s.doors, &door{region: g, op: op, resource: r, image: image})
	}
	return n
}

// need is the number of a list of needs.
func (s *survey) need(g *Region, list []need) int {
	var text strings.Builder
	var all []unitNeed
	for i := range list {
		n := &list[i]
		u := unitNeed{class: s.classOf[n.key]}
		if n.made {
			u.asks = append(u.asks, s.ask(g, n.key, encrypt, ""))
			if n.source >= 0 {
				u.asks = append(u.asks, s.ask(g, n.source, reencryptFrom, ""), s.ask(g, n.key, reencryptTo, ""))
			}
		}
		u.asks = append(u.asks, s.ask(g, n.key, attach, n.volume))
		for _, a := range u.asks {
			text.WriteString(strconv.Itoa(a) + ",")
		}
		text.WriteByte(';')
		all = append(all, u)
	}
	n, ok := s.needAt[text.String()]
	if !ok {
		n = len(s.needs)
		s.needAt[text.String()] = n
		s.needs = append(s.needs, all)
	}
	return n
}

// ask is the number of a question.
func (s *survey) ask(g *Region, key int, p part, volume string) int {
	k := askKey{region: g, class: s.classOf[key], part: p}
	if volume != "" {
		k.volume = "vol" + s.lens.volume(volume)
	}
	n, ok := s.askAt[k]
	if !ok {
		n = len(s.asks)
		s.askAt[k] = n
		s.asks = append(s.asks, &ask{question: question{region: g, key: key, part: p, volume: volume}, account: g.Site.Account, class: k.class})
	}
	return n
}

// decideAsks answers all questions, on all processors.
func (s *survey) decideAsks() {
	parallel(len(s.asks), func(i int) {
		a := s.asks[i]
		a.answers = make([]int32, len(s.classes))
		lists := make(map[sort][]prepared)
		for n, c := range s.classes {
			if c.account.ID != a.account {
				continue
			}
			list, ok := lists[c.sort()]
			if !ok {
				list = s.prepare(a.question, c.Principal)
				lists[c.sort()] = list
			}
			if r, at := s.judge.ask(list, &c.caller); r.outcome != access.Allowed {
				a.answers[n] = s.cause(n, &r, at)
			}
		}
	})
}

// decideDoors asks EC2's own authorization.
func (s *survey) decideDoors() {
	parallel(len(s.doors), func(i int) {
		d := s.doors[i]
		d.open = make([]bool, len(s.classes))
		for n, c := range s.classes {
			if c.account.ID != d.region.Site.Account {
				continue
			}
			switch {
			case d.image:
				d.open[n] = s.couldTake(&c.caller, d.region, d.op, d.resource)
			case d.resource.arn == "":
				d.open[n] = s.couldCall(&c.caller, d.region, d.op)
			default:
				d.open[n] = s.couldUse(&c.caller, d.region, d.op, d.resource)
			}
		}
	})
}

// of is what is to be said of one need: no cause, or one and the question that has
// it; a denial rather than an open question.
func (s *survey) of(class int, n *unitNeed) (cause int32, at *ask) {
	for _, i := range n.asks {
		a := s.asks[i]
		switch c := a.answers[class]; {
		case c == 0:
		case !s.causes.list[c].Open:
			return c, a
		case at == nil:
			cause, at = c, a
		}
	}
	return cause, at
}
