package audit

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
)

// exposureKey tells exposures apart: by the statement that allows them.
type exposureKey struct {
	kind                ExposureKind
	document, statement int
}

// exposed is an exposure in the making.
type exposed struct {
	reason  access.Reason
	actions []string
	keys    []int         // classes
	by      map[int][]int // classes of principals, by class of keys
}

// grantKeys are condition keys by which somebody limits which grants may be made,
// and for whom (KMS guide, "Condition keys for AWS KMS"): whoever wrote one has
// thought of it.
var grantKeys = []string{
	"kms:grantisforawsresource", "kms:grantoperations", "kms:granteeprincipal", "kms:grantconstrainttype", "kms:retiringprincipal",
	"kms:encryptioncontext", "kms:viaservice", "aws:viaawsservice", "aws:calledvia",
}

// exposures asks, for every key that is no key of AWS's, who may make any grant on
// it, and whether everybody may use it. The second result tells for each class of
// keys which classes of principals are exposed.
func (s *survey) exposures() (map[exposureKey]*exposed, [][]bool) {
	all := make(map[exposureKey]*exposed)
	flags := make([][]bool, len(s.keys))
	type found struct {
		reason  access.Reason
		class   int // of principals, -1 for everybody
		kind    ExposureKind
		actions []string
	}
	results := make([][]found, len(s.keys))
	parallel(len(s.keys), func(i int) {
		k := s.judge.keys.list[s.keys[i].key]
		if k.awsManaged() || k.Policy == nil || k.Missing {
			return
		}
		actions, open := s.openTo(k)
		if open != nil {
			results[i] = append(results[i], found{*open, -1, OpenKey, actions})
		}
		requests := make(map[sort][2]access.Request)
		for n, c := range s.classes {
			if c.account.ID != accountOf(k.ARN) || c.Principal.Principal.ServiceLinked {
				continue
			}
			two, ok := requests[c.sort()]
			if !ok {
				two = [2]access.Request{s.direct(c.Principal, k, "kms:CreateGrant"), s.direct(c.Principal, k, "kms:PutKeyPolicy")}
				requests[c.sort()] = two
			}
			r := s.unlimited(&c.caller, k, &two)
			if r != nil && (open == nil || r.Layer != access.ResourceLayer || r.Statement != open.Statement) {
				results[i] = append(results[i], found{*r, n, DirectGrant, []string{"kms:CreateGrant"}})
			}
		}
	})
	for i, list := range results {
		k := s.judge.keys.list[s.keys[i].key]
		for _, f := range list {
			key := exposureKey{kind: f.kind, statement: f.reason.Statement}
			if f.class >= 0 {
				if flags[i] == nil {
					flags[i] = make([]bool, len(s.classes))
				}
				flags[i][f.class] = true
				key.document = s.document(&f.reason, &s.classes[f.class].caller, k)
			} else {
				key.document = s.lens.documents[k.Policy.Policy.Text()]
			}
			e := all[key]
			if e == nil {
				e = &exposed{reason: f.reason, by: make(map[int][]int)}
				all[key] = e
			}
			for _, a := range f.actions {
				if !slices.Contains(e.actions, a) {
					e.actions = append(e.actions, a)
				}
			}
			if !slices.Contains(e.keys, i) {
				e.keys = append(e.keys, i)
			}
			if f.class >= 0 {
				e.by[i] = append(e.by[i], f.class)
			}
		}
	}
	return all, flags
}

// direct is a request that a principal makes of KMS itself, for any grant.
func (s *survey) direct(p *Principal, k *Key, action string) access.Request {
	r := access.Request{Principal: p.Principal, Action: action, Resource: k.ARN, ResourceAccount: accountOf(k.ARN)}
	c := &r.Context
	s.setCaller(c, p)
	c.Set("aws:SecureTransport", "true")
	c.Set("aws:RequestedRegion", regionOf(k.ARN))
	c.Set("aws:ViaAWSService", "false")
	if action == "kms:CreateGrant" {
		c.Set("kms:GrantIsForAWSResource", "false")
		for _, key := range [...]string{"kms:GrantOperations", "kms:GranteePrincipal", "kms:GrantConstraintType", "kms:RetiringPrincipal", "kms:EncryptionContext*"} {
			c.SetUnknown(key)
		}
	}
	for _, key := range [...]string{"aws:SourceIp", "aws:SourceVpc*", "aws:VpcSourceIp"} {
		c.SetUnknown(key)
	}
	k.setKey(c)
	s.setPlaces(c, p.Principal.Account, accountOf(k.ARN))
	return r
}

// regionOf is the fourth field of an ARN.
func regionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[3]
}

// unlimited is what lets a principal make grants on a key that nothing limits, nil
// if nothing does. Who may put the key's policy administers it, and can give itself
// anything.
func (s *survey) unlimited(p *caller, k *Key, two *[2]access.Request) *access.Reason {
	grant, put := two[0], two[1]
	grant.Principal, put.Principal = p.Principal.Principal, p.Principal.Principal
	pol := s.policies(p, k, p.Principal.Principal.Account)
	switch access.Check(&grant, &pol) {
	case access.Allowed, access.Depends:
	default:
		return nil
	}
	if o := access.Check(&put, &pol); o == access.Allowed || o == access.Depends {
		return nil
	}
	d := access.Decide(grant, pol)
	if d.Outcome == access.Depends && slices.ContainsFunc(missing(&d), limitsGrants) {
		return nil
	}
	if r := allowing(&d); r != nil && r.GrantID == "" {
		return r
	}
	return nil
}

// limitsGrants tells whether what an answer turns on is a limit on grants, or could
// not be read.
func limitsGrants(name string) bool {
	name = strings.ToLower(name)
	if !strings.Contains(name, ":") {
		return true
	}
	return slices.ContainsFunc(grantKeys, func(key string) bool { return strings.HasPrefix(name, key) })
}

// allowing is the statement that lets a request through, or may.
func allowing(d *access.Decision) *access.Reason {
	if d.By != nil {
		return d.By
	}
	for _, name := range [...]access.Layer{access.ResourceLayer, access.IdentityLayer} {
		for _, l := range d.Layers {
			for i := range l.Reasons {
				r := &l.Reasons[i]
				if l.Layer == name && r.Effect == policy.Allow && (r.Match || r.Failed != nil && r.Failed.Unknown) && !r.Names.Has(policy.NamesAccount) {
					return r
				}
			}
		}
	}
	return nil
}

// stranger is an account of which nobody has heard.
const stranger = "000000000000"

// openActions are what a stranger is tried to do with a key.
var openActions = []string{"kms:Decrypt", "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext", "kms:Encrypt", "kms:ReEncryptFrom", "kms:PutKeyPolicy"}

var everything = mustParse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)

func mustParse(text string) *policy.Policy {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return p
}

// openTo lists what the key policy lets principals of any account do, by
// themselves or through EC2 in an account of their own, and the first statement that
// does. What is asked for by name of the caller's own choosing is no hindrance.
func (s *survey) openTo(k *Key) (actions []string, by *access.Reason) {
	pol := access.Policies{
		Identity: []access.Document{{Name: "everything", Policy: everything}}, ManagementAccount: s.management(),
		Resource: &access.ResourcePolicy{Kind: access.KMSKey, Document: *k.Policy},
	}
	if at := s.places[accountOf(k.ARN)]; at != nil {
		pol.ResourceControl = at.resource
	}
	for _, a := range openActions {
		for _, p := range s.strangers(k) {
			for _, viaEC2 := range [...]bool{false, true} {
				r := s.direct(&p, k, a)
				if viaEC2 {
					r.Context.Set("aws:ViaAWSService", "true")
					r.Context.Set("kms:ViaService", launch.Site{Partition: p.Principal.Partition, Region: regionOf(k.ARN)}.ServicePrincipal())
					r.Context.Set("kms:GrantIsForAWSResource", "true")
				}
				if access.Check(&r, &pol) != access.Allowed {
					continue
				}
				d := access.Decide(r, pol)
				if by == nil {
					by = ofKeyPolicy(&d)
				}
				if by != nil && !slices.Contains(actions, a) {
					actions = append(actions, a)
				}
			}
		}
	}
	return actions, by
}

// ofKeyPolicy is the key policy's statement that allows.
func ofKeyPolicy(d *access.Decision) *access.Reason {
	for _, l := range d.Layers {
		for i := range l.Reasons {
			if r := &l.Reasons[i]; l.Layer == access.ResourceLayer && r.Match && r.Effect == policy.Allow {
				return r
			}
		}
	}
	return nil
}

// strangers are principals of an account of which nobody has heard: one with any
// name, and those whose names fit what the key policy asks of aws:PrincipalArn.
func (s *survey) strangers(k *Key) []Principal {
	partition := "aws"
	if parts := strings.SplitN(k.ARN, ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	names := []string{"arn:" + partition + ":iam::" + stranger + ":user/anybody"}
	for i := range k.Policy.Policy.Len() {
		for _, c := range k.Policy.Policy.Statement(i).Conditions() {
			if !strings.EqualFold(c.Key, "aws:PrincipalArn") {
				continue
			}
			for _, v := range c.Values {
				parts := strings.SplitN(v, ":", 6)
				if len(parts) == 6 && strings.Contains(parts[4], "*") {
					parts[4] = stranger
					names = append(names, strings.NewReplacer("*", "x", "?", "x").Replace(strings.Join(parts, ":")))
				}
			}
		}
	}
	all := make([]Principal, len(names))
	for i, n := range names {
		all[i] = Principal{ARN: n, Principal: access.Principal{
			Type: access.User, Partition: partition, Account: stranger, ARN: n, UserID: "AIDASTRANGER", Name: lastPart(n),
		}}
	}
	return all
}
