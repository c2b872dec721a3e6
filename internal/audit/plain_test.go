package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
)

// status is the end of one pair of a principal and a target.
type status string

const (
	nothing status = "may not call EC2"
	can     status = "can"
	trapped status = "trapped"
	unknown status = "unknown"
)

// plain decides one pair by itself: no classes, nothing prepared, every layer that
// could not be read given to package access as such.
func plain(j *judge, g *Region, p *Principal, t *target) status {
	c := p.calling()
	if !j.couldCall(&c, g, t.op) || !j.couldUse(&c, g, t.op, t.resource) || !j.couldTake(&c, g, t.op, t.image) {
		return nothing
	}
	end := can
	for _, n := range t.needs {
		v := launch.Volume{ID: n.volume, Key: j.keys.list[n.key].ARN}
		steps := launch.Start(g.Site, exampleInstance, []launch.Volume{v})
		if n.made {
			if n.source >= 0 {
				v.Source = &launch.Source{Encrypted: true, Key: j.keys.list[n.source].ARN, Context: map[string]string{launch.ContextKey: ""}}
			}
			steps = launch.Run(g.Site, exampleInstance, []launch.Volume{v})
		}
		var grants []access.Grant
		for _, s := range steps {
			for _, r := range s.Requests(g.Site, p.Principal) {
				switch plainRequest(j, &c, s, r, n.volume, grants) {
				case trapped:
					return trapped
				case unknown:
					end = unknown
				}
			}
			if made := s.AccessGrant(g.Site); made != nil {
				if n.volume == "" {
					made.ContextSubset = nil
				}
				grants = append(grants, *made)
			}
		}
	}
	return end
}

func plainRequest(j *judge, c *caller, s launch.Step, r access.Request, volume string, grants []access.Grant) status {
	byCaller := s.By == launch.ByCaller
	j.complete(&r, byCaller, c.Principal)
	if volume == "" {
		unknownVolume(&r)
	}
	k := j.keys.list[j.keys.byARN[r.Resource]]
	who := c
	if !byCaller {
		who = nil
	}
	pol := j.policies(who, k, r.Principal.Account)
	pol.Grants = append(append([]access.Grant{}, pol.Grants...), grants...)
	if at := j.places[r.Principal.Account]; at == nil || at.unread {
		pol.Unread = append(pol.Unread, access.UnreadLayer{Layer: access.ServiceControlLayer, What: "SCPs"})
	}
	if at := j.places[accountOf(k.ARN)]; at == nil || at.unread {
		pol.Unread = append(pol.Unread, access.UnreadLayer{Layer: access.ResourceControlLayer, What: "RCPs"})
	}
	o := access.Decide(r, pol).Outcome
	switch {
	case k.Missing || o == access.ImplicitDeny || o == access.ExplicitDeny || k.Fault() != "":
		return trapped
	case o == access.Depends || k.StateUnread:
		return unknown
	}
	return can
}

// classed is what the survey says of the same pair.
func classed(s *survey, g *Region, class int, t *target) status {
	key := unitKey{
		region: g, kind: t.kind, op: t.op,
		any: s.door(g, t.op, resource{}, false), resource: s.door(g, t.op, t.resource, false), image: -1, needs: s.need(g, t.needs),
	}
	if t.op == RunInstances {
		key.image = s.door(g, t.op, t.image, true)
	}
	u := s.units[s.unitAt[key]]
	if !s.through(class, u) {
		return nothing
	}
	end := can
	for n := range s.needs[u.needs] {
		c, _ := s.of(class, &s.needs[u.needs][n])
		switch {
		case c == 0:
		case !s.causes.list[c].Open:
			return trapped
		default:
			end = unknown
		}
	}
	return end
}

// through tells whether a class of principals could make EC2's call for a unit.
func (s *survey) through(class int, u *unit) bool {
	return s.doors[u.any].open[class] && s.doors[u.resource].open[class] && (u.image < 0 || s.doors[u.image].open[class])
}

// pairs calls visit for every pair of a principal and a target.
func pairs(s *survey, visit func(g *Region, class int, p *Principal, t *target)) {
	for class, c := range s.classes {
		for _, i := range c.members {
			for _, g := range c.account.Regions {
				instances := make(map[string]*Tags)
				for n := range g.Instances {
					instances[g.Instances[n].ID] = g.Instances[n].Tags
				}
				all := g.launchables(s.judge.keys)
				for n := range g.Volumes {
					all = append(all, g.volume(&g.Volumes[n], s.judge.keys, instances))
				}
				for n := range all {
					visit(g, class, &c.account.Principals[i], &all[n])
				}
			}
		}
	}
}

// TestClassesAreSound: on small accounts of any kind, every pair is decided by its
// classes as it is by itself.
func TestClassesAreSound(t *testing.T) {
	t.Parallel()
	met := make(map[status]int)
	rapid.Check(t, func(t *rapid.T) {
		in := anyInventory(t)
		s := newSurvey(in)
		s.decideDoors()
		s.decideAsks()
		pairs(s, func(g *Region, class int, p *Principal, what *target) {
			want, got := plain(s.judge, g, p, what), classed(s, g, class, what)
			met[want]++
			if got != want {
				t.Fatalf("%s with %s %s: %s, by itself %s", p.ARN, what.kind, what.id, got, want)
			}
		})
	})
	for _, s := range []status{nothing, can, trapped, unknown} {
		if met[s] == 0 {
			t.Errorf("no pair was ever %q: %v", s, met)
		}
	}
}

const (
	accountA, accountB = "111122223333", "444455556666"
	someRegion         = "eu-west-1"
)

// statements are what documents of principals are made of: all the ways in which a
// policy can tell principals, keys, volumes and instances apart.
var statements = []string{
	`{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}`,
	`{"Effect": "Allow", "Action": ["ec2:StartInstances", "ec2:AttachVolume"], "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}}`,
	`{"Effect": "Allow", "Action": "ec2:StartInstances", "Resource": "arn:aws:ec2:*:*:instance/i-1*"}`,
	`{"Effect": "Allow", "Action": "ec2:StartInstances", "Resource": "arn:aws:ec2:eu-west-1:111122223333:instance/i-2"}`,
	`{"Effect": "Deny", "Action": "ec2:StartInstances", "Resource": "*", "Condition": {"StringEquals": {"ec2:ResourceTag/team": "red"}}}`,
	`{"Effect": "Allow", "Action": ["kms:CreateGrant", "kms:GenerateDataKey*"], "Resource": "*"}`,
	`{"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/1*"}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:eu-west-1:111122223333:key/2"}`,
	`{"Effect": "Allow", "Action": "kms:*", "NotResource": "arn:aws:kms:*:*:key/3*"}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/${aws:PrincipalTag/team}"}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/a*"}}}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"StringLike": {"kms:EncryptionContext:aws:ebs:id": "vol-1*"}}}`,
	`{"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"StringLike": {"kms:EncryptionContext:aws:ebs:id": "vol-2"}}}`,
	`{"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"StringLike": {"aws:userid": "*1*"}}}`,
	`{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}`,
	`{"Effect": "Allow", "NotAction": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"aws:username": ["u1", "u2"]}}}`,
	`{"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r1*"}}}`,
	`{"Effect": "Allow", "Action": "kms:CreateGrants", "Resource": "*"}`,
	`{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "${aws:username}"}}}`,
}

// keyStatements are what key policies are made of.
var keyStatements = []string{
	`{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}`,
	`{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": ["kms:CreateGrant", "kms:GenerateDataKey*", "kms:ReEncrypt*"], "Resource": "*"}`,
	`{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:user/u1", "arn:aws:iam::111122223333:role/r2"]}, "Action": "kms:*", "Resource": "*"}`,
	`{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}}`,
	`{"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:user/u2"}, "Action": "kms:CreateGrant", "Resource": "*"}`,
	`{"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:iam::111122223333:user/u1", "arn:aws:iam::111122223333:root"]}, "Action": "kms:GenerateDataKeyWithoutPlaintext", "Resource": "*"}`,
	`{"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringLike": {"aws:PrincipalArn": "*infrastructure*"}}}`,
	`{"Effect": "Allow", "Principal": {"AWS": "AROAR1EXAMPLE0000001"}, "Action": "kms:*", "Resource": "*"}`,
	`{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}}`,
	`{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}`,
	`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "arn:aws:kms:eu-west-1:111122223333:key/2"}`,
}

func document(name string, list []string) *access.Document {
	d := access.Document{Name: name, Policy: mustParse(`{"Version": "2012-10-17", "Statement": [` + strings.Join(list, ",") + `]}`)}
	return &d
}

func some(from []string, most int) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, most, rapid.ID[string])
}

func anyTags(t *rapid.T, name string) map[string]string {
	tags := map[string]string{}
	if v := rapid.SampledFrom([]string{"", "red", "1", "blue"}).Draw(t, name); v != "" {
		tags["team"] = v
	}
	return tags
}

// pool is a few documents, so that many principals and keys have the same.
type pool struct{ identity, keys [][]string }

func (p *pool) document(t *rapid.T, name string, of [][]string) *access.Document {
	return document(name, rapid.SampledFrom(of).Draw(t, name))
}

func anyPool(t *rapid.T) *pool {
	p := new(pool)
	for range 2 {
		p.identity = append(p.identity, append([]string{statements[0]}, some(statements[1:], 4).Draw(t, "statements")...))
		p.keys = append(p.keys, some(keyStatements, 4).Draw(t, "key statements"))
	}
	return p
}

func anyInventory(t *rapid.T) *Inventory {
	pool := anyPool(t)
	in := &Inventory{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	in.NoOrganization = rapid.Bool().Draw(t, "alone")
	if !in.NoOrganization && rapid.Bool().Draw(t, "organized") {
		in.Organization = anyOrganization(t)
	}
	for _, id := range []string{accountA, accountB}[:rapid.IntRange(1, 2).Draw(t, "accounts")] {
		in.Accounts = append(in.Accounts, anyAccount(t, pool, id))
	}
	return in
}

func anyOrganization(t *rapid.T) *diagnose.Organization {
	o := &diagnose.Organization{ID: "o-1", Management: rapid.SampledFrom([]string{"999999999999", accountB}).Draw(t, "management")}
	all := *document("all", []string{`{"Effect": "Allow", "Action": "*", "Resource": "*"}`})
	control := *document("control", []string{rapid.SampledFrom([]string{
		`{"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}}`,
		`{"Effect": "Deny", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/1*"}`,
		`{"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*::image/*"}`,
	}).Draw(t, "control")})
	resource := *document("resource", []string{rapid.SampledFrom([]string{
		`{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalAccount": "111122223333"}}}`,
		`{"Effect": "Deny", "Principal": "*", "Action": "kms:CreateGrant", "Resource": "arn:aws:kms:*:*:key/2*"}`,
	}).Draw(t, "resource")})
	for _, id := range []string{accountA, accountB} {
		if rapid.Bool().Draw(t, "placed "+id) {
			o.Places = append(o.Places, diagnose.NewPlace(id, "o-1/r-1/", [][]access.Document{{all}, {all, control}}, [][]access.Document{{resource}}))
		}
	}
	return o
}

func anyAccount(t *rapid.T, pool *pool, id string) *Account {
	a := &Account{ID: id, Partition: "aws"}
	for i := range rapid.IntRange(1, 5).Draw(t, "principals") {
		a.Principals = append(a.Principals, anyPrincipal(t, pool, id, i+1))
	}
	a.Regions = []*Region{anyRegion(t, pool, id)}
	return a
}

func anyPrincipal(t *rapid.T, pool *pool, id string, n int) Principal {
	var p Principal
	name := fmt.Sprintf("u%d", n)
	if rapid.Bool().Draw(t, "role") {
		name = fmt.Sprintf("r%d", n)
		p = roleOf("aws", id, "/", name, fmt.Sprintf("AROAR%dEXAMPLE0000001", n))
		p.TagsSessions = rapid.Bool().Draw(t, "tags sessions")
		p.Principal.ServiceLinked = rapid.IntRange(0, 4).Draw(t, "linked") == 0
	} else {
		p = userOf("aws", id, "/", name, fmt.Sprintf("AIDAU%dEXAMPLE0000001", n))
	}
	p.Principal.Tags = anyTags(t, "tag")
	p.Identity = append(p.Identity, diagnose.Held{Document: *pool.document(t, "policy of "+name, pool.identity)})
	if rapid.IntRange(0, 4).Draw(t, "more") == 0 {
		p.Identity = append(p.Identity, diagnose.Held{Document: *document("more of "+name, some(statements, 2).Draw(t, "statements"))})
	}
	if rapid.IntRange(0, 4).Draw(t, "bounded") == 0 {
		p.Boundary = pool.document(t, "boundary", pool.identity)
	}
	p.BoundaryUnread = p.Boundary == nil && rapid.IntRange(0, 6).Draw(t, "boundary unread") == 0
	return p
}

func anyRegion(t *rapid.T, pool *pool, id string) *Region {
	g := &Region{Site: launch.Site{Partition: "aws", Account: id, Region: someRegion}, KeysRead: rapid.Bool().Draw(t, "keys read")}
	g.InstancesRead, g.ByDefault = rapid.Bool().Draw(t, "instances read"), rapid.Bool().Draw(t, "by default")
	var arns []string
	for i := range rapid.IntRange(1, 4).Draw(t, "keys") {
		g.Keys = append(g.Keys, anyKey(t, pool, id, i+1))
		arns = append(arns, g.Keys[i].ARN)
	}
	arns = append(arns, "arn:aws:kms:"+someRegion+":"+accountA+":key/1", "arn:aws:kms:"+someRegion+":"+accountA+":key/9")
	key := func(name string) string { return rapid.SampledFrom(arns).Draw(t, name) }
	g.DefaultKey = rapid.SampledFrom(append([]string{"", ebsAlias}, arns...)).Draw(t, "default key")
	tags := func(name string) *Tags {
		if rapid.IntRange(0, 5).Draw(t, name+" unread") == 0 {
			return nil
		}
		return NewTags(anyTags(t, name))
	}
	for i := range 3 {
		g.Instances = append(g.Instances, Instance{fmt.Sprintf("i-%d", i+1), tags("instance")})
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "volumes") {
		g.Volumes = append(g.Volumes, Volume{
			ID: fmt.Sprintf("vol-%d", i+1), Key: key("volume's key"), Tags: tags("volume"),
			Instance: rapid.SampledFrom([]string{"", "i-1", "i-2", "i-3", "i-4"}).Draw(t, "instance"),
		})
	}
	g.Snapshots = []Snapshot{{"snap-1", key("snapshot's key"), tags("snapshot")}, {"snap-2", key("snapshot's key"), nil}}
	devices := func(name string) []Device {
		return rapid.SliceOfN(rapid.SampledFrom([]Device{
			{Name: "/dev/xvda", Snapshot: "snap-1"},
			{Name: "/dev/xvda", Snapshot: "snap-2"},
			{Name: "/dev/sdf", Encrypted: true},
			{Name: "/dev/sdg", Snapshot: "snap-1", Key: arns[0]},
			{Name: "/dev/sdh", Key: ebsAlias, Encrypted: true},
			{Name: "/dev/sdi"},
		}), 0, 2).Draw(t, name)
	}
	g.Images = []Image{{"ami-1", tags("image"), devices("devices")}}
	g.Templates = []Template{{ID: "lt-1", Version: 1, Image: rapid.SampledFrom([]string{"", "ami-1", "ami-2"}).Draw(t, "image of template"), Tags: tags("template"), Devices: devices("devices of template")}}
	return g
}

func anyKey(t *rapid.T, pool *pool, id string, n int) Key {
	k := Key{Key: diagnose.Key{
		ARN: fmt.Sprintf("arn:aws:kms:%s:%s:key/%d", someRegion, id, n), Manager: "CUSTOMER", Origin: "AWS_KMS", Tags: anyTags(t, "key's tag"),
		State: rapid.SampledFrom([]string{"Enabled", "Enabled", "Enabled", "Disabled"}).Draw(t, "state"),
	}, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", MultiRegion: "false"}
	if rapid.IntRange(0, 5).Draw(t, "policy read") > 0 {
		k.Policy = pool.document(t, "key policy", pool.keys)
	}
	if rapid.IntRange(0, 5).Draw(t, "tags read") == 0 {
		k.Tags = nil
	}
	if rapid.Bool().Draw(t, "alias") {
		k.Aliases = []string{fmt.Sprintf("alias/%s%d", rapid.SampledFrom([]string{"a", "b"}).Draw(t, "alias name"), n)}
	}
	if rapid.IntRange(0, 3).Draw(t, "granted") == 0 {
		g := access.Grant{ID: "1", Operations: []string{"CreateGrant", "Decrypt", "GenerateDataKeyWithoutPlaintext"}}
		g.Grantee = rapid.SampledFrom([]string{"arn:aws:iam::" + accountA + ":user/u1", "arn:aws:iam::" + accountA + ":role/r1", "arn:aws:iam::" + accountA + ":root"}).Draw(t, "grantee")
		if rapid.Bool().Draw(t, "constrained") {
			g.ContextSubset = map[string]string{launch.ContextKey: "vol-1"}
		}
		k.Grants = []access.Grant{g}
	}
	k.GrantsUnread = rapid.IntRange(0, 8).Draw(t, "grants unread") == 0
	k.StateUnread = rapid.IntRange(0, 8).Draw(t, "state unread") == 0
	return k
}
