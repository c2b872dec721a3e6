package iam

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// source is a user, group, role or policy that a report is about.
type source struct {
	arn    string
	tags   tags
	grants []grant
	// members are the unique ids of the users and roles that have the policies:
	// users by name, then roles by name.
	members []string
}

// grant is one policy that a source has.
type grant struct {
	types.PolicyGrantingServiceAccess
	document *policy.Policy
}

func (src *source) documents() []*policy.Policy {
	all := make([]*policy.Policy, 0, len(src.grants))
	for _, g := range src.grants {
		all = append(all, g.document)
	}
	return all
}

// target is the source as its authorization sees it.
func (src *source) target() target {
	if src == nil {
		return target{}
	}
	t := target{resource: src.arn}
	src.tags.context(&t.context, "iam:ResourceTag/", "aws:ResourceTag/")
	return t
}

// sourceARN takes the ARN of a source apart. Names count, not paths.
func sourceARN(c *api.Call, text string) (name, error) {
	n, ok := parseARN(text)
	if !ok {
		if part := strings.SplitN(text, ":", 6); len(part) == 6 && part[0] == "arn" && part[2] != "iam" {
			return n, invalid("Invalid service in ARN")
		}
		return n, errBadARN()
	}
	switch {
	case n.partition != c.Partition:
		return n, invalid("Invalid ARN partition")
	case n.account != c.Account && !(n.noun == "policy" && n.account == "aws"):
		return n, api.Error("AccessDenied", "User: "+c.Caller.Principal.ARN+" is not authorized to perform the operation on "+text)
	}
	return n, nil
}

// unknownARN is the error for the ARN of what is not there.
func unknownARN(arn string) error { return notFound("ARN %s does not exist.", arn) }

// grantSource reads a user, group or role with its policies.
func (s *Service) grantSource(c *api.Call, text string) (*source, error) {
	n, err := sourceARN(c, text)
	if err != nil {
		return nil, err
	}
	src := &source{}
	switch n.noun {
	case "root":
		return nil, invalidInput("Could not extract entity from ARN : %s", text)
	case "user":
		err = s.userSource(c, n.name, src)
	case "group":
		err = s.groupSource(c, n.name, src)
	case "role":
		err = s.roleSource(c, n.name, src)
	default:
		return nil, invalidInput("Invalid Entity Arn: %s is not supported.", text)
	}
	if isMissing(err) {
		return nil, unknownARN(text)
	}
	return src, err
}

// reportSource is grantSource, for what may also be a policy.
func (s *Service) reportSource(c *api.Call, text string) (*source, error) {
	n, err := sourceARN(c, text)
	if err != nil {
		return nil, err
	}
	switch n.noun {
	case "root":
		return nil, invalidInput("Invalid Entity Arn: %s is not supported.", text)
	case "policy":
		return s.policySource(c, text)
	}
	return s.grantSource(c, text)
}

func (s *Service) userSource(c *api.Call, name string, src *source) error {
	u, err := get(c.Tx, c.Global(), users, "user", name)
	if err != nil {
		return err
	}
	src.arn, src.tags, src.members = arn(c, "user", u.Path, u.Name), u.Tags, []string{u.ID}
	if err := s.grantsOf(c, u.holder, types.PolicyOwnerEntityTypeUser, src); err != nil {
		return err
	}
	in, err := groupsOf(c.Tx, c.Global(), u)
	if err != nil {
		return err
	}
	for _, g := range in {
		if err := s.grantsOf(c, g.holder, types.PolicyOwnerEntityTypeGroup, src); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) groupSource(c *api.Call, name string, src *source) error {
	g, err := get(c.Tx, c.Global(), groups, "group", name)
	if err != nil {
		return err
	}
	src.arn = arn(c, "group", g.Path, g.Name)
	if src.members, err = membersOf(c, g); err != nil {
		return err
	}
	return s.grantsOf(c, g.holder, types.PolicyOwnerEntityTypeGroup, src)
}

// membersOf are the unique ids of a group's users, by name.
func membersOf(c *api.Call, g group) ([]string, error) {
	in, err := collect(users.Find(c.Tx, c.Global(), "group", g.ID), nil)
	byName(in)
	return convert(in, func(u user) string { return u.ID }), err
}

func (s *Service) roleSource(c *api.Call, name string, src *source) error {
	r, err := get(c.Tx, c.Global(), roles, "role", name)
	if err != nil {
		return err
	}
	src.arn, src.tags, src.members = arn(c, "role", r.Path, r.Name), r.Tags, []string{r.ID}
	return s.grantsOf(c, r.holder, types.PolicyOwnerEntityTypeRole, src)
}

// policySource is a managed policy, with the users and roles that have it.
func (s *Service) policySource(c *api.Call, text string) (*source, error) {
	d, err := s.managedDocument(c.Tx, c.Global(), text)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unknownARN(text)
	}
	if err != nil {
		return nil, err
	}
	src := &source{arn: text, grants: []grant{{document: d.Policy}}}
	if p, err := own(c, &text); err == nil {
		src.tags = p.Tags
	}
	having, err := collect(users.Find(c.Tx, c.Global(), "attached", text), nil)
	if err != nil {
		return nil, err
	}
	through, err := collect(groups.Find(c.Tx, c.Global(), "attached", text), nil)
	if err != nil {
		return nil, err
	}
	for _, g := range through {
		in, err := collect(users.Find(c.Tx, c.Global(), "group", g.ID), func(u user) bool {
			return !slices.ContainsFunc(having, func(v user) bool { return v.ID == u.ID })
		})
		if err != nil {
			return nil, err
		}
		having = append(having, in...)
	}
	byName(having)
	played, err := collect(roles.Find(c.Tx, c.Global(), "attached", text), nil)
	byName(played)
	src.members = append(convert(having, func(u user) string { return u.ID }), convert(played, func(r role) string { return r.ID })...)
	return src, err
}

// grantsOf adds the policies that an entity itself has.
func (s *Service) grantsOf(c *api.Call, h holder, kind types.PolicyOwnerEntityType, src *source) error {
	var held access.Policies
	h.Boundary = "" // which grants nothing
	if err := s.held(c.Tx, c.Global(), &h, "", &held); err != nil {
		return err
	}
	// held gives the inline policies first, then the managed ones.
	for i, d := range held.Identity {
		g := grant{document: d.Policy}
		if i < len(h.Inline) {
			g.PolicyName, g.PolicyType = aws.String(h.Inline[i]), types.PolicyTypeInline
			g.EntityName, g.EntityType = aws.String(h.Name), kind
		} else {
			g.PolicyName, g.PolicyType, g.PolicyArn = aws.String(d.Name), types.PolicyTypeManaged, aws.String(d.ARN)
		}
		if g.PolicyArn != nil && slices.ContainsFunc(src.grants, func(o grant) bool { return value(o.PolicyArn) == d.ARN }) {
			continue // of the user and of its group
		}
		src.grants = append(src.grants, g)
	}
	return nil
}

// listPoliciesGranting gives one page: there are no more than 200 services to ask for.
func (s *Service) listPoliciesGranting(c *api.Call, in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	if in.Marker != nil {
		return nil, invalid("Invalid Marker.")
	}
	src, err := s.grantSource(c, value(in.Arn))
	if err != nil {
		return nil, err
	}
	var asked []*serviceref.Service
	var unknown []string
	for _, n := range in.ServiceNamespaces {
		service, ok := knownNamespace(n)
		if !ok {
			unknown = append(unknown, n)
		} else if !slices.Contains(asked, service) {
			asked = append(asked, service)
		}
	}
	if len(unknown) > 0 {
		return nil, invalidInput("Invalid service namespace: [%s]", strings.Join(unknown, ", "))
	}
	out := &iam.ListPoliciesGrantingServiceAccessOutput{}
	for _, service := range asked {
		list := types.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: aws.String(service.Prefix), Policies: []types.PolicyGrantingServiceAccess{}}
		for _, g := range src.grants {
			if grants(g.document, service) {
				list.Policies = append(list.Policies, g.PolicyGrantingServiceAccess)
			}
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, list)
	}
	return out, nil
}
