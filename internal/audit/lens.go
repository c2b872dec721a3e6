package audit

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// kmsActions are the actions on keys that the audit asks about.
var kmsActions = []string{
	"kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:PutKeyPolicy",
}

// lens is all by which the policies in play can tell principals, keys, volumes and
// EC2's resources apart: who is named, which ARNs, which condition keys with which
// values. What looks the same through it is decided the same.
type lens struct {
	// documents numbers policies by their text: equal ones are one.
	documents map[string]int
	seen      map[int]bool
	// named are the principals that policies of resources and grants name.
	named map[string]bool
	// principals, keys, volumes and resources are the lines of conditions on what
	// each has; of two that say the same there is one.
	principals, keys, volumes, resources side
	// keyPlaces and ec2Places are Resource elements with wildcards, keyARNs and
	// ec2ARNs what those without name.
	keyPlaces, ec2Places []spot
	keyARNs, ec2ARNs     map[string]bool
	places               map[string]bool
	// volumeIDs are the volumes that grants name.
	volumeIDs map[string]bool
	// bearing and odd keep what is known of documents.
	bearing, odd map[int]bool
	// allKeys, allVolumes and allResources: a variable or the like may tell any of
	// them from any other.
	allKeys, allVolumes, allResources bool
}

// side is one side's lines, and its keys whose whole value matters: those that a
// variable puts into, or compares with, something else.
type side struct {
	lines []*policy.Condition
	whole []string
	has   map[string]bool
}

// spot is a statement whose Resource element, or NotResource, is a pattern.
type spot struct {
	statement *policy.Statement
	action    string
}

func newLens() *lens {
	return &lens{
		documents: make(map[string]int), seen: make(map[int]bool), named: make(map[string]bool),
		keyARNs: make(map[string]bool), ec2ARNs: make(map[string]bool), places: make(map[string]bool), volumeIDs: make(map[string]bool),
		bearing: make(map[int]bool), odd: make(map[int]bool),
	}
}

// newLensOf looks at everything that an inventory has.
func newLensOf(j *judge) *lens {
	l := newLens()
	for _, a := range j.inventory.Accounts {
		for i := range a.Principals {
			p := &a.Principals[i]
			for n := range p.Identity {
				l.add(p.Identity[n].Document.Policy, false)
			}
			if p.Boundary != nil {
				l.add(p.Boundary.Policy, false)
			}
		}
	}
	for _, k := range j.keys.list {
		if k.Policy != nil {
			l.add(k.Policy.Policy, true)
		}
		for i := range k.Grants {
			l.addGrant(&k.Grants[i])
		}
	}
	for _, at := range j.places {
		for _, level := range at.service {
			for i := range level {
				l.add(level[i].Policy, false)
			}
		}
		for _, level := range at.resource {
			for i := range level {
				l.add(level[i].Policy, true)
			}
		}
	}
	return l
}

// number is a document's; 0 is none.
func (l *lens) number(p *policy.Policy) int {
	if p == nil {
		return 0
	}
	n, ok := l.documents[p.Text()]
	if !ok {
		n = len(l.documents) + 1
		l.documents[p.Text()] = n
	}
	return n
}

// add looks at a document; ofResource says that it is attached to a resource, or
// speaks for one.
func (l *lens) add(p *policy.Policy, ofResource bool) {
	n := l.number(p)
	if n == 0 || l.seen[n] {
		return
	}
	l.seen[n] = true
	for i := range p.Len() {
		s := p.Statement(i)
		onKeys, onEC2 := about(s, kmsActions), about(s, ec2Actions)
		if !onKeys && !onEC2 {
			continue
		}
		for _, who := range s.Principals() {
			l.named[who.Name] = true
		}
		for _, who := range s.NotPrincipals() {
			l.named[who.Name] = true
		}
		for n := range s.Conditions() {
			l.addLine(&s.Conditions()[n], p.Version())
		}
		l.addPlaces(s, p.Version(), ofResource, onKeys, onEC2)
	}
}

func (l *lens) addGrant(g *access.Grant) {
	l.named[g.Grantee] = true
	for _, pairs := range [...]map[string]string{g.ContextEquals, g.ContextSubset} {
		for _, id := range pairs {
			l.volumeIDs[id] = true
		}
	}
}

// sideOf tells whose a condition key is, nil for one that is the same in all
// requests of one kind.
func (l *lens) sideOf(key string) []*side {
	k := strings.ToLower(key)
	has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(k, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("aws:principal", "aws:userid", "aws:username", "kms:calleraccount"):
		return []*side{&l.principals}
	case has("aws:resource"):
		return []*side{&l.keys, &l.resources}
	case has("kms:encryptioncontext"):
		return []*side{&l.volumes}
	case has("kms:"):
		return []*side{&l.keys}
	case has("ec2:"):
		return []*side{&l.resources}
	}
	return nil
}

func (l *lens) addLine(c *policy.Condition, version string) {
	variables := c.Variables()
	text := version + "\x00" + c.Operator + "\x00" + strings.ToLower(c.Key) + "\x00" + strings.Join(c.Values, "\x00")
	for _, s := range l.sideOf(c.Key) {
		if s.first(text) {
			s.lines = append(s.lines, c)
		}
		if len(variables) > 0 {
			l.wholly(s, c.Key)
		}
	}
	for _, v := range variables {
		for _, s := range l.sideOf(v) {
			l.wholly(s, v)
		}
	}
}

// wholly notes that a key's whole value matters.
func (l *lens) wholly(s *side, key string) {
	if s == &l.volumes {
		l.allVolumes = true
	}
	if key = strings.ToLower(key); s.first("whole " + key) {
		s.whole = append(s.whole, key)
	}
}

// first reports whether a text is new here.
func (s *side) first(text string) bool {
	if s.has[text] {
		return false
	}
	if s.has == nil {
		s.has = make(map[string]bool)
	}
	s.has[text] = true
	return true
}

// addPlaces looks at the resources of a statement.
func (l *lens) addPlaces(s *policy.Statement, version string, ofResource, onKeys, onEC2 bool) {
	list := s.Resources()
	not := list == nil
	if not {
		list = s.NotResources()
	}
	patterns := false
	for _, text := range list {
		switch {
		case text == "*":
		case !strings.ContainsAny(text, "*?$"):
			l.keyARNs[text], l.ec2ARNs[text] = true, true
		case ofResource:
			// Whom such a statement is for is in the way of asking what it is for.
			l.allKeys = true
		default:
			patterns = true
			for _, piece := range policy.ResourcePieces(text, version) {
				if piece.Kind != policy.VariablePiece {
					continue
				}
				l.allKeys, l.allResources = true, true
				for _, v := range l.sideOf(piece.Text) {
					l.wholly(v, piece.Text)
				}
			}
		}
	}
	if !patterns {
		return
	}
	text := strings.Join(list, "\x00")
	for _, one := range [...]struct {
		on      bool
		actions []string
		spots   *[]spot
		name    string
	}{{onKeys, kmsActions, &l.keyPlaces, "keys"}, {onEC2, ec2Actions, &l.ec2Places, "ec2"}} {
		id := one.name + "\x00" + text + "\x00"
		if not {
			id += "not"
		}
		if !one.on || l.places[id] {
			continue
		}
		l.places[id] = true
		for _, a := range one.actions {
			if matches(s, a) {
				*one.spots = append(*one.spots, spot{s, a})
				break
			}
		}
	}
}

// signature collects what a lens sees of a thing.
type signature struct{ strings.Builder }

func (s *signature) add(parts ...string) {
	for _, p := range parts {
		s.WriteString(p)
		s.WriteByte(0)
	}
}

// lines adds how the lines of a side answer to what is known of a thing.
func (s *signature) lines(of *side, keys policy.Keys) {
	for _, c := range of.lines {
		s.WriteByte('0' + byte(c.HoldsWith(keys)))
	}
	for _, name := range of.whole {
		values, present, unknown := keys.Get(name)
		s.add(name)
		switch {
		case unknown:
			s.add("?")
		case !present:
			s.add("-")
		default:
			s.add(values...)
		}
	}
}

// spots adds which resource elements an ARN fits.
func (s *signature) spots(list []spot, arn string) {
	for _, at := range list {
		env := policy.NewEnv(at.action, arn, nil, unknownKeys{})
		f := at.statement.Fit(&env)
		if f.Element == policy.ResourceElement || f.Element == policy.NotResourceElement {
			s.WriteByte('n')
		} else {
			s.WriteByte('y')
		}
	}
}

// unknownKeys are those of a request of which nothing is known.
type unknownKeys struct{}

func (unknownKeys) Get(string) (values []string, present, unknown bool) { return nil, false, true }

// requestKeys gives a request's condition keys, and none of them is absent.
type requestKeys struct{ *access.Request }

func (k requestKeys) Get(key string) (values []string, present, unknown bool) {
	return k.Key(key)
}

// oneVolume is a volume's encryption context.
type oneVolume string

func (v oneVolume) Get(key string) (values []string, present, unknown bool) {
	if strings.EqualFold(key, "kms:EncryptionContext:"+launch.ContextKey) {
		return []string{string(v)}, true, false
	}
	return nil, false, true
}

// odd tells whether a document allows an action of KMS's that there is not: whoever
// wrote it may have meant another.
func odd(p *policy.Policy) bool {
	for i := range p.Len() {
		for _, a := range p.Statement(i).Actions() {
			if len(a) < 4 || !strings.EqualFold(a[:4], "kms:") {
				continue
			}
			known := false
			for range serviceref.Actions(a) {
				known = true
				break
			}
			if !known {
				return true
			}
		}
	}
	return false
}
