package audit

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// principalClass are principals of one account that no policy tells apart.
type principalClass struct {
	caller  // the first, who speaks for all
	members []int
	account *Account
	// odd: a policy names an action that KMS does not have.
	odd bool
}

// keyClass are keys that no policy tells apart.
type keyClass struct {
	key     int // the first, in the keyring
	members []int
}

// principalClasses groups an account's principals.
func (l *lens) principalClasses(j *judge, a *Account) []*principalClass {
	var all []*principalClass
	bySignature := make(map[string]*principalClass)
	for i := range a.Principals {
		p := &a.Principals[i]
		text := l.principal(j, p)
		c := bySignature[text]
		if c == nil {
			c = &principalClass{caller: p.calling(), account: a}
			for n := range p.Identity {
				c.odd = c.odd || l.oddity(p.Identity[n].Document.Policy)
			}
			bySignature[text] = c
			all = append(all, c)
		}
		c.members = append(c.members, i)
	}
	return all
}

func (l *lens) principal(j *judge, p *Principal) string {
	var s signature
	var documents []int
	for i := range p.Identity {
		if d := p.Identity[i].Document.Policy; l.matters(d) {
			documents = append(documents, l.number(d))
		}
	}
	slices.Sort(documents)
	for _, n := range slices.Compact(documents) {
		s.add(strconv.Itoa(n))
	}
	s.add("|", string(p.Principal.Type), strconv.FormatBool(p.Principal.ServiceLinked), strconv.FormatBool(p.TagsSessions),
		strconv.FormatBool(len(p.Unread) > 0), strconv.FormatBool(p.BoundaryUnread))
	if p.Boundary != nil {
		s.add(strconv.Itoa(l.number(p.Boundary.Policy)))
	}
	for _, name := range [...]string{p.ARN, p.Principal.ARN, p.Principal.RoleARN, p.Principal.RoleID, p.Principal.UserID} {
		if name != "" && l.named[name] {
			s.add("named", name)
		}
	}
	r := access.Request{Principal: p.Principal, Action: "kms:CreateGrant"}
	j.setPlaces(&r.Context, p.Principal.Account, p.Principal.Account)
	r.Context.SetUnknown("*")
	s.lines(&l.principals, requestKeys{&r})
	return s.String()
}

// matters tells whether a document is about what is asked, or nearly so.
func (l *lens) matters(p *policy.Policy) bool {
	if p == nil {
		return false
	}
	n := l.number(p)
	yes, ok := l.bearing[n]
	if !ok {
		yes = l.oddity(p)
		for i := range p.Len() {
			s := p.Statement(i)
			yes = yes || about(s, kmsActions) || about(s, ec2Actions)
		}
		l.bearing[n] = yes
	}
	return yes
}

// oddity is odd, asked once of each document.
func (l *lens) oddity(p *policy.Policy) bool {
	n := l.number(p)
	yes, ok := l.odd[n]
	if !ok {
		yes = odd(p)
		l.odd[n] = yes
	}
	return yes
}

// keyClasses groups the keys of a keyring, and tells each key's class.
func (l *lens) keyClasses(j *judge) (all []*keyClass, of []int) {
	bySignature := make(map[string]int)
	of = make([]int, len(j.keys.list))
	for i, k := range j.keys.list {
		text := l.key(j, k)
		n, ok := bySignature[text]
		if !ok {
			n = len(all)
			bySignature[text] = n
			all = append(all, &keyClass{key: i})
		}
		all[n].members = append(all[n].members, i)
		of[i] = n
	}
	return all, of
}

func (l *lens) key(j *judge, k *Key) string {
	var s signature
	parts := strings.SplitN(k.ARN, ":", 6)
	if len(parts) == 6 {
		s.add(parts[1], parts[3], parts[4])
	}
	s.add(k.Manager, string(k.Fault()), strconv.FormatBool(k.GrantsUnread), strconv.FormatBool(k.StateUnread),
		strconv.FormatBool(k.AliasesUnread), strconv.FormatBool(k.Tags == nil))
	own := l.allKeys || l.keyARNs[k.ARN]
	if k.Policy != nil {
		s.add(strconv.Itoa(l.number(k.Policy.Policy)))
		own = own || namesResource(k.Policy.Policy)
	}
	for i := range k.Grants {
		s.add(grantText(&k.Grants[i])...)
	}
	if own {
		s.add(k.ARN)
	}
	s.spots(l.keyPlaces, k.ARN)
	r := access.Request{Action: "kms:CreateGrant", Resource: k.ARN, ResourceAccount: accountOf(k.ARN)}
	k.setKey(&r.Context)
	j.setPlaces(&r.Context, "", accountOf(k.ARN))
	r.Context.SetUnknown("*")
	s.lines(&l.keys, requestKeys{&r})
	return s.String()
}

// namesResource tells whether a key policy names anything but "this key".
func namesResource(p *policy.Policy) bool {
	for i := range p.Len() {
		s := p.Statement(i)
		for _, list := range [...][]string{s.Resources(), s.NotResources()} {
			if slices.ContainsFunc(list, func(r string) bool { return r != "*" }) {
				return true
			}
		}
	}
	return false
}

// grantText is what matters of a grant, without its id.
func grantText(g *access.Grant) []string {
	all := append([]string{"grant", g.Grantee}, g.Operations...)
	for _, pairs := range [...]map[string]string{g.ContextEquals, g.ContextSubset} {
		all = append(all, "/")
		for _, name := range slices.Sorted(maps.Keys(pairs)) {
			all = append(all, name, pairs[name])
		}
	}
	return all
}

// volume tells volumes apart by their ids: those of one text are decided alike.
func (l *lens) volume(id string) string {
	if l.allVolumes || l.volumeIDs[id] {
		return id
	}
	if len(l.volumes.lines) == 0 {
		return ""
	}
	var s signature
	s.lines(&l.volumes, oneVolume(id))
	return s.String()
}

// resource tells EC2's resources apart by ARN and tags.
func (l *lens) resource(r resource) string {
	if r.arn == "" {
		return "none"
	}
	var s signature
	if l.allResources || l.ec2ARNs[r.arn] {
		s.add(r.arn)
	}
	s.spots(l.ec2Places, r.arn)
	switch {
	case r.tags == nil:
		s.add("?")
	case len(l.resources.lines)+len(l.resources.whole) > 0:
		var q access.Request
		r.tags.set(&q.Context)
		q.Context.SetUnknown("*")
		s.lines(&l.resources, requestKeys{&q})
	}
	return s.String()
}
