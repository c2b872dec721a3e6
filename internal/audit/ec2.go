package audit

import (
	"slices"
	"strings"
	"sync"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// Whether somebody could call an operation of EC2 is asked of their own policies
// and the organization's: is there any such call that they allow? What a call says
// (an instance type, a subnet, tags) is for the caller to choose, so a condition on
// it stands in nobody's way. A control policy that could not be read is taken to
// allow: the question is who means to, and KMS's answer comes after.

// launched are the types of resource that every launch needs permission for
// (Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon EC2", RunInstances, those marked as required).
var launched = []string{"image", "instance", "network-interface", "security-group", "subnet", "volume"}

// nameless stands for the id of a resource that no policy names.
const nameless = "00000000000000000"

// couldCall tells whether p could call the operation at all, whatever it is on.
func (j *judge) couldCall(p *caller, g *Region, op Operation) bool {
	switch op {
	case RunInstances:
		for _, kind := range launched {
			if kind != "image" && !j.someOf(p, g, op, kind) {
				return false
			}
		}
	case AttachVolume:
		return j.someOf(p, g, op, "instance")
	}
	return true
}

// couldUse tells whether p could call the operation on a resource.
func (j *judge) couldUse(p *caller, g *Region, op Operation, r resource) bool {
	return r.arn == "" || j.callable(p, g, op, r)
}

// couldTake tells whether p could launch from an image; from any, if it is not
// known which.
func (j *judge) couldTake(p *caller, g *Region, op Operation, image resource) bool {
	if op != RunInstances {
		return true
	}
	if image.arn == "" {
		return j.someOf(p, g, op, "image")
	}
	return j.callable(p, g, op, image)
}

// someOf tells whether p could call the operation on some resource of a type: one
// that no policy names, or one that a policy of p's own does.
func (j *judge) someOf(p *caller, g *Region, op Operation, kind string) bool {
	account := g.Site.Account
	if kind == "image" {
		account = ""
	}
	if j.callable(p, g, op, resource{arn: g.arn(account, kind+"/"+kind+"-"+nameless)}) {
		return true
	}
	for _, arn := range p.named(g, kind) {
		if j.callable(p, g, op, resource{arn: arn}) {
			return true
		}
	}
	return false
}

// named are ARNs of resources of a type that fit what the principal's policies
// name: a text in a wildcard's place makes one of a pattern.
func (p *caller) named(g *Region, kind string) []string {
	var all []string
	for i := range p.docs {
		d := p.docs[i].Policy
		for n := range d.Len() {
			for _, text := range d.Statement(n).Resources() {
				parts := strings.SplitN(text, ":", 6)
				if len(parts) < 6 || !strings.HasPrefix(parts[5], kind+"/") || strings.Contains(text, "${") {
					continue
				}
				if strings.Contains(parts[3], "*") {
					parts[3] = g.Site.Region
				}
				if strings.Contains(parts[4], "*") {
					parts[4] = g.Site.Account
				}
				parts[1], parts[2] = g.Site.Partition, "ec2"
				parts[5] = strings.NewReplacer("*", "0", "?", "0").Replace(parts[5])
				if arn := strings.Join(parts, ":"); !slices.Contains(all, arn) {
					all = append(all, arn)
				}
			}
		}
	}
	return all
}

// callable decides whether there is a call on one resource that p may make.
func (j *judge) callable(p *caller, g *Region, op Operation, r resource) bool {
	q := j.ec2Request(p.Principal, g, op, r)
	pol := access.Policies{Identity: p.docs, Boundary: p.Boundary, ManagementAccount: j.management()}
	if at := j.places[p.Principal.Principal.Account]; at != nil {
		pol.ServiceControl = at.service
	}
	o := access.Check(&q, &pol)
	return o == access.Allowed || o == access.Depends
}

func (j *judge) ec2Request(p *Principal, g *Region, op Operation, r resource) access.Request {
	q := access.Request{Principal: p.Principal, Action: "ec2:" + string(op), Resource: r.arn}
	c := &q.Context
	j.setCaller(c, p)
	c.Set("aws:RequestedRegion", g.Site.Region)
	c.Set("ec2:Region", g.Site.Region)
	c.Set("aws:SecureTransport", "true")
	j.setPlaces(c, p.Principal.Account, p.Principal.Account)
	for _, k := range callersChoice(op) {
		c.SetUnknown(k)
	}
	r.tags.set(c)
	return q
}

// set adds the condition keys for a resource's tags.
func (t *Tags) set(c *access.Context) {
	if t == nil {
		c.SetUnknown("aws:ResourceTag/*")
		c.SetUnknown("ec2:ResourceTag/*")
		return
	}
	for k, v := range t.all() {
		c.Set("aws:ResourceTag/"+k, v)
		c.Set("ec2:ResourceTag/"+k, v)
	}
}

// known are the prefixes, in lower case, of keys that are set, or follow from who
// calls and on what.
var known = []string{
	"aws:principal", "aws:userid", "aws:username", "aws:currenttime", "aws:epochtime", "aws:requestedregion", "aws:securetransport",
	"aws:resource", "ec2:resourcetag/", "ec2:region",
}

var choices sync.Map // of []string by Operation

// callersChoice are the condition keys of an operation whose value is the call's
// own: what it asks for, and where it comes from.
func callersChoice(op Operation) []string {
	if keys, ok := choices.Load(op); ok {
		return keys.([]string)
	}
	var keys []string
	if a, ok := serviceref.LookupAction("ec2:" + string(op)); ok {
		for _, k := range serviceref.KeysFor(a) {
			name := k.Name
			if before, variable := k.Variable(); variable {
				name = before + "*"
			}
			lower := strings.ToLower(name)
			if !slices.ContainsFunc(known, func(prefix string) bool { return strings.HasPrefix(lower, prefix) }) {
				keys = append(keys, name)
			}
		}
	}
	choices.Store(op, keys)
	return keys
}

// ec2Actions are the operations as policies name them.
var ec2Actions = []string{"ec2:StartInstances", "ec2:AttachVolume", "ec2:RunInstances"}

// about tells whether a statement may be about one of the actions.
func about(s *policy.Statement, actions []string) bool {
	for _, a := range actions {
		if matches(s, a) {
			return true
		}
	}
	return false
}

func matches(s *policy.Statement, action string) bool {
	fits := func(pattern string) bool { return policy.MatchAction(pattern, action) }
	if list := s.NotActions(); list != nil {
		return !slices.ContainsFunc(list, fits)
	}
	return slices.ContainsFunc(s.Actions(), fits)
}
